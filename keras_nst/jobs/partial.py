"""Select a part of a photograph, and restyle it alone."""

from collections.abc import Callable

import numpy as np

from keras_nst.errors import InputError
from keras_nst.options import SelectionOptions
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import bounding_box, check, feather, flood, largest, rectangle, refine
from keras_nst.select.matting import matte
from keras_nst.select.named import named_mask

MARGIN = 0.25
"""Margin around a part, as a fraction of its longer side: strokes may then cross its outline."""

MIN_SIDE = 128
"""Minimum height and width of a restyled part with its margin, in pixels, if the photograph is that large."""


def select(picture: Picture, options: SelectionOptions) -> np.ndarray:
    """Compute the mask of a selected part.

    First all selections are joined: pixels of similar colors, box and mask. Then, if the options say so, only the
    largest piece is kept, the outline is moved to the outline in the picture, the selection is inverted, and its
    outline is softened, in this order.

    Args:
        picture: The picture.
        options: What is selected.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], not all zero.

    Raises:
        InputError: Nothing is selected, or an option does not fit the picture.
    """
    rgb = picture.rgb
    masks = []
    if options.select:
        masks.append(flood(rgb, options.select, options.tolerance))
    if options.rect:
        masks.append(rectangle(*rgb.shape[1:3], options.rect))
    if options.mask:
        masks.append(named_mask(options.mask, picture))
    if not masks:
        raise InputError("Nothing is selected. Select something with `select`, `rect` or `mask`.")
    mask = np.maximum.reduce(masks)
    if options.largest:
        mask = largest(mask)
    if options.refine:
        mask = matte(rgb, refine(rgb, mask))
    if options.invert:
        mask = 1 - mask
    mask = feather(mask, options.feather)
    check(mask, *rgb.shape[1:3], "The selection")
    return mask


def restyle_part(
    rgb: np.ndarray,
    mask: np.ndarray,
    restyle: Callable[[np.ndarray, np.ndarray], np.ndarray],
    background: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Crop a selected area with a margin, restyle the crop, and blend it back through the mask.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].
        mask: The selection, (1, h, w, 1) in [0, 1].
        restyle: Function from the crop (1, y, x, 3) and its mask (1, y, x, 1) to the restyled crop. It restyles all
            pixels fully; partly selected ones are mixed here.
        background: Function from the photograph to the picture around the part; None for the photograph itself.

    Returns:
        The composite, (1, h, w, 3). Where the mask is 0 it equals the background exactly.

    Source: Zhou, sections 3.1 and 4.2.1.
    Differs from the source: the crop is not resized to a fixed shape, since the networks here take any size; the mask
    is soft.
    """
    rows, columns = bounding_box(mask)
    sides = rows.stop - rows.start, columns.stop - columns.start
    margin = max(round(MARGIN * max(sides)), -(-(MIN_SIDE - min(sides)) // 2))
    rows, columns = bounding_box(mask, margin)
    result = rgb.copy() if background is None else np.array(background(rgb))
    cut = (slice(None), rows, columns)
    result[cut] = blend(result[cut], restyle(rgb[cut], mask[cut]), mask[cut])
    return result
