"""From command-line options to one mask."""

import argparse
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.images.encoding import check_format
from keras_nst.images.io import read, write
from keras_nst.images.masks import (
    check,
    feather,
    flood,
    from_alpha,
    from_picture,
    largest,
    overlay,
    rectangle,
    refine,
)
from keras_nst.images.matting import matte
from keras_nst.images.picture import Picture
from keras_nst.infer.subject import MASKS, subject_mask


def select_mask(options: argparse.Namespace, picture: Picture) -> np.ndarray:
    """The part of a picture that the options select.

    All that `select` (points (x, y), with `tolerance`), `rect` (x, y, width, height) and `mask` (see `named_mask`) say
    is put together, left with its largest piece alone (`largest`), brought to outlines in the picture and made as soft
    as these are (`refine`), turned around (`invert`) and made soft everywhere (`feather`, in pixels), in this order.
    The mask is written to the file `save_mask`, and what it selects shown in `show_mask`.

    Args:
        options: The arguments named above; None, an empty list, False or 0 where one is not given.
        picture: What is selected from.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], not all zero.

    Raises:
        InputError: Nothing is said or selected, an argument does not fit the picture, or a file cannot be written.
    """
    for path in filter(None, (options.save_mask, options.show_mask)):
        check_format(Path(path).suffix)
    rgb = picture.rgb
    size = rgb.shape[1:3]
    masks = []
    if options.select:
        masks.append(flood(rgb, options.select, options.tolerance))
    if options.rect:
        masks.append(rectangle(*size, options.rect))
    if options.mask:
        masks.append(named_mask(options.mask, picture))
    if not masks:
        raise InputError("Nothing is selected. Say what with --select X,Y, --rect X,Y,W,H or --mask FILE.")
    mask = np.maximum.reduce(masks)
    if options.largest:
        mask = largest(mask)
    if options.refine:
        mask = matte(rgb, refine(rgb, mask))
    if options.invert:
        mask = 1 - mask
    mask = feather(mask, options.feather)
    check(mask, *size, "The selection")
    if options.save_mask:
        write(options.save_mask, Picture(np.repeat(mask, 3, axis=-1)))
    if options.show_mask:
        write(options.show_mask, Picture(overlay(rgb, mask)))
    return mask


def named_mask(source: str, picture: Picture) -> np.ndarray:
    """The mask that a word or a file gives.

    Args:
        source: "subject" for that of the photograph, with soft outlines; "saliency" for what stands out; "cam" for what
            a classifier looks at; "alpha" for what is opaque; "box:LEFT,TOP,RIGHT,BOTTOM" in pixels, of which the
            last column and row are the first outside; or the path of a picture, of which the alpha or, where all is
            opaque, the brightness counts.
        picture: What the mask is for.

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
        InputError: It is written otherwise, is empty, or lies outside.
    """
    try:
        left, top, right, bottom = map(int, source.removeprefix("box:").split(","))
    except ValueError:
        raise InputError(f"Cannot read {source}. Expected box:LEFT,TOP,RIGHT,BOTTOM in whole pixels.") from None
    return rectangle(height, width, (left, top, right - left, bottom - top))
