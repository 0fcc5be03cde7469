"""From command-line options to one mask."""

import argparse
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.images.encoding import check_format
from keras_nst.images.io import read, write
from keras_nst.images.masks import check, feather, flood, from_alpha, from_picture, overlay, rectangle, refine
from keras_nst.images.picture import Picture
from keras_nst.infer.subject import MASKS, subject_mask


def select_mask(options: argparse.Namespace, picture: Picture) -> np.ndarray:
    """The part of a picture that the options select.

    All that `select` (points (x, y), with `tolerance`), `rect` (x, y, width, height) and `mask` (see `named_mask`) say
    is put together, brought to outlines in the picture (`refine`), turned around (`invert`) and made soft (`feather`,
    in pixels), in this order. The mask is written to the file `save_mask`, and what it selects shown in `show_mask`.

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
    if options.refine:
        mask = refine(rgb, mask)
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
        source: "saliency" for what stands out, "cam" for what a classifier recognizes, "alpha" for what is opaque; or
            the path of a picture, of which the alpha or, where all is opaque, the brightness counts.
        picture: What the mask is for.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], not all zero.

    Raises:
        InputError: There is no such file or transparency, the sizes differ, or nothing is selected.
    """
    if source in MASKS:
        mask = subject_mask(picture, source)
    elif source == "alpha":
        mask = from_alpha(picture)
    else:
        mask = from_picture(read(source))
    check(mask, *picture.rgb.shape[1:3], f"The mask {source}")
    return mask
