"""The styles of paintings that a net of many styles has learned: a code, a card and a preview for each."""

from collections.abc import Mapping
from pathlib import Path

from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.painter import CodePredictor
from keras_nst.models.saved import HASH, PAINTER_HASH, PREVIEW, read_facts, save_code
from keras_nst.models.styles import steps_of
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture, fit_short_side
from keras_nst.pictures.sheet import PREVIEW_ROW, contact_sheet

# In the public domain, so that previews can be published.
SAMPLES, SIDE = ("astronaut", "chelsea", "coffee", "rocket"), 384
"""Photographs of previews, and their shorter side in pixels."""


def shelve(
    home: Path,
    paintings: Mapping[str, Path],
    folder: Path,
    *,
    about: Mapping[str, Mapping] | None = None,
    console: Console | None = None,
) -> None:
    """Write the style of each painting. One that cannot be read, or has one color everywhere, has none.

    Args:
        home: The net's folder.
        paintings: Their files, by the names of the styles.
        folder: Gets a folder for each style: `home` itself, or the folder that holds it.
        about: Facts for the cards, such as title and artist, by the names of the styles.
        console: Tells which paintings have no style.

    Raises:
        InputError: The net cannot be loaded, or the folder cannot be written.
    """
    predict, facts = CodePredictor(home), read_facts(home)
    photographs = [fit_short_side(read(f"sample:{name}").rgb, SIDE) for name in SAMPLES]
    for name, painting in paintings.items():
        try:
            code = predict(painting)
        except InputError as error:
            (console or Console(quiet=True)).line(f"{name} has no style of its own: {error}")
            continue
        card = {"name": name, **(about or {}).get(name, {}), "painter": home.name, PAINTER_HASH: facts.get(HASH)}
        card["steps"] = steps_of(facts)
        save_code(folder / name, code, {**card, "style_image": painting.name, "style_sha256": sha256(painting)})
        stylizer = Stylizer(folder / name)
        results = [stylizer(Picture(photograph)).rgb for photograph in photographs]
        write(folder / name / PREVIEW, Picture(contact_sheet([photographs, results], height=PREVIEW_ROW)))
