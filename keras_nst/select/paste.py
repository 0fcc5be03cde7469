"""Objects in paintings: find them in a composite, cut them out of a picture, place them in a painting.

Colors are (1, h, w, 3) float32 sRGB in [0, 1]; masks are (1, h, w, 1) float32 in [0, 1], 1 on the object.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.compositing import blend, over
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import TOLERANCE, bounding_box, check, feather, flood, from_alpha, is_transparent, refine
from keras_nst.select.matting import matte, object_colors

FEATHER = 2.0
"""Width of a harmonized object's soft outline on each side, in pixels, where its mask is sharp."""

_CERTAIN = 0.05  # Shares so near to 0 or 1 are rounded.

_SMOOTHING = 1.0  # Standard deviation in pixels. It removes JPEG's errors, which alternate.
_BLOCK = 16  # Side of JPEG's blocks, with color at half the size; its errors stay within them.
_UNCHANGED = 10  # Percentage of blocks that are assumed to be free of the object.
_BLOCKS_NOISE = 90  # Percentile of the differences in a block; JPEG often makes the median zero.
_ABOVE_NOISE = 2.0
_LEAST_DIFFERENCE = 6.0  # In units of CIELAB, where 2 or 3 are just visible.
_CLEARLY = 2.0  # Multiple of the least difference that a tenth of an object exceeds, but specks of noise do not.
_UNRELATED = 15.0  # More noise, in units of CIELAB, than two files of the same painting have.

_PART = 0.01  # Share of the largest part's area; smaller parts do not belong to the object.
_HOLE = 0.02  # Share of the object's area; in smaller holes, object and painting happen to be alike.
_SMALLEST = 0.0005  # Share of the picture's area; specks of noise are smaller.
_LARGEST = 0.9  # Share of the picture's area.

_PLAIN = 0.5  # Least share of the border that a plain background covers.
_ALIKE = 2.0  # Multiple of a flood's tolerance: corners may be shaded differently.
_HOLE_TOLERANCE = TOLERANCE / 2  # Smaller, since a hole is not connected to the background.


def find_object(composite: np.ndarray, painting: np.ndarray) -> np.ndarray:
    """Find the object that was pasted into a painting.

    Where the two pictures differ by more than noise is the first estimate. Noise, which every newly saved file has
    everywhere, is measured in the tenth of the picture that differs least. GrabCut then refines the outline on the
    difference of the pictures: it removes the faint ring that JPEG leaves around an object, and adds parts of the
    object that resemble the painting. Specks are dropped and small holes filled.

    Args:
        composite: The painting with the object, (1, h, w, 3) float32 in [0, 1].
        painting: The painting without it, of the same shape.

    Returns:
        The mask, (1, h, w, 1) float32, zeros and ones.

    Raises:
        InputError: The sizes differ, or the pictures differ nowhere or nearly everywhere.
    """
    height, width = painting.shape[1:3]
    if composite.shape != painting.shape:
        raise InputError(
            f"The composite has {composite.shape[2]} x {composite.shape[1]} pixels, the painting {width} x {height}. "
            "Expected the same size; give a mask, or a picture of the object alone."
        )
    difference, distance = _differences(composite, painting)
    least, differing = _differing(distance)
    if is_unrelated(composite, painting):
        raise InputError(
            "The composite differs from the painting nearly everywhere. Expected the same painting with an object "
            "pasted into it; give a mask, or a picture of the object in another size."
        )
    if differing.mean() < _SMALLEST or np.percentile(distance[differing], 90) < _CLEARLY * least:
        raise InputError(
            "The composite shows nothing that the painting does not. Expected an object pasted into it; give a mask, "
            "or a picture of the object alone."
        )
    # Differences as colors around middle gray: one level of 8 bits per unit of CIELAB.
    shown = np.clip(0.5 + difference / 255, 0, 1)[None]
    refined = refine(shown, _as_mask(_without_small_holes(differing)))
    return _as_mask(_without_small_holes(_main_parts(refined[0, ..., 0] > 0.5)))


def is_unrelated(picture: np.ndarray, painting: np.ndarray) -> bool:
    """Whether a picture of the painting's size differs from it nearly everywhere, so it is not a composite.

    Args:
        picture: (1, h, w, 3) float32 in [0, 1].
        painting: The painting, of the same shape.
    """
    _, distance = _differences(picture, painting)
    _, differing = _differing(distance)
    return bool(_noise(distance) >= _UNRELATED or differing.mean() > _LARGEST)


def cut_object(picture: Picture, seeds: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Cut an object out of a picture by its alpha or, if it is opaque, by its plain background.

    The background is flooded from the corners that look like most of the border. Enclosed areas belong to the object,
    unless they are large and look like the background, such as the inside of a handle. Then GrabCut refines the
    outline, and matting softens it.

    Args:
        picture: The picture.
        seeds: Column and row, counted from 0, of pixels in the background, used instead of the corners. Not used if
            there is transparency.

    Returns:
        The mask: the alpha, or zeros and ones except at the outlines.

    Raises:
        InputError: No plain background, nothing else, no opaque pixel, or a seed outside the picture.
    """
    if is_transparent(picture):
        check(picture.alpha, *picture.rgb.shape[1:3], "The object's transparency")
        return from_alpha(picture)
    # Smoothed, so that noise does not change a seed's color.
    smooth = np.clip(cv2.GaussianBlur(picture.rgb[0], (0, 0), _SMOOTHING), 0, 1)[None]
    background = flood(smooth, seeds or _corners(smooth))[0, ..., 0] > 0
    if not seeds and _border(background).mean() < _PLAIN:
        raise InputError(
            "The object's picture has no plain background that its corners show. Expected one color around the "
            "object, or transparency; give a mask, or points in the background."
        )
    background |= _like_enclosed(smooth, background)
    found = _main_parts(~background)
    if found.mean() < _SMALLEST:
        raise InputError(
            "The object's picture shows nothing but background. Expected an object on a plain background; give a mask."
        )
    return matte(picture.rgb, refine(picture.rgb, _as_mask(found)))


def colors(picture: Picture, mask: np.ndarray) -> np.ndarray:
    """The colors of an object without its background.

    Args:
        picture: The picture of the object. If it is transparent, its colors are kept.
        mask: The mask of the object, (1, h, w, 1).

    Returns:
        (1, h, w, 3) float32 in [0, 1], to be pasted through the mask.
    """
    return picture.straight if is_transparent(picture) else object_colors(picture.straight, mask)


def place(
    painting: np.ndarray,
    rgb: np.ndarray,
    mask: np.ndarray,
    at: tuple[float, float] | None = None,
    scale: float | None = None,
    rotate: float = 0.0,
    share: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Place an object in a painting: rotate, resize, paste.

    Colors are weighted by the mask, so that none of the object's background is pasted. A smaller object is averaged
    over areas, a larger one interpolated. The object is moved by whole pixels, so without rotation and scaling its
    pixels are unchanged.

    Args:
        painting: (1, H, W, 3) float32 in [0, 1].
        rgb: The picture of the object, (1, h, w, 3) float32 in [0, 1].
        mask: The mask of the object, (1, h, w, 1) float32 in [0, 1].
        at: Column and row in the painting, counted from 0, of the center of the object's bounding box; None for the
            painting's center. The part outside the painting is cut off.
        scale: Factor of the object's size, above 0; None for the largest that fits into `share` of the painting's
            sides.
        rotate: Degrees, counterclockwise.
        share: See `scale`.

    Returns:
        The composite, (1, H, W, 3) float32 in [0, 1], and the object's mask in it, (1, H, W, 1). Where the mask is 0,
        the composite is exactly the painting.

    Raises:
        InputError: The mask is empty or of another size, the scale is not above 0, the object would be larger than the
            painting, or its center outside.
    """
    check(mask, *rgb.shape[1:3], "The object's mask")
    height, width = painting.shape[1:3]
    turned = _turned(np.concatenate([rgb * mask, mask], axis=-1)[0], rotate)
    rows, columns = turned.shape[:2]
    if scale is None:
        scale = share * min(height / rows, width / columns)
    if not 0 < scale < math.inf:
        raise InputError(f"The scale of the object is {scale}. Expected a number above 0.")
    across, down = max(1, round(scale * columns)), max(1, round(scale * rows))
    if across > width or down > height:
        raise InputError(
            f"The object would have {across} x {down} pixels, the painting has {width} x {height}. Expected a scale "
            f"below {scale:g}."
        )
    x, y = ((width - 1) / 2, (height - 1) / 2) if at is None else at
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(
            f"The center {x:g},{y:g} of the object of {across} x {down} pixels lies outside the painting of "
            f"{width} x {height}. Expected 0,0 to {width - 1},{height - 1}."
        )
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(turned, (across, down), interpolation=interpolation)
    # Halves always round up, so that moving `at` by a pixel moves the object by a pixel.
    left, top = math.floor(x - across / 2 + 1), math.floor(y - down / 2 + 1)
    shown = sized[max(0, -top) : height - top, max(0, -left) : width - left]
    here = slice(None), slice(max(0, top), top + down), slice(max(0, left), left + across)
    composite, placed = painting.copy(), np.zeros((1, height, width, 1), np.float32)
    placed[here] = alpha = np.clip(shown[..., 3:], 0, 1)  # Cubic interpolation overshoots at edges.
    # Only rounding exceeds 1.
    composite[here] = np.minimum(over(np.clip(shown[..., :3], 0, alpha), alpha, painting[here]), 1)
    return composite, placed


def lay(painting: np.ndarray, rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lay a layer over a painting of the same size.

    Args:
        painting: (1, h, w, 3) float32 in [0, 1].
        rgb: The layer, of the same shape.
        mask: Opacity of the layer, (1, h, w, 1) in [0, 1].

    Returns:
        (1, h, w, 3) float32 in [0, 1].
    """
    return over(rgb * mask, mask, painting)


def check_object(mask: np.ndarray) -> None:
    """Check that a mask (1, h, w, 1) selects an object in a picture.

    Raises:
        InputError: It selects nothing, or everything, by more than one half.
    """
    selected = mask > 0.5
    if not selected.any():
        raise InputError("The mask selects nothing of the painting. Expected some of it to be above one half.")
    if selected.all():
        raise InputError("The mask covers all of the painting. Expected the outline of an object; give another mask.")


def outline(mask: np.ndarray) -> np.ndarray:
    """The share of a harmonized object in each pixel of the result.

    A sharp outline is feathered by `FEATHER`. Where the mask has shares further from it than that, as in hair and fur,
    they are kept, but shares within 0.05 of 0 and 1, such as JPEG's errors, become 0 and 1.

    Args:
        mask: (1, h, w, 1) in [0, 1].

    Returns:
        (1, h, w, 1) float32 in [0, 1].

    Raises:
        InputError: See `check_object`.
    """
    check_object(mask)
    feathered = feather(np.float32(mask > 0.5), FEATHER)
    shares = np.where(np.abs(mask - 0.5) < 0.5 - _CERTAIN, mask, np.round(mask))
    beyond = (shares > 0) & (feathered == 0) | (shares < 1) & (feathered == 1)
    side = 4 * round(FEATHER) + 1  # What is as far from these shares as the outline is wide, and as far again.
    near = cv2.dilate(np.float32(beyond[0, ..., 0]), np.ones((side, side)))[None, ..., None]
    return blend(feathered, shares, feather(near, FEATHER))


def _differences(picture: np.ndarray, painting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences in CIELAB, (h, w, 3), and their lengths after smoothing, (h, w)."""
    difference = cv2.cvtColor(picture[0], cv2.COLOR_RGB2LAB) - cv2.cvtColor(painting[0], cv2.COLOR_RGB2LAB)
    return difference, np.linalg.norm(cv2.GaussianBlur(difference, (0, 0), _SMOOTHING), axis=-1)


def _differing(distance: np.ndarray) -> tuple[float, np.ndarray]:
    """The least distance above noise, and the main parts that exceed it, (h, w) bool."""
    least = max(_LEAST_DIFFERENCE, _ABOVE_NOISE * _noise(distance))
    return least, _main_parts(distance > least)


def _noise(distance: np.ndarray) -> float:
    """The distance of two pictures, from distances (h, w), where they should be equal."""
    side = max(1, min(_BLOCK, min(distance.shape) // 8))  # At least 8 blocks, even in a tiny picture.
    rows, columns = (length // side for length in distance.shape)
    blocks = distance[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(np.percentile(np.percentile(blocks, _BLOCKS_NOISE, axis=(1, 3)), _UNCHANGED))


def _main_parts(selected: np.ndarray) -> np.ndarray:
    """The largest connected part, and others that are not much smaller, (h, w) bool."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(selected), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # The unselected area.
    return ((areas >= _PART * areas.max()) & (areas > 0))[parts]


def _without_small_holes(selected: np.ndarray) -> np.ndarray:
    """Fill small holes, (h, w) bool. What reaches the border is not a hole."""
    _, holes, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(~selected), connectivity=4)
    small = statistics[:, cv2.CC_STAT_AREA] <= _HOLE * selected.sum()
    small[np.unique(_border(holes))] = False
    return selected | small[holes]


def _like_enclosed(rgb: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Large areas that look like the mean of the background but are not connected to it, (h, w) bool."""
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    alike = np.linalg.norm(lab - lab[background].mean(axis=0), axis=-1) <= _HOLE_TOLERANCE
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(alike & ~background), connectivity=4)
    large = statistics[:, cv2.CC_STAT_AREA] > _HOLE * (~background).sum()
    large[0] = False  # The rest.
    return large[parts]


def _corners(rgb: np.ndarray) -> list[tuple[int, int]]:
    """Column and row of the corners that look like most of the border."""
    height, width = rgb.shape[1:3]
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    typical = np.median(_border(lab), axis=0)
    corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
    # Lightness may differ twice as much, as in `flood`.
    allowed = _ALIKE * TOLERANCE * np.array([2, 1, 1])
    return [(x, y) for x, y in corners if (np.abs(lab[y, x] - typical) <= allowed).all()]


def _border(values: np.ndarray) -> np.ndarray:
    """The outermost pixels of (h, w, ...): (n, ...)."""
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _turned(layer: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate a layer (h, w, 4) with its mask in the last channel counterclockwise, and crop it to the mask."""

    def cut(layer: np.ndarray) -> np.ndarray:
        return layer[bounding_box(layer[None, ..., 3:])]

    layer = cut(layer)
    height, width = layer.shape[:2]
    if degrees % 360 == 0:
        return layer
    to_turned = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    cosine, sine = np.abs(to_turned[0, :2])
    # Rounding errors of a right angle must not add a pixel.
    across = math.ceil(width * cosine + height * sine - 1e-6)
    down = math.ceil(width * sine + height * cosine - 1e-6)
    to_turned[:, 2] += (across - width) / 2, (down - height) / 2
    return cut(cv2.warpAffine(layer, to_turned, (across, down), flags=cv2.INTER_CUBIC))


def _as_mask(selected: np.ndarray) -> np.ndarray:
    return selected[None, ..., None].astype(np.float32)
