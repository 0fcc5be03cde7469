"""Run the commands of docs/gallery.md, and write its pictures.

python tools/gallery.py            # takes minutes
python tools/gallery.py --quick    # small and with few steps, to check that it runs
"""

import argparse
import os
import re
import shlex
import tempfile
from contextlib import chdir
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_nst.cli import main
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import contact_sheet

DOCS = Path(__file__).parents[1] / "docs"
BYTES, SHEET_BYTES = 200_000, 500_000
# The pictures that are shown side by side.
PICTURES = {
    "styles": ["styles.png"],
    "lite": ["lite.png"],
    "shelf": ["shelf.png"],
    "colors": ["half.png", "kept.png", "only.png"],
    "protect": ["sample:astronaut", "full.png", "protected.png"],
    "partial": ["sample:coffee", "part.png"],
    "optimize": ["sample:coffee", "painting.png", "optimized.png"],
    "harmonize": ["report/sheet.png"],
}
QUICK = {
    "optimize": "--end-size 48 --iterations 2 --style-layers relu1_1 --content-layers relu1_2 --statistic gram",
    "harmonize": "--quality draft --style-strength 0",
    "sheet": "--max-size 64 --height 64",
}


def commands() -> list[list[str]]:
    """The arguments of each command on the page."""
    page = re.sub(r"\\\n *", "", (DOCS / "gallery.md").read_text("utf-8"))
    return [shlex.split(line) for line in re.findall(r"(?m)^    keras-nst (.*)", page)]


def make(folder: Path, quick: bool) -> None:
    """Run the commands in a temporary folder, and write the pictures."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as elsewhere, chdir(elsewhere):
        for command in commands():
            if main(command + quick * QUICK.get(command[0], "").split()):
                raise SystemExit(f"failed: {' '.join(command)}")
        for name, shown in PICTURES.items():
            limit = SHEET_BYTES if shown in (["styles.png"], ["lite.png"], ["shelf.png"]) else BYTES
            (folder / f"{name}.jpg").write_bytes(small([read(source) for source in shown], limit))


def small(pictures: list[Picture], limit: int) -> bytes:
    """Encode pictures side by side, as large as fits into `limit` bytes."""
    height = max(picture.rgb.shape[1] for picture in pictures)
    while len(encoded := beside(pictures, height)) > limit:
        height = round(0.9 * height)
    return encoded


def beside(pictures: list[Picture], height: int) -> bytes:
    """Encode pictures side by side."""
    return encode(Picture(contact_sheet([[picture.rgb for picture in pictures]], height=height)), "jpg")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, default=DOCS / "pictures" / "gallery")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    make(options.output, options.quick)
