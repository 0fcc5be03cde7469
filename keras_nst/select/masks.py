"""Masks: which part of a picture is meant, chosen by color, by a box, with a brush, from a file or by what stands out.

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
"""How far colors may be from a seed's, in units of CIELAB.

Rather too little than too much: another seed adds what is missing, and nothing takes back what leaked.
"""

_LIGHTNESS = 2.0  # Shading changes the lightness of an object more than its hue and chroma.
_PINHOLE = 0.0005  # Of the picture's area.

_WORKING_SIDE = 512  # GrabCut takes a second at this side.
_BAND = 0.04  # Of the longest side, on either side of the outline.
_ROUNDS = 5

_SOFTNESS = 0.1  # Of a map, on either side of the threshold.
_LIKELY = 0.5

_SOFT_STRENGTH = 0.03  # Of the shorter side.

_DIMMED = 0.4
_LINE = (1.0, 0.9, 0.0)
_LINE_WIDTH = 1 / 300  # Of the longest side.


def flood(rgb: np.ndarray, seeds: Sequence[tuple[int, int]], tolerance: float = TOLERANCE) -> np.ndarray:
    """What is joined to a seed by colors like the seed's.

    Every color is compared with the seed's, not with its neighbor's: from neighbor to neighbor a blurred outline is
    as harmless as soft shading, and the flood would leak through it. Shading is allowed for by a lightness that may
    differ twice as much as the two axes of color. Pinholes, which noise and glints leave, are filled.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        seeds: Column and row of a pixel in each part, counted from 0; all parts are selected.
        tolerance: How much a* and b* of CIELAB may differ, and half of how much L* may, from 0 (black and white are
            100 apart).

    Returns:
        The mask, of zeros and ones.

    Raises:
        InputError: A seed lies outside the picture.
    """
    height, width = rgb.shape[1:3]
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    allowed = tolerance * _LIGHTNESS, tolerance, tolerance
    # Over the 4 sides of pixels, setting 1.
    flags = 4 | 1 << 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    selected = np.zeros((height, width), np.uint8)
    for x, y in seeds:
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                f"The point {x},{y} lies outside the picture of {width} x {height} pixels. "
                f"Expected 0,0 to {width - 1},{height - 1}."
            )
        reached = np.zeros((height + 2, width + 2), np.uint8)  # One's flood would stop another's.
        cv2.floodFill(lab, reached, (x, y), 0, allowed, allowed, flags)
        selected |= reached[1:-1, 1:-1]
    return _without_pinholes(selected)[None, ..., None].astype(np.float32)


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """A box, as far as it lies in the picture.

    Args:
        height: Of the picture.
        width: Of the picture.
        box: Column and row of the upper left corner, width and height, in pixels.

    Returns:
        The mask, of zeros and ones.

    Raises:
        InputError: Nothing of the box lies in the picture.
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
    """The mask that a picture shows: what is opaque in it or, if all is, how bright it is.

    Args:
        picture: Of any size.

    Returns:
        The mask, of the picture's size.
    """
    return picture.alpha if is_transparent(picture) else np.minimum(luma(picture.rgb), 1)  # Beyond by rounding only.


def is_transparent(picture: Picture) -> bool:
    """Whether more than specks of a picture are not opaque; painting programs leave single pixels of alpha 254."""
    return picture.alpha is not None and bool((picture.alpha < 1).mean() > _PINHOLE)


def seen(mask: np.ndarray, picture: Picture) -> np.ndarray:
    """A mask (1, h, w, 1) as far as the picture is opaque: what it covers has no hidden color."""
    return mask if picture.alpha is None else np.minimum(mask, picture.alpha)


def from_alpha(picture: Picture) -> np.ndarray:
    """What is opaque in a picture.

    Args:
        picture: Of any size.

    Returns:
        The mask, of the picture's size.

    Raises:
        InputError: All of it is.
    """
    if not is_transparent(picture):
        raise InputError("The picture has no transparency to take a mask from. Expected a PNG, TIFF or WebP that has.")
    return picture.alpha


def likely(certainty: np.ndarray) -> np.ndarray:
    """What is more likely selected than not; about one half the mask rises evenly, from 0.4 to 0.6.

    Args:
        certainty: How surely each pixel belongs to the subject, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask; zeros where nothing is likely.
    """
    return _ramp(certainty, _LIKELY, _SOFTNESS)


def otsu(saliency: np.ndarray) -> np.ndarray:
    """What stands out in a map.

    The threshold parts the map into two groups of least variance within; about it the mask rises evenly, so that what
    is in doubt is half selected.

    Args:
        saliency: A map of the subject, as `select.saliency` makes them, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask; of a flat map, which has no subject, zeros.

    Source:
        Otsu, 1979, "A Threshold Selection Method from Gray-Level Histograms".

    Differs from the source:
        A ramp of 0.1 on either side of the threshold in place of a step, shorter where 0 or 1 is nearer.
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
    """A mask after a stroke of a round brush.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].
        points: Column and row of the corners of the brush's way, from 0; one is a dab. They may lie outside.
        size: Of the brush: its diameter in pixels, from 1.
        adds: Whether the brush selects; else it takes away.

    Returns:
        The mask. Under the brush it is 1, or 0; elsewhere as it was.
    """
    height, width = mask.shape[1:3]
    # Within the picture and the brush's reach of it; OpenCV's own thick lines are up to two pixels thicker.
    way = np.ones((height + 2 * size, width + 2 * size), np.uint8)
    cv2.polylines(way, [np.int32([*points, points[-1]]) + size], False, 0)
    distance = cv2.distanceTransform(way, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[size:-size, size:-size]
    return np.where(distance[None, ..., None] < size / 2, np.float32(adds), mask)


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask within the largest connected part of what is at all selected, by the sum of the mask; else 0.
    """
    count, pieces = cv2.connectedComponents(np.uint8(mask[0, ..., 0] > 0), connectivity=8)
    amounts = np.bincount(pieces.ravel(), mask.ravel(), count)
    return np.where(pieces[None, ..., None] == amounts.argmax(), mask, np.float32(0))


def filled(mask: np.ndarray) -> np.ndarray:
    """A mask without holes: what wholly selected pixels surround is selected too.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask. A hole that reaches the picture's border, or a gap in what surrounds it, stays.
    """
    return np.where(binary_fill_holes(mask[0, ..., 0] == 1)[None, ..., None], np.float32(1), mask)


def refine(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A mask whose outline has moved to where the colors part.

    A band of 4 % of the picture's longest side on either side of the outline is in doubt; what lies further in or out
    stays. Of narrow parts, which the band would swallow, at least the middle stays. A large picture is decided upon
    shrunk, within the surroundings of what is selected, and the result enlarged bilinearly.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        mask: What is about selected, (1, h, w, 1) float32 in [0, 1].

    Returns:
        The mask, of zeros and ones but for enlarged outlines; `mask` itself if it selects nothing or everything. The
        same for the same arguments.

    Source:
        Rother, Kolmogorov and Blake, 2004, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts".

    Differs from the source:
        OpenCV's implementation, without border matting; started from a mask in place of a box.
    """
    if not (mask > 0.5).any():
        return mask
    band = max(2, round(_BAND * max(rgb.shape[1:3])))
    rows, columns = bounding_box(mask > 0.5, 3 * band)  # The band, and background to learn its colors from.
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
    cv2.setRNGSeed(0)  # The clusters that color models start from are drawn.
    colors = np.rint(255 * window[..., ::-1]).astype(np.uint8)
    cv2.grabCut(colors, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _ROUNDS, cv2.GC_INIT_WITH_MASK)

    size = columns.stop - columns.start, rows.stop - rows.start
    refined = np.zeros_like(mask)
    # GC_FGD and GC_PR_FGD are the odd labels.
    refined[0, rows, columns, 0] = cv2.resize(np.float32(labels & 1), size, interpolation=cv2.INTER_LINEAR)
    return refined


def feather(mask: np.ndarray, radius: float) -> np.ndarray:
    """A mask with soft outlines.

    Args:
        mask: (1, h, w, 1) float32 in [0, 1].
        radius: How far from an outline, in pixels, the mask changes at most: two standard deviations of the Gaussian
            that it is filtered with. 0 returns it as it is.

    Returns:
        The mask. Beyond the picture's border it is taken to go on as it is there.

    >>> mask = np.float32([[0, 0, 0, 0, 1, 1, 1, 1]])[None, ..., None]
    >>> feather(mask, 2.0)[0, 0, [0, 7], 0].tolist()  # Unchanged four pixels from the outline.
    [0.0, 1.0]
    """
    if radius == 0:
        return mask
    side = 2 * math.ceil(radius) + 1
    blurred = cv2.GaussianBlur(mask[0, ..., 0], (side, side), radius / 2, borderType=cv2.BORDER_REPLICATE)
    return np.clip(blurred, 0, 1)[None, ..., None]  # Beyond by rounding only.


def strengths(mask: np.ndarray, elsewhere: float, protected: float) -> np.ndarray:
    """How strong a style is from pixel to pixel where a part of the picture is protected from it.

    Args:
        mask: What is protected, (1, h, w, 1) float32 in [0, 1].
        elsewhere: The strength outside, in [0, 1].
        protected: The strength inside.

    Returns:
        (1, h, w, 1) float32, soft over 3 % of the picture's shorter side on either side of outlines.
    """
    soft = feather(mask, _SOFT_STRENGTH * min(mask.shape[1:3]))
    return blend(np.float32(elsewhere), np.float32(protected), soft)


def overlay(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture to look at a mask: what is not selected is gray and dim, and a line runs around what is.

    Args:
        rgb: The picture, (1, h, w, 3) float32 in [0, 1].
        mask: (1, h, w, 1) float32 in [0, 1].

    Returns:
        (1, h, w, 3) float32 in [0, 1]; what is wholly selected is unchanged. The line lies outside of where the mask
        exceeds one half.
    """
    shown = blend(np.float32(_DIMMED) * luma(rgb), rgb, mask)
    inside = np.uint8(mask[0, ..., 0] > 0.5)
    width = max(1, round(_LINE_WIDTH * max(inside.shape)))
    grown = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1,) * 2))
    shown[0, grown > inside] = _LINE
    return shown


def check(mask: np.ndarray, height: int, width: int, name: str = "The mask") -> None:
    """Refuse a mask that does not fit a picture, or selects nothing of it.

    Args:
        mask: (1, h, w, 1).
        height: Of the picture.
        width: Of the picture.
        name: What the message calls the mask.

    Raises:
        InputError: It is so.
    """
    rows, columns = mask.shape[1:3]
    if (rows, columns) != (height, width):
        raise InputError(
            f"{name} has {columns} x {rows} pixels, the picture {width} x {height}. Expected a mask of the same size."
        )
    if not mask.any():
        raise InputError(f"{name} selects nothing of the picture. Expected some of it to be above 0.")


def bounding_box(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    """The part of a picture that holds all that is selected, even if only a little.

    Args:
        mask: (1, h, w, 1), not all zero.
        margin: Pixels around it, as far as there are.

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
    """The same with small holes filled, (h, w) bool."""
    _, holes, statistics, _ = cv2.connectedComponentsWithStats(1 - selected, connectivity=8)
    small = statistics[:, cv2.CC_STAT_AREA] <= _PINHOLE * selected.size
    return selected.astype(bool) | small[holes]
