"""Masks by name."""

import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import check, from_alpha, from_picture, rectangle
from keras_nst.select.matting import matte
from keras_nst.select.subject import MASKS, subject_mask


def drawn_mask(source: str) -> np.ndarray | None:
    """Read the mask of a file, (1, h, w, 1); None for a word, which names another mask in each picture.

    Args:
        source: As in `named_mask`.

    Raises:
        InputError: There is no such file.
    """
    if source in MASKS or source == "alpha" or source.startswith("box:"):
        return None
    return from_picture(read(source))


def named_mask(source: str, picture: Picture, drawn: np.ndarray | None = None) -> np.ndarray:
    """Make the mask that a word or a file names.

    Args:
        source: "subject", with soft outlines; "saliency"; "cam" for what a classifier looks at; "alpha";
            "box:LEFT,TOP,RIGHT,BOTTOM" in pixels, where RIGHT and BOTTOM are the first outside; or the path of a
            picture, whose alpha or, if it is opaque, luma is the mask.
        picture: The picture to select from.
        drawn: The mask of the source, if it is a file that `drawn_mask` has read.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], not all zero.

    Raises:
        InputError: There is no such file, box or transparency, the sizes differ, or nothing is selected.
    """
    mask = drawn_mask(source) if drawn is None else drawn
    if mask is None:
        mask = _found(source, picture)
    check(mask, *picture.rgb.shape[1:3], f"The mask {source}")
    return mask


def _found(word: str, picture: Picture) -> np.ndarray:
    """The mask that a word names."""
    if word.startswith("box:"):
        return _box(word, *picture.rgb.shape[1:3])
    if word == "alpha":
        return from_alpha(picture)
    mask = subject_mask(picture, word)
    return matte(picture.rgb, mask) if word == "subject" else mask


def _box(source: str, height: int, width: int) -> np.ndarray:
    """The mask of box:LEFT,TOP,RIGHT,BOTTOM.

    Raises:
        InputError: Another form, or a box that is empty or outside the picture.
    """
    try:
        left, top, right, bottom = map(int, source.removeprefix("box:").split(","))
    except ValueError:
        raise InputError(f"Cannot read {source}. Expected box:LEFT,TOP,RIGHT,BOTTOM in whole pixels.") from None
    return rectangle(height, width, (left, top, right - left, bottom - top))
