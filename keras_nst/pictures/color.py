"""Luma, chroma, and transfer of colors between pictures."""

from collections.abc import Sequence

import cv2
import numpy as np

# ITU-R BT.601, section 2.5.1.
LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)

# Standard deviations of Gaussian weights: two in units of CIELAB, the last in places.
LIKE_COLOR, ONE_COLOR, NEAR = 8.0, 15.0, 60.0
SHIFTS = 6
REACH = 2  # In places.
_LEAST_SPREAD = (0.5 / 255) ** 2  # Variance of colors that 8 bits do not tell from a plain one.


def luma(rgb: np.ndarray) -> np.ndarray:
    """Luma as in JPEG: 0.299 R + 0.587 G + 0.114 B.

    Args:
        rgb: sRGB, (..., 3) float in [0, 1].

    Returns:
        (..., 1) in [0, 1].

    Source: ITU-R BT.601, section 2.5.1.
    """
    return rgb @ LUMA


def keep_color(stylized: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Combine the luma of one picture with the chroma of another.

    The result is Y(stylized) + s (content - Y(content)). For each pixel, s <= 1 is the largest factor that keeps the
    color in range. Clipping instead would change luma and hue.

    Args:
        stylized: The picture that gives the luma, (..., 3) float32 in [0, 1].
        content: The picture that gives the chroma, of the same shape.

    Returns:
        A picture of the same shape in [0, 1].

    Source: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2.
    Differs from the source: chroma is RGB minus luma, not I and Q of YIQ (a linear change of basis), and is reduced
    where the color would be out of range. The luma histograms are not matched first.
    """
    brightness = luma(stylized)
    chroma = content - luma(content)
    room = np.where(chroma > 0, 1 - brightness, brightness)
    tiny = np.finfo(np.float32).tiny  # Zero chroma always fits.
    fit = np.min(room / np.maximum(np.abs(chroma), tiny), axis=-1, keepdims=True)
    return np.clip(brightness + np.minimum(fit, 1) * chroma, 0, 1)  # Only rounding leaves the range.


def with_colors(stylized: np.ndarray, content: np.ndarray, color: str) -> np.ndarray:
    """Give a stylized picture the colors of the style or of the content.

    Args:
        stylized: The stylized picture, (..., 3) float32 in [0, 1].
        content: The picture before, of the same shape.
        color: "style" returns `stylized`; "keep" takes its luma and the content's chroma; "only" its chroma and the
            content's luma.

    Returns:
        A picture of the same shape in [0, 1].
    """
    if color == "style":
        return stylized
    return keep_color(stylized, content) if color == "keep" else keep_color(content, stylized)


def palette(
    pictures: Sequence[np.ndarray], shares: Sequence[float] = (1.0,), mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the colors of pictures.

    Args:
        pictures: Each (1, h, w, 3) in [0, 1].
        shares: How much each counts, in parts of the sum.
        mask: How much each pixel counts, (1, h, w, 1), if there is one picture; None for all alike.

    Returns:
        (3,) and (3, 3) float64.
    """
    weights = None if mask is None else mask.ravel()
    colors = [np.float64(picture).reshape(-1, 3) for picture in pictures]
    mean = np.average([np.average(each, axis=0, weights=weights) for each in colors], axis=0, weights=shares)
    # Around the common mean, so the means' differences count as spread.
    spread = [np.average(np.einsum("ni,nj->nij", each - mean, each - mean), axis=0, weights=weights) for each in colors]
    return mean, np.average(spread, axis=0, weights=shares)


def recolored(picture: np.ndarray, own: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]):
    """Give a picture other colors: the linear change of all colors that changes them least.

    Args:
        picture: (1, h, w, 3) in [0, 1].
        own: Its `palette`.
        wanted: The palette that the result has, but for colors out of range.

    Returns:
        (1, h, w, 3) float32 in [0, 1].

    Source: Pitie & Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping", eq. (9).
    """
    (mean, spread), (new_mean, new_spread) = own, wanted
    spread, new_spread = (each + _LEAST_SPREAD * np.eye(3) for each in (spread, new_spread))
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    change = inverse @ _power(root @ new_spread @ root, 0.5) @ inverse
    return np.clip((picture - mean) @ change + new_mean, 0, 1).astype(np.float32)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric, positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 0) ** exponent) @ vectors.T


def agreed_colors(colors: np.ndarray, proposed: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Replace the color proposed for each place by the one that similar places agree on.

    A mean shift leads from the mean of the proposals of nearby places with a similar color to a nearby peak. So a
    surface of one color gets one color again, not a mixture that was proposed for no place.

    Args:
        colors: Current colors of the places, CIELAB (n, 3).
        proposed: Proposed colors, CIELAB (n, 3).
        places: Row and column of each place, (n, 2).

    Returns:
        CIELAB (n, 3).

    Source: Comaniciu & Meer 2002, "Mean shift", eq. (20), with a Gaussian kernel.
    Differs from the source: proposals of distant places, or of places with another color, have less weight; the number
    of steps is fixed.
    """
    found = np.empty_like(proposed)
    for rows in np.array_split(np.arange(len(colors)), -(-len(colors) // 512)):
        alike = _kernel(colors[rows], colors, LIKE_COLOR) * _kernel(places[rows], places, NEAR)
        peak = alike @ proposed / alike.sum(axis=1, keepdims=True)
        for _ in range(SHIFTS):
            weights = alike * _kernel(peak, proposed, ONE_COLOR)
            peak = weights @ proposed / weights.sum(axis=1, keepdims=True)
        found[rows] = peak
    return found


def spread_changes(rgb: np.ndarray, colors: np.ndarray, changes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Apply the color changes found for a small copy of a picture to the picture itself.

    Each pixel changes like nearby places of its color, so the changes follow the outlines of the large picture, which
    the small copy does not resolve.

    Args:
        rgb: The picture, (1, H, W, 3) in [0, 1].
        colors: The small copy, RGB (h, w, 3).
        changes: Change of each of its colors, (h, w, 3).
        known: Places whose change is known, (h, w) boolean; at least one.

    Returns:
        (1, H, W, 3) in [0, 1].

    Source: Kopf et al. 2007, "Joint bilateral upsampling", eq. (3).
    Differs from the source: the color weight compares a pixel with the color of the small copy that changed.
    """
    height, width = colors.shape[:2]
    down, right = (np.arange(side) * few / side for side, few in zip(rgb.shape[1:3], (height, width), strict=True))
    lab, of_places = (cv2.cvtColor(np.float32(values), cv2.COLOR_RGB2LAB) for values in (rgb[0], colors))
    total, weight = np.zeros_like(rgb[0]), np.zeros((*rgb.shape[1:3], 1), np.float32)
    for place in np.ndindex(2 * REACH + 1, 2 * REACH + 1):
        rows, columns = (
            np.clip(at.astype(int) + step - REACH, 0, few - 1)
            for at, step, few in zip((down, right), place, (height, width), strict=True)
        )
        away = np.square(rows + 0.5 - down)[:, None] + np.square(columns + 0.5 - right)
        unlike = np.square(lab - of_places[np.ix_(rows, columns)]).sum(axis=-1)
        counts = (np.exp(-unlike / (2 * LIKE_COLOR**2)) + 1e-6) * np.exp(-away / 2) * known[np.ix_(rows, columns)]
        total += counts[..., None] * changes[np.ix_(rows, columns)]
        weight += counts[..., None]
    return np.clip(rgb + total / np.maximum(weight, 1e-12), 0, 1)


def _kernel(points: np.ndarray, others: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian of the distances between points (n, d) and others (m, d): (n, m)."""
    squares = np.square(points[:, None] - others[None]).sum(axis=-1)
    return np.exp(-squares / (2 * deviation**2))
