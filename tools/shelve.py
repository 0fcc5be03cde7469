"""Writes the shipped styles of a net of many styles: a code, a card and a preview for each painting.

Usage: python tools/shelve.py NET PAINTINGS OUT

NET is the folder of a net that `train --net unet` has written. PAINTINGS is a folder of pictures named like the rows
below. OUT receives the net in OUT/unet, and a folder for each painting.
"""

import shutil
import sys
from pathlib import Path

from keras_nst.console import Console
from keras_nst.jobs.shelf import shelve
from keras_nst.models.painter import NAME
from keras_nst.models.saved import CARD, PAINTER

PAINTINGS = {
    "apples_and_oranges": ("Apples and Oranges", "Paul Cezanne", "c. 1899"),
    "arlesiennes": ("Arlésiennes (Mistral)", "Paul Gauguin", "1888"),
    "at_the_well": ("Woman and Child at the Well", "Camille Pissarro", "1882"),
    "composition_vii": ("Composition VII", "Wassily Kandinsky", "1913"),
    "houses_at_auvers": ("Houses at Auvers", "Vincent van Gogh", "1890"),
    "hunters_in_the_snow": ("The Hunters in the Snow", "Pieter Bruegel the Elder", "1565"),
    "olive_trees": ("Olive Trees", "Vincent van Gogh", "1889"),
    "otani_oniji": ("Otani Oniji III", "Toshusai Sharaku", "1794"),
    "proverbs": ("Netherlandish Proverbs", "Pieter Bruegel the Elder", "1559"),
    "self_portrait": ("Self-Portrait", "Vincent van Gogh", "1889"),
    "shipwreck": ("The Shipwreck of the Minotaur", "Joseph Mallord William Turner", "c. 1810"),
    "starry_night": ("The Starry Night", "Vincent van Gogh", "1889"),
    "tahiti": ("Tahitian scene", "Paul Gauguin", "1890s"),
    "the_scream": ("The Scream", "Edvard Munch", "1893"),
    "udnie": ("Udnie", "Francis Picabia", "1913"),
    "wave": ("The Great Wave off Kanagawa", "Katsushika Hokusai", "1831"),
    "wheat_field": ("Wheat Field with Cypresses", "Vincent van Gogh", "1889"),
}
"""Title, artist and date of each, all in the public domain."""


def main(net: str, paintings: str, out: str) -> None:
    home = Path(out) / NAME
    home.mkdir(parents=True, exist_ok=True)
    for file in (PAINTER, CARD):
        shutil.copyfile(Path(net) / file, home / file)
    files = {path.stem: path for path in sorted(Path(paintings).iterdir())}
    about = {name: dict(zip(("title", "artist", "date"), facts, strict=True)) for name, facts in PAINTINGS.items()}
    shelve(home, files, Path(out), about=about, console=Console())


if __name__ == "__main__":
    main(*sys.argv[1:])
