"""Run the commands of the pages that show their results, and write the pictures.

python tools/pictures.py                     # all pages, many minutes
python tools/pictures.py --page gallery      # one page
python tools/pictures.py --quick             # small and with few steps, to check that it runs
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
BYTES, SHEET_BYTES = 200_000, 700_000
# The pages, and the pictures that each of their pictures shows side by side.
PAGES = {
    "gallery": {
        "first": ["first.png"],
        "shelf": ["shelf.png"],
        "styles": ["styles.png"],
        "lite": ["lite.png"],
        "colors": ["half.png", "kept.png", "only.png"],
        "strokes": ["fine.png", "larger.png", "largest.png"],
        "protect": ["sample:astronaut", "full.png", "protected.png"],
        "partial": ["sample:coffee", "part.png"],
        "optimize": ["sample:coffee", "painting.png", "optimized.png"],
        "harmonize": ["report/sheet.png"],
    },
    "tutorials/photograph": {
        "all": ["all.png"],
        "painted": ["sample:chelsea", "painted.png"],
        "less": ["half.png", "kept.png"],
        "face": ["full.png", "face.png"],
        "mixed": ["mixed.png"],
    },
    "tutorials/painting": {name: [f"{name}.png"] for name in ("painting", "predicted", "tuned", "optimized")},
    "tutorials/object": {
        "canvas": ["canvas.png", "sample:coffee"],
        **{name: [f"{name}.png"] for name in ("cup", "draft", "harmonized", "strokes")},
    },
}
QUICK = {
    "optimize": "--end-size 48 --iterations 2 --style-layers relu1_1 --content-layers relu1_2 --statistic gram",
    "harmonize": "--quality draft --style-strength 0",
    "sheet": "--max-size 64 --height 64",
    "--tune": "--tune 1",
}


def commands(page: str) -> list[list[str]]:
    """The arguments of each command on a page."""
    text = re.sub(r"\\\n *", "", (DOCS / f"{page}.md").read_text("utf-8"))
    return [shlex.split(line) for line in re.findall(r"(?m)^    keras-nst (.*)", text)]


def make(page: str, output: Path, quick: bool) -> None:
    """Run the commands of a page in a temporary folder, and write its pictures into the folder of its kind."""
    folder = output.resolve() / page.split("/")[0]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as elsewhere, chdir(elsewhere):
        for command in commands(page):
            smaller = [word for part in QUICK if quick and part in command for word in QUICK[part].split()]
            if main(command + smaller):
                raise SystemExit(f"failed: {' '.join(command)}")
        for name, shown in PAGES[page].items():
            limit = SHEET_BYTES if name in ("first", "styles", "lite", "shelf", "all") else BYTES
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
    parser.add_argument("--page", action="append", choices=PAGES)
    parser.add_argument("--output", type=Path, default=DOCS / "pictures")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    for page in options.page or PAGES:
        make(page, options.output, options.quick)
