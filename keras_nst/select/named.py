"""Masks by name."""

import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import check, from_alpha, from_picture, rectangle
from keras_nst.select.matting import matte
from keras_nst.select.subject import MASKS, subject_mask


def named_mask(source: str, picture: Picture) -> np.ndarray:
    """Make the mask that a word or a file names.

    Args:
        source: "subject", with soft outlines; "saliency"; "cam" for what a classifier looks at; "alpha";
            "box:LEFT,TOP,RIGHT,BOTTOM" in pixels, where RIGHT and BOTTOM are the first outside; or the path of a
            picture, whose alpha or, if it is opaque, luma is the mask.
        picture: The picture to select from.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], not all zero.

    Raises:
        InputError: There is no such file, box or transparency, the sizes differ, or nothing is selected.
    """
    if source in MASKS:
        mask = subject_mask(picture, source)
        if source == "subject":
            mask = matte(picture.rgb, mask)
    elif source.startswith("box:"):
        mask = _box(source, *picture.rgb.shape[1:3])
    elif source == "alpha":
        mask = from_alpha(picture)
    else:
        mask = from_picture(read(source))
    check(mask, *picture.rgb.shape[1:3], f"The mask {source}")
    return mask


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
