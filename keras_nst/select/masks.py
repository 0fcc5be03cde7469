"""Masks, selected by color, box, brush, file or saliency.

A mask is (1, h, w, 1) float32 in [0, 1], 1 where the picture is selected.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes

from keras_nst.errors import InputError
from keras_nst.pictures.color import luma
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture, resize

TOLERANCE = 12.0
"""Tolerance of `flood` in units of CIELAB; small, because more seeds can extend a mask but nothing reduces it."""

_LIGHTNESS = 2.0  # Shading changes the lightness of an object more than its hue and chroma.
_PINHOLE = 0.0005  # Share of the picture's area.

_WORKING_SIDE = 512  # GrabCut takes a second at this size.
_BAND = 0.04  # Share of the longest side, on each side of the outline.
_ROUNDS = 5

_SOFTNESS = 0.1  # On each side of the threshold.
_LIKELY = 0.5

_SOFT_STRENGTH = 0.03  # Share of the shorter side.

_DIMMED = 0.4
_LINE = (1.0, 0.9, 0.0)
_LINE_WIDTH = 1 / 300  # Share of the longest side.


def flood(rgb: np.ndarray, seeds: Sequence[tuple[int, int]], tolerance: float = TOLERANCE) -> np.ndarray:
    """Flood fill from seeds: connected pixels with a color like the seed's.

    Each pixel is compared with the seed, not with its neighbor: neighbors differ as little across a blurred outline as
    in soft shading, so the flood would leak. Lightness may differ twice as much as a* and b*, which allows for shading.
    Pinholes from noise and glints are filled.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        seeds: Column and row of a pixel in each part, counted from 0. All parts are selected.
        tolerance: Largest difference of a* and b*, and half of that of L*, in units of CIELAB (black and white differ
            by 100).

    Returns:
        The mask, zeros and ones.

    Raises:
        InputError: A seed is outside the picture.
    """
    height, width = rgb.shape[1:3]
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    allowed = tolerance * _LIGHTNESS, tolerance, tolerance
    # Four neighbors; set the mask to 1.
    flags = 4 | 1 << 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    selected = np.zeros((height, width), np.uint8)
    for x, y in seeds:
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                f"The point {x},{y} lies outside the picture of {width} x {height} pixels. "
                f"Expected 0,0 to {width - 1},{height - 1}."
            )
        reached = np.zeros((height + 2, width + 2), np.uint8)  # Each its own, since a flood stops at another's mask.
        cv2.floodFill(lab, reached, (x, y), 0, allowed, allowed, flags)
        selected |= reached[1:-1, 1:-1]
    return _without_pinholes(selected)[None, ..., None].astype(np.float32)


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """The mask of a box, cropped to the picture.

    Args:
        height: Height of the picture.
        width: Width of the picture.
        box: Column and row of the upper left corner, width and height, in pixels.

    Returns:
        The mask, zeros and ones.

    Raises:
        InputError: The box is outside the picture.
    """
    x, y, across, down = box
    mask = np.zeros((1, height, width, 1), np.float32)
    mask[:, max(y, 0) : max(y + down, 0), max(x, 0) : max(x + across, 0)] = 1
    if not mask.any():
        raise InputError(
            f"Nothing of the box {x},{y},{across},{down} (x, y, width, height) lies in the picture of "
            f"{width} x {height} pixels."
        )
    return mask


def from_picture(picture: Picture) -> np.ndarray:
    """Read a picture as a mask: its alpha, or its luma if it is opaque.

    Args:
        picture: The picture.

    Returns:
        The mask, of the picture's size.
    """
    return picture.alpha if is_transparent(picture) else np.minimum(luma(picture.rgb), 1)  # Rounding may exceed 1.


def is_transparent(picture: Picture) -> bool:
    """Whether a picture has more than specks of transparency; painting programs leave single pixels of alpha 254."""
    return picture.alpha is not None and bool((picture.alpha < 1).mean() > _PINHOLE)


def seen(mask: np.ndarray, picture: Picture) -> np.ndarray:
    """Limit a mask (1, h, w, 1) to the visible part of a picture, so that it covers no hidden color."""
    return mask if picture.alpha is None else np.minimum(mask, picture.alpha)


def from_alpha(picture: Picture) -> np.ndarray:
    """The alpha of a picture as a mask.

    Args:
        picture: The picture.

    Returns:
        The mask, of the picture's size.

    Raises:
        InputError: The picture is opaque.
    """
    if not is_transparent(picture):
        raise InputError("The picture has no transparency to use as a mask. Expected a transparent PNG, TIFF or WebP.")
    return picture.alpha


def likely(certainty: np.ndarray) -> np.ndarray:
    """Select what is more likely the subject than not. The mask rises linearly from a probability of 0.4 to 0.6.

    Args:
        certainty: Probability that each pixel belongs to the subject, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask; 0 where the probability is at most 0.4.
    """
    return _ramp(certainty, _LIKELY, _SOFTNESS)


def otsu(saliency: np.ndarray) -> np.ndarray:
    """Select the salient part of a map by Otsu's threshold, which minimizes the variance within both groups.

    The mask rises linearly around the threshold, so that uncertain pixels are half selected.

    Args:
        saliency: A map from `select.saliency`, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask; zeros for a constant map, which has no subject.

    Source: Otsu 1979, "A Threshold Selection Method from Gray-Level Histograms".
    Differs from the source: a ramp of 0.1 on each side of the threshold, less where 0 or 1 is nearer, instead of a
    step.
    """
    levels = np.rint(255 * saliency[0, ..., 0]).astype(np.uint8)
    lowest, highest = int(levels.min()), int(levels.max())
    if lowest == highest:
        return np.zeros_like(saliency)
    below, _ = cv2.threshold(levels, 0, 1, cv2.THRESH_OTSU)
    threshold = (below + 0.5) / 255
    softness = min(_SOFTNESS, threshold - lowest / 255, highest / 255 - threshold)
    return _ramp(saliency, threshold, softness)


def stroke(mask: np.ndarray, points: Sequence[tuple[int, int]], size: int, *, adds: bool = True) -> np.ndarray:
    """Draw a stroke of a round brush into a mask.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].
        points: Column and row, counted from 0, of the corners of the stroke; one makes a dot. They may be outside.
        size: Diameter of the brush in pixels, at least 1.
        adds: Whether the brush selects or deselects.

    Returns:
        The mask: 1 or 0 under the brush, unchanged elsewhere.
    """
    height, width = mask.shape[1:3]
    # A thin line with a margin, then distances: OpenCV's thick lines are up to two pixels too thick.
    way = np.ones((height + 2 * size, width + 2 * size), np.uint8)
    cv2.polylines(way, [np.int32([*points, points[-1]]) + size], False, 0)
    distance = cv2.distanceTransform(way, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[size:-size, size:-size]
    return np.where(distance[None, ..., None] < size / 2, np.float32(adds), mask)


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask in the connected part above 0 with the largest sum; 0 elsewhere.
    """
    count, pieces = cv2.connectedComponents(np.uint8(mask[0, ..., 0] > 0), connectivity=8)
    amounts = np.bincount(pieces.ravel(), mask.ravel(), count)
    return np.where(pieces[None, ..., None] == amounts.argmax(), mask, np.float32(0))


def filled(mask: np.ndarray) -> np.ndarray:
    """Fill the holes of a mask.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask; everything that fully selected pixels enclose is 1. What reaches the picture's border is not a hole.
    """
    return np.where(binary_fill_holes(mask[0, ..., 0] == 1)[None, ..., None], np.float32(1), mask)


def refine(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Move the outline of a mask to the edges of the picture, by GrabCut.

    GrabCut decides within a band on each side of the outline, 4 % of the picture's longest side wide. Parts narrower
    than the band keep at least their middle. A large picture is cropped around the selection and shrunk; the result is
    enlarged bilinearly.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        mask: The approximate mask, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask, zeros and ones except at enlarged outlines; `mask` itself if it selects nothing or everything.
        Deterministic.

    Source: Rother et al. 2004, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts".
    Differs from the source: OpenCV's implementation, without border matting; it starts from a mask, not from a box.
    """
    if not (mask > 0.5).any():
        return mask
    band = max(2, round(_BAND * max(rgb.shape[1:3])))
    rows, columns = bounding_box(mask > 0.5, 3 * band)  # The band, and enough background for its color model.
    window = resize(Picture(rgb[:, rows, columns]), _WORKING_SIDE).rgb[0]
    shrunk = cv2.resize(mask[0, rows, columns], window.shape[1::-1], interpolation=cv2.INTER_AREA)
    inside = np.uint8(shrunk > 0.5)
    if not inside.any() or inside.all():
        return mask
    band *= max(inside.shape) / max(rows.stop - rows.start, columns.stop - columns.start)

    depth, distance = (cv2.distanceTransform(values, cv2.DIST_L2, 5) for values in (inside, 1 - inside))
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[depth > min(band, depth.max() / 2)] = cv2.GC_FGD
    labels[distance > min(band, distance.max() / 2)] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # Color models start from random clusters.
    colors = np.rint(255 * window[..., ::-1]).astype(np.uint8)
    cv2.grabCut(colors, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)

    size = columns.stop - columns.start, rows.stop - rows.start
    refined = np.zeros_like(mask)
    # GC_FGD and GC_PR_FGD are the odd labels.
    refined[0, rows, columns, 0] = cv2.resize(np.float32(labels & 1), size, interpolation=cv2.INTER_LINEAR)
    return refined


def feather(mask: np.ndarray, radius: float) -> np.ndarray:
    """Soften the outlines of a mask.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].
        radius: Distance from an outline, in pixels, up to which the mask changes; two standard deviations of the
            Gaussian filter. 0 returns the mask itself.

    Returns:
        The mask. The filter repeats the values at the picture's border.

    >>> mask = np.float32([[0, 0, 0, 0, 1, 1, 1, 1]])[None, ..., None]
    >>> feather(mask, 2.0)[0, 0, [0, 7], 0].tolist()  # Unchanged four pixels from the outline.
    [0.0, 1.0]
    """
    if radius == 0:
        return mask
    side = 2 * math.ceil(radius) + 1
    blurred = cv2.GaussianBlur(mask[0, ..., 0], (side, side), radius / 2, borderType=cv2.BORDER_REPLICATE)
    return np.clip(blurred, 0, 1)[None, ..., None]  # Only rounding leaves the range.


def strengths(mask: np.ndarray, elsewhere: float, protected: float) -> np.ndarray:
    """The strength of a style at each pixel, if a part of the picture is protected.

    Args:
        mask: The protected part, (1, h, w, 1) float32 in [0, 1].
        elsewhere: Strength outside, in [0, 1].
        protected: Strength inside.

    Returns:
        (1, h, w, 1) float32, soft over 3 % of the picture's shorter side on each side of the outlines.
    """
    soft = feather(mask, _SOFT_STRENGTH * min(mask.shape[1:3]))
    return blend(np.float32(elsewhere), np.float32(protected), soft)


def overlay(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Show a mask on a picture: unselected parts are gray and dim, and selected parts have an outline.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        (1, h, w, 3) float32 in [0, 1]. Fully selected pixels are unchanged; the outline is outside the part above 0.5.
    """
    shown = blend(np.float32(_DIMMED) * luma(rgb), rgb, mask)
    inside = np.uint8(mask[0, ..., 0] > 0.5)
    width = max(1, round(_LINE_WIDTH * max(inside.shape)))
    grown = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1,) * 2))
    shown[0, grown > inside] = _LINE
    return shown


def check(mask: np.ndarray, height: int, width: int, name: str = "The mask") -> None:
    """Check that a mask has the picture's size and selects some of it.

    Args:
        mask: (1, h, w, 1).
        height: Height of the picture.
        width: Width of the picture.
        name: Name of the mask in messages.

    Raises:
        InputError: The sizes differ, or nothing is selected.
    """
    rows, columns = mask.shape[1:3]
    if (rows, columns) != (height, width):
        raise InputError(
            f"{name} has {columns} x {rows} pixels, the picture {width} x {height}. Expected a mask of the same size."
        )
    if not mask.any():
        raise InputError(f"{name} selects nothing of the picture. Expected some of it to be above 0.")


def bounding_box(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    """The bounding box of everything above 0 in a mask.

    Args:
        mask: (1, h, w, 1), not all zero.
        margin: Pixels to add on each side, within the picture.

    Returns:
        Rows and columns, as slices with a start and a stop.
    """

    def span(selected: np.ndarray) -> slice:
        (places,) = selected.nonzero()
        return slice(max(0, int(places[0]) - margin), min(len(selected), int(places[-1]) + 1 + margin))

    selected = mask[0, ..., 0] > 0
    return span(selected.any(axis=1)), span(selected.any(axis=0))


def _ramp(values: np.ndarray, threshold: float, softness: float) -> np.ndarray:
    return np.clip((values - np.float32(threshold)) / np.float32(2 * softness) + np.float32(0.5), 0, 1)


def _without_pinholes(selected: np.ndarray) -> np.ndarray:
    """Fill small holes, (h, w) bool."""
    _, holes, statistics, _ = cv2.connectedComponentsWithStats(1 - selected, connectivity=8)
    small = statistics[:, cv2.CC_STAT_AREA] <= _PINHOLE * selected.size
    return selected.astype(bool) | small[holes]
