"""A style for any painting: its code, predicted for the shipped net of many styles, and kept.

The style of a painting is a folder like others, in the user's cache, so that all that takes a style takes a painting.
"""

import os
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.images.io import read
from keras_nst.images.picture import fit_short_side
from keras_nst.models import styles

NAME = "unet"
"""The net of many styles that a painting's code is for."""

_LONGEST = 2  # Of a painting's sides, the longer by the shorter: of a strip, the middle is seen.


def style_of(painting: str | Path) -> Path:
    """The folder of a painting's style, predicted unless it has been before.

    Args:
        painting: A picture's file.

    Raises:
        InputError: It cannot be read, no net of many styles is at hand, or the cache cannot be written.
    """
    folder = folder_of(painting)
    if not (folder / styles.CODE).is_file():
        from keras_nst.models.observer import Observer
        from keras_nst.models.predictor import STATISTICS, parts
        from keras_nst.models.vgg import vgg

        _, predictor = parts(styles.load_painter(home()))
        seen = Observer(vgg=vgg())(seen_of(painting), STATISTICS.probes)
        keep(folder, np.asarray(predictor(*STATISTICS(seen)))[0], painting, tuned=0)
    return folder


def home() -> Path:
    """The folder of that net: in the working directory, or shipped.

    Raises:
        InputError: There is none.
    """
    folders = styles.TRAINED / NAME, styles.SHIPPED / NAME
    if found := next((folder for folder in folders if (folder / styles.PAINTER).is_file()), None):
        return found
    raise InputError(
        f"A painting's style is a code of a net of many styles, and there is none at {folders[0]}. Learn one with "
        "train.py --net unet, learn this painting with train.py --style, or see keras-nst optimize."
    )


def folder_of(painting: str | Path) -> Path:
    """Where the style of a painting is kept: by the contents of its file and of the net."""
    painting = Path(painting)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "keras_nst", "styles")
    return cache / sha256(home() / styles.PAINTER)[:16] / sha256(painting)[:16] / painting.stem


def seen_of(painting: str | Path) -> np.ndarray:
    """A painting as the net's training saw them, (1, height, width, 3): of that size, of a strip its middle."""
    size = int(styles.read_facts(home()).get("style_size", 384))
    rgb = fit_short_side(read(painting).rgb, size)
    height, width = rgb.shape[1:3]
    top, left = max(0, height - _LONGEST * size) // 2, max(0, width - _LONGEST * size) // 2
    return rgb[:, top : top + _LONGEST * size, left : left + _LONGEST * size]


def keep(folder: Path, code: np.ndarray, painting: str | Path, *, tuned: float) -> None:
    """Write a painting's style.

    Args:
        folder: Of `folder_of`.
        code: (n,).
        painting: The picture's file.
        tuned: For how many seconds the code has been tuned.

    Raises:
        InputError: The folder cannot be written.
    """
    painting = Path(painting)
    card = {
        "name": painting.stem,
        "painter": NAME,
        "style_image": painting.name,
        "style_sha256": sha256(painting),
        "tuned_seconds": tuned,
    }
    styles.save_code(folder, code, card)
