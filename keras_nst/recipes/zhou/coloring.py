"""Recolor an object with colors of the painting."""

import cv2
import numpy as np

from keras_nst.models.observer import Observer
from keras_nst.models.vgg import stride
from keras_nst.pictures.color import agreed_colors, spread_changes
from keras_nst.recipes.zhou.matching import COLOR_LAYER, block_means, features_of, lab, matches, surroundings


def recolored(
    observer: Observer, painting: np.ndarray, pasted: np.ndarray, mask: np.ndarray, full: np.ndarray
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Give an object the colors of similar places in the painting, such that areas of one color keep one color.

    Args:
        observer: With the network "vgg".
        painting: (1, h, w, 3) in [0, 1], at the scale at which colors are found.
        pasted: The composite at that scale.
        mask: The mask of the object at that scale, (1, h, w, 1).
        full: The composite at full size.

    Returns:
        The slices of `full` around the object, and their recolored content.
    """
    rows, columns = surroundings(mask)
    window, inside = pasted[:, rows, columns], mask[:, rows, columns]
    own, factor = features_of(observer, window, COLOR_LAYER), stride(COLOR_LAYER)
    covered = block_means(inside, factor)
    positions = np.flatnonzero(covered)
    places = np.stack(np.divmod(positions, own.shape[2]), axis=1)
    colors = block_means(window * inside, factor).reshape(-1, 3)[positions] / covered.reshape(-1, 1)[positions]
    palette = lab(block_means(painting, factor).reshape(-1, 3))
    matched = matches(observer, COLOR_LAYER, own, positions, painting, colors)
    agreed = _rgb(agreed_colors(lab(colors), palette[matched], places))
    small, changes = np.zeros((2, *own.shape[1:3], 3), np.float32)
    small[places[:, 0], places[:, 1]], changes[places[:, 0], places[:, 1]] = colors, agreed - colors
    known = covered[0, ..., 0] > 0
    # The same part of the large picture. The ratio of the sizes differs by rounding between rows and columns.
    down, right = (large / few for large, few in zip(full.shape[1:3], pasted.shape[1:3], strict=True))
    down_to = slice(round(rows.start * down), round((rows.start + factor * own.shape[1]) * down))
    right_to = slice(round(columns.start * right), round((columns.start + factor * own.shape[2]) * right))
    here = slice(None), down_to, right_to
    return here, spread_changes(full[here], small, changes, known)


def _rgb(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_LAB2RGB)[0]
