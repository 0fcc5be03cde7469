"""Matting: the object's share of each pixel along an outline, and the object's color there.

Colors are (1, h, w, 3) float32 in [0, 1]; masks and mattes are (1, h, w, 1) float32 in [0, 1].
"""

import cv2
import numpy as np

from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.masks import bounding_box

_BAND = 0.015  # Share of the longest side, on each side of the outline: here the matte is computed.
_WORKING_SIDE = 640
_LEAST_VARIANCE = 1e-5  # Variance of colors below which an area is flat.
_CERTAIN = 0.05  # Shares so near to 0 or 1 are rounded.
_DISTRUSTED, _TRUSTED = 0.4, 0.7  # Shares of the mask's variance that the colors explain.

_WIDE, _NARROW = 0.09, 0.006  # Shares of the longest side.
_LEAST_SHARE = 1e-5


def matte(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Make the outline of a mask as soft as in the picture: fractional at hair and fur, sharp at edges.

    The matte is computed in a band on each side of the outline, 1.5 % of the picture's longest side wide. There it is a
    linear function of color, fitted to the mask in windows as wide as the band. Where object and background have the
    same colors, the mask is kept. The functions are fitted to a smaller copy of a large picture, and applied at full
    size.

    Args:
        rgb: The picture.
        mask: The mask, which also defines the trimap: outside the band it is known.

    Returns:
        The matte; `mask` itself if it selects nothing or everything.

    Source: He et al. 2010, "Guided Image Filtering", sections 3 and 4 (matting); He & Sun 2015, "Fast Guided Filter",
    for the smaller copy.
    Differs from the source: shares within 0.05 of 0 and 1 become 0 and 1, so that no haze is left. The mask is kept
    where the fit explains less than 0.4 of its variance; from 0.7 on, only the fit counts.
    """
    inside = np.uint8(mask > 0.5)
    if not inside.any() or inside.all():
        return mask
    longest = max(mask.shape)
    band = max(2, round(_BAND * longest))
    rows, columns = bounding_box(inside, 3 * band)
    window, inside = rgb[0, rows, columns], inside[0, rows, columns, 0]
    small = resize(Picture(window[None]), _WORKING_SIDE).rgb[0]
    radius = max(1, round(band * max(small.shape[:2]) / max(window.shape[:2])))
    selected = cv2.resize(np.float32(inside), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    slope, offset, trust = (
        cv2.resize(np.float32(values), window.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        for values in _fitted(small, selected, radius)
    )
    share = np.einsum("hwc,hwc->hw", slope, window) + offset
    share = np.clip((share - _CERTAIN) / (1 - 2 * _CERTAIN), 0, 1)
    depth, distance = (cv2.distanceTransform(values, cv2.DIST_L2, 5) for values in (inside, 1 - inside))
    share = blend(mask[0, rows, columns, 0], share, trust)
    share[depth > band] = 1
    share[distance > band] = 0
    found = np.zeros_like(mask)
    found[0, rows, columns, 0] = share
    return found


def object_colors(rgb: np.ndarray, matte: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
    """Estimate the colors of an object without the background that shows through it.

    Args:
        rgb: The picture.
        matte: The object's share of each pixel.
        background: The picture without the object; None to estimate it.

    Returns:
        Colors F such that the picture is F times the matte, plus the background nearby (or the given one) times one
        minus the matte. Where the matte is 1, F is the picture; where it is 0, F is the color of the object nearby.

    Source: Forte 2021, "Approximate Fast Foreground Colour Estimation", algorithm 1, applied twice.
    """
    longest = max(matte.shape)
    rows, columns = bounding_box(matte, round(_WIDE * longest))
    picture, share = rgb[0, rows, columns], matte[0, rows, columns]
    front = picture
    behind = picture if background is None else background[0, rows, columns]
    for reach in (_WIDE, _NARROW):
        side = 2 * max(1, round(reach * longest)) + 1
        front = _mean(front, share, side)
        if background is None:
            behind = _mean(behind, 1 - share, side)
        front = np.clip(front + share * (picture - share * front - (1 - share) * behind), 0, 1)
    colors = rgb.copy()
    colors[0, rows, columns] = np.where(share == 1, picture, front)
    return colors


def _fitted(rgb: np.ndarray, mask: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the mask as a linear function of the color, averaged over all windows.

    Returns:
        Slope (h, w, 3), offset (h, w), and trust in the fit, (h, w) in [0, 1].
    """
    guide, mask = rgb.astype(np.float64), mask.astype(np.float64)[..., None]
    color, share = _windowed(guide, radius), _windowed(mask, radius)
    covariance = _windowed(guide * mask, radius) - color * share
    one, other = np.triu_indices(3)
    upper = _windowed(guide[..., one] * guide[..., other], radius) - color[..., one] * color[..., other]
    variance = np.empty((*color.shape, 3))
    variance[..., one, other] = variance[..., other, one] = upper
    slope = np.linalg.solve(variance + _LEAST_VARIANCE * np.eye(3), covariance[..., None])[..., 0]
    offset = share - np.sum(slope * color, axis=-1, keepdims=True)
    varying = np.maximum(_windowed(mask**2, radius) - share**2, _LEAST_SHARE)
    explained = _windowed(np.sum(slope * covariance, axis=-1, keepdims=True), radius) / _windowed(varying, radius)
    trust = np.clip((explained - _DISTRUSTED) / (_TRUSTED - _DISTRUSTED), 0, 1)
    return _windowed(slope, radius), _windowed(offset, radius)[..., 0], trust[..., 0]


def _windowed(values: np.ndarray, radius: int) -> np.ndarray:
    """Means over windows, (h, w, channels)."""
    side = (2 * radius + 1,) * 2
    means = (cv2.blur(np.ascontiguousarray(channel), side) for channel in np.moveaxis(values, -1, 0))
    return np.stack(list(means), axis=-1)


def _mean(colors: np.ndarray, weights: np.ndarray, side: int) -> np.ndarray:
    """Weighted means over windows, (h, w, 3)."""
    total = cv2.blur(weights, (side, side))[..., None]
    return cv2.blur(colors * weights, (side, side)) / np.maximum(total, _LEAST_SHARE)
