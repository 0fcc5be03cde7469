"""Conversion of other forms of a picture to `Picture`."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from keras_nst.errors import InputError
from keras_nst.pictures.decoding import decode
from keras_nst.pictures.io import MIN_SIDE, read
from keras_nst.pictures.picture import Picture

_FORMS = "Expected a Picture, a file's path or bytes, a PIL image, or an array (height, width, 1, 3 or 4)"


def as_picture(given: Any) -> Picture:
    """Convert any common form of a picture.

    Args:
        given: A `Picture`; a path, `sample:NAME` or encoded bytes, as in `read`; a PIL image; or an array or tensor,
            (height, width) or (height, width, channels), optionally with a batch axis of 1. Integers are in [0, 255],
            floats in [0, 1]. Channels are gray, RGB or RGBA.

    Raises:
        InputError: Another form, values out of range, a damaged picture, or one smaller than 16x16.

    >>> as_picture(np.zeros((20, 30, 3), np.uint8)).rgb.shape
    (1, 20, 30, 3)
    """
    if isinstance(given, Picture):
        return given
    if isinstance(given, str | Path | bytes):
        return read(given)
    if isinstance(given, Image.Image):
        return _large_enough(_from_pil(given))
    try:
        values = np.asarray(given)
    except Exception as error:
        raise InputError(f"{_FORMS}. Received: {type(given).__name__}.") from error
    if values.dtype.kind not in "uif":
        raise InputError(f"{_FORMS}. Received: {type(given).__name__}.")
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim == 4 and len(values) == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[-1] not in (1, 3, 4) or not values.size:
        raise InputError(f"{_FORMS}. Received an array of shape {np.shape(given)}.")
    largest = 1.0 if values.dtype.kind == "f" else 255.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= largest):
        raise InputError(
            f"Expected values from 0 to {largest:g} in an array of {values.dtype}. "
            f"Received {values.min():g} to {values.max():g}."
        )
    values = np.float32(values[None] / largest)
    color = np.repeat(values, 3, axis=-1) if values.shape[-1] == 1 else values[..., :3]
    return _large_enough(Picture(color, values[..., 3:] if values.shape[-1] == 4 else None))


def _from_pil(image: Image.Image) -> Picture:
    try:
        if isinstance(image, ImageFile.ImageFile):
            return decode(image)
        return as_picture(np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")))
    except InputError:
        raise
    except Exception as error:  # Pillow reads the pixels only now, and may raise anything if the file is damaged.
        raise InputError(f"Cannot read the image: it is damaged or cut short ({error}).") from error


def _large_enough(picture: Picture) -> Picture:
    height, width = picture.rgb.shape[1:3]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"The picture has {width} x {height} pixels. Expected at least {MIN_SIDE} on each side.")
    return picture
