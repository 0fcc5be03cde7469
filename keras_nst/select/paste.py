"""Objects pasted into paintings: found in a composite, cut out of a picture of their own, placed into a painting.

Color is (1, h, w, 3) float32 sRGB in [0, 1], a mask (1, h, w, 1) float32 in [0, 1], 1 where the object is.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.compositing import over
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import TOLERANCE, bounding_box, check, flood, from_alpha, is_transparent, refine
from keras_nst.select.matting import matte, object_colors

_SMOOTHING = 1.0  # Standard deviation in pixels: JPEG's errors alternate, the differences of an object do not.
_BLOCK = 16  # JPEG's errors stay within its blocks, of this side where color is stored at half the size.
_UNCHANGED = 10  # Percent of the blocks that are taken to be free of the object.
_BLOCKS_NOISE = 90  # Percentile of the differences in a block: more than the median, which JPEG often makes zero.
_ABOVE_NOISE = 2.0
_LEAST_DIFFERENCE = 6.0  # In units of CIELAB: two or three are just seen.
_CLEARLY = 2.0  # Times the least difference, which a tenth of an object reaches and specks of noise do not.
_UNRELATED = 15.0  # Noise beyond that of any file of the same painting, in the same units.

_PART = 0.01  # Of the largest part's area: what is smaller does not belong to the object.
_HOLE = 0.02  # Of the object's area: a smaller hole is where object and ground happen to be alike.
_SMALLEST = 0.0005  # Of the picture's area, which specks of noise do not reach.
_LARGEST = 0.9  # Of the picture's area.

_PLAIN = 0.5  # Of the picture's border: less of it in the corners' colors is no plain background.
_ALIKE = 2.0  # Times the tolerance of a flood: shading may part the corners, or an object stand in one.
_HOLE_TOLERANCE = TOLERANCE / 2  # Nothing joins a hole to the background, so it must look more like it.


def find_object(composite: np.ndarray, painting: np.ndarray) -> np.ndarray:
    """Where something was pasted into a painting.

    What differs more than noise does is the start. Noise, which files saved anew have everywhere, is measured in the
    tenth of the picture that differs least. An outline is found where the difference of the two pictures changes,
    with GrabCut's models of how the unchanged and the changed differ; so the faint ring that JPEG leaves around an
    object goes, and parts of the object that are almost like the painting come. Specks are left out, small holes
    filled.

    Args:
        composite: The painting with the object, (1, h, w, 3) float32 in [0, 1].
        painting: Without it, of the same shape.

    Returns:
        The mask, (1, h, w, 1) float32, of zeros and ones.

    Raises:
        InputError: The sizes differ, or the pictures do, nowhere or nearly everywhere.
    """
    height, width = painting.shape[1:3]
    if composite.shape != painting.shape:
        raise InputError(
            f"The composite has {composite.shape[2]} x {composite.shape[1]} pixels, the painting {width} x {height}. "
            "Expected the same size; give a mask, or the object in a picture of its own."
        )
    difference, distance = _differences(composite, painting)
    least, differing = _differing(distance)
    if is_unrelated(composite, painting):
        raise InputError(
            "The composite differs from the painting nearly everywhere. Expected the same painting with an object "
            "pasted into it; give a mask, or the object in a picture of another size."
        )
    if differing.mean() < _SMALLEST or np.percentile(distance[differing], 90) < _CLEARLY * least:
        raise InputError(
            "The composite shows nothing that the painting does not. Expected an object pasted into it; give a mask, "
            "or the object in a picture of its own."
        )
    # One step of 8 bits to a unit of CIELAB, about middle gray.
    shown = np.clip(0.5 + difference / 255, 0, 1)[None]
    refined = refine(shown, _as_mask(_without_small_holes(differing)))
    return _as_mask(_without_small_holes(_main_parts(refined[0, ..., 0] > 0.5)))


def is_unrelated(picture: np.ndarray, painting: np.ndarray) -> bool:
    """Whether a picture of a painting's size differs from it nearly everywhere, so that it is no composite of it.

    Args:
        picture: (1, h, w, 3) float32 in [0, 1].
        painting: Of the same shape.
    """
    _, distance = _differences(picture, painting)
    _, differing = _differing(distance)
    return bool(_noise(distance) >= _UNRELATED or differing.mean() > _LARGEST)


def cut_object(picture: Picture, seeds: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Where the object is in a picture of its own: what is opaque or, if all is, what is not its plain background.

    The background is flooded from the corners; one that looks unlike most of the border is taken to be the object's.
    Enclosed parts stay with the object unless they are large and look like the background (the inside of a handle).
    The outline is then moved to where the colors part, and made as soft as it is there.

    Args:
        picture: Of any size.
        seeds: Column and row, counted from 0, of pixels in the background, in place of the corners: a background has
            few colors, each of which one pixel tells, an object has many. Not used if there is transparency.

    Returns:
        The mask: `alpha` as it is, or of zeros and ones but for the outlines.

    Raises:
        InputError: There is no plain background, nothing but that, or no opaque pixel, or a seed lies outside.
    """
    if is_transparent(picture):
        check(picture.alpha, *picture.rgb.shape[1:3], "The object's transparency")
        return from_alpha(picture)
    # A seed should not have a color of its own, from noise.
    smooth = np.clip(cv2.GaussianBlur(picture.rgb[0], (0, 0), _SMOOTHING), 0, 1)[None]
    background = flood(smooth, seeds or _corners(smooth))[0, ..., 0] > 0
    if not seeds and _border(background).mean() < _PLAIN:
        raise InputError(
            "The object's picture has no plain background that could be told from its corners. Expected one color "
            "around the object, or transparency; give a mask, or points in the background."
        )
    background |= _like_enclosed(smooth, background)
    found = _main_parts(~background)
    if found.mean() < _SMALLEST:
        raise InputError(
            "The object's picture shows nothing but background. Expected an object on a plain background; give a mask."
        )
    return matte(picture.rgb, refine(picture.rgb, _as_mask(found)))


def colors(picture: Picture, mask: np.ndarray) -> np.ndarray:
    """The colors of an object in a picture of its own, without those of its background.

    Args:
        picture: With transparency, which hides the background already, or without.
        mask: Where the object is, (1, h, w, 1).

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
    """An object in a painting.

    It is turned, then sized: each new pixel is the mean of the area it covers, or cubic between the old ones if it is
    enlarged. It comes to lie on whole pixels, so that without turning and sizing nothing is interpolated. Color is
    weighted by the mask throughout: none of the object's background gets in.

    Args:
        painting: (1, H, W, 3) float32 in [0, 1].
        rgb: The picture the object is in, (1, h, w, 3) float32 in [0, 1].
        mask: Where it is, (1, h, w, 1) float32 in [0, 1].
        at: Column and row of the painting, counted from 0, where the center of the object's bounding box goes; None
            for the painting's center. What then lies outside the painting is cut off.
        scale: Of the object's sides, above 0; None for the largest that fits into `share` of the painting's sides.
        rotate: Degrees, counterclockwise.
        share: See `scale`.

    Returns:
        The composite, (1, H, W, 3) float32 in [0, 1], and the object's mask in it, (1, H, W, 1). Where the mask is 0
        the composite is the painting, bit for bit.

    Raises:
        InputError: The mask does not fit or is empty, the scale is not above 0, the object gets larger than the
            painting, or its center lies outside.
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
    # Halves go up always, not to the even number: the same shift of `at` is the same shift of the object.
    left, top = math.floor(x - across / 2 + 1), math.floor(y - down / 2 + 1)
    shown = sized[max(0, -top) : height - top, max(0, -left) : width - left]
    here = slice(None), slice(max(0, top), top + down), slice(max(0, left), left + across)
    composite, placed = painting.copy(), np.zeros((1, height, width, 1), np.float32)
    placed[here] = alpha = np.clip(shown[..., 3:], 0, 1)  # Cubic interpolation overshoots at edges.
    # Beyond by rounding only.
    composite[here] = np.minimum(over(np.clip(shown[..., :3], 0, alpha), alpha, painting[here]), 1)
    return composite, placed


def lay(painting: np.ndarray, rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A layer of a painting's size over it, where it is.

    Args:
        painting: (1, h, w, 3) float32 in [0, 1].
        rgb: The layer, of the same shape.
        mask: What of it is seen, (1, h, w, 1) in [0, 1].

    Returns:
        (1, h, w, 3) float32 in [0, 1].
    """
    return over(rgb * mask, mask, painting)


def check_object(mask: np.ndarray) -> None:
    """Refuse a mask of nothing or of all the painting: (1, h, w, 1).

    Raises:
        InputError: It is one.
    """
    if not mask.any():
        raise InputError("The mask selects nothing of the painting. Expected some of it to be above one half.")
    if mask.min() > 0:
        raise InputError("The mask covers all of the painting. Expected the outline of an object; give another mask.")


def _differences(picture: np.ndarray, painting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In CIELAB, (h, w, 3), and their length without noise, (h, w)."""
    difference = cv2.cvtColor(picture[0], cv2.COLOR_RGB2LAB) - cv2.cvtColor(painting[0], cv2.COLOR_RGB2LAB)
    return difference, np.linalg.norm(cv2.GaussianBlur(difference, (0, 0), _SMOOTHING), axis=-1)


def _differing(distance: np.ndarray) -> tuple[float, np.ndarray]:
    """The least distance that is no noise, and where there is more, (h, w) bool."""
    least = max(_LEAST_DIFFERENCE, _ABOVE_NOISE * _noise(distance))
    return least, _main_parts(distance > least)


def _noise(distance: np.ndarray) -> float:
    """How much pictures differ where they are the same, of differences (h, w)."""
    side = max(1, min(_BLOCK, min(distance.shape) // 8))  # A tiny picture has blocks, too.
    rows, columns = (length // side for length in distance.shape)
    blocks = distance[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(np.percentile(np.percentile(blocks, _BLOCKS_NOISE, axis=(1, 3)), _UNCHANGED))


def _main_parts(selected: np.ndarray) -> np.ndarray:
    """The largest connected part, and those that are not small beside it, (h, w) bool."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(selected), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # What is not selected.
    return ((areas >= _PART * areas.max()) & (areas > 0))[parts]


def _without_small_holes(selected: np.ndarray) -> np.ndarray:
    """The same with those holes filled, (h, w) bool; what reaches the border is no hole."""
    _, holes, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(~selected), connectivity=4)
    small = statistics[:, cv2.CC_STAT_AREA] <= _HOLE * selected.sum()
    small[np.unique(_border(holes))] = False
    return selected | small[holes]


def _like_enclosed(rgb: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Large parts that look like the background's mean and are not joined to it, (h, w) bool."""
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    alike = np.linalg.norm(lab - lab[background].mean(axis=0), axis=-1) <= _HOLE_TOLERANCE
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(np.uint8(alike & ~background), connectivity=4)
    large = statistics[:, cv2.CC_STAT_AREA] > _HOLE * (~background).sum()
    large[0] = False  # What is not alike.
    return large[parts]


def _corners(rgb: np.ndarray) -> list[tuple[int, int]]:
    """Column and row of those corners that look like most of the border."""
    height, width = rgb.shape[1:3]
    lab = cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB)
    typical = np.median(_border(lab), axis=0)
    corners = [(x, y) for x in (0, width - 1) for y in (0, height - 1)]
    # Lightness may differ twice as much, as in a flood.
    allowed = _ALIKE * TOLERANCE * np.array([2, 1, 1])
    return [(x, y) for x, y in corners if (np.abs(lab[y, x] - typical) <= allowed).all()]


def _border(values: np.ndarray) -> np.ndarray:
    """The outermost pixels of (h, w, ...), (n, ...)."""
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _turned(layer: np.ndarray, degrees: float) -> np.ndarray:
    """A layer with its mask in the last channel, (h, w, 4), turned counterclockwise and cut to what is selected."""

    def cut(layer: np.ndarray) -> np.ndarray:
        return layer[bounding_box(layer[None, ..., 3:])]

    layer = cut(layer)
    height, width = layer.shape[:2]
    if degrees % 360 == 0:
        return layer
    to_turned = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    cosine, sine = np.abs(to_turned[0, :2])
    # Rounding errors in a right angle are no further pixel.
    across = math.ceil(width * cosine + height * sine - 1e-6)
    down = math.ceil(width * sine + height * cosine - 1e-6)
    to_turned[:, 2] += (across - width) / 2, (down - height) / 2
    return cut(cv2.warpAffine(layer, to_turned, (across, down), flags=cv2.INTER_CUBIC))


def _as_mask(selected: np.ndarray) -> np.ndarray:
    return selected[None, ..., None].astype(np.float32)
