"""A part of a photograph restyled, the rest left as it is."""

from collections.abc import Callable

import numpy as np

from keras_nst.images.compositing import blend
from keras_nst.images.masks import bounding_box

MARGIN = 0.25
"""What is shown around a part, as a share of its longer side: strokes begin outside and go through its outline."""

LEAST_SIDE = 128
"""Pixels of the photograph that a restyled part has at least on each side, where there are so many."""


def restyle_part(
    rgb: np.ndarray,
    mask: np.ndarray,
    restyle: Callable[[np.ndarray, np.ndarray], np.ndarray],
    background: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Cut out a selected area with a margin, restyle it, and put it back through its mask.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].
        mask: What is selected, (1, h, w, 1) in [0, 1].
        restyle: From the cut and its mask, (1, y, x, 3) and (1, y, x, 1), to the cut in the new style. What
            the mask half selects is restyled as a whole: it is put back by half.
        background: From the photograph to what is shown around; None leaves it as it is.

    Returns:
        The composite, (1, h, w, 3). Where the mask is 0 it is the background bit for bit.

    Source: Zhou, sections 3.1 and 4.2.1. Differs from the source: the cut keeps its scale and is not squeezed into a
    shape that a network takes, since the networks here take any; the mask is soft.
    """
    rows, columns = bounding_box(mask)
    sides = rows.stop - rows.start, columns.stop - columns.start
    margin = max(round(MARGIN * max(sides)), -(-(LEAST_SIDE - min(sides)) // 2))
    rows, columns = bounding_box(mask, margin)
    result = rgb.copy() if background is None else np.array(background(rgb))
    cut = (slice(None), rows, columns)
    result[cut] = blend(result[cut], restyle(rgb[cut], mask[cut]), mask[cut])
    return result
