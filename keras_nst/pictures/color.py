"""Color apart from brightness: luma, and a picture in another's colors."""

import cv2
import numpy as np

# ITU-R BT.601, section 2.5.1.
LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)

# Standard deviations, in units of CIELAB and in places.
LIKE_COLOR, ONE_COLOR, NEAR = 8.0, 15.0, 60.0
SHIFTS = 6
REACH = 2  # Places to each side of a pixel's own.


def luma(rgb: np.ndarray) -> np.ndarray:
    """Brightness as JPEG stores it: 0.299 R + 0.587 G + 0.114 B.

    Args:
        rgb: sRGB color, (..., 3) float in [0, 1].

    Returns:
        The weighted sum, (..., 1) in [0, 1].

    Source:
        ITU-R BT.601, section 2.5.1.
    """
    return rgb @ LUMA


def keep_color(stylized: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The brightness of one picture in the colors of another.

    Y(stylized) + s (content - Y(content)), where s <= 1 is, pixel by pixel, the most chroma that fits between black
    and white. Clipping instead would change the brightness and the hue.

    Args:
        stylized: The picture whose luma is kept, (..., 3) float32 in [0, 1].
        content: The picture whose chroma is kept, of the same shape.

    Returns:
        A picture of that shape in [0, 1].

    Source:
        Gatys, Bethge, Hertzmann and Shechtman, 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2
        (luminance-only transfer).

    Differs from the source:
        Chroma is RGB minus luma, not the I and Q of YIQ (a linear change of basis), and it is reduced where the sum
        would leave the gamut. The luma histograms are not matched first.
    """
    brightness = luma(stylized)
    chroma = content - luma(content)
    room = np.where(chroma > 0, 1 - brightness, brightness)
    tiny = np.finfo(np.float32).tiny  # No chroma fits anywhere.
    fit = np.min(room / np.maximum(np.abs(chroma), tiny), axis=-1, keepdims=True)
    return np.clip(brightness + np.minimum(fit, 1) * chroma, 0, 1)  # Beyond by rounding only.


def with_colors(stylized: np.ndarray, content: np.ndarray, color: str) -> np.ndarray:
    """A result in the colors that are asked for.

    Args:
        stylized: The result, (..., 3) float32 in [0, 1].
        content: What it was made of, of the same shape.
        color: "style" for the result as it is, "keep" for its brightness in the colors of the content, "only" for its
            colors on the brightness of the content.

    Returns:
        A picture of that shape in [0, 1].
    """
    if color == "style":
        return stylized
    return keep_color(stylized, content) if color == "keep" else keep_color(content, stylized)


def agreed_colors(colors: np.ndarray, proposed: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Of a color proposed for each place the ones that places of like color agree on.

    Each place takes what is proposed most among those near it and of its color: a mean shift from their mean to the
    peak nearby, so that a surface of one color gets one color again, and not a mixture that nobody proposed.

    Args:
        colors: What the places have, CIELAB (n, 3).
        proposed: What is proposed for each, CIELAB (n, 3).
        places: Row and column of each, (n, 2).

    Returns:
        CIELAB (n, 3).

    Source: Comaniciu and Meer 2002, "Mean shift", eq. (20), with a Gaussian kernel. Differs from the source: proposals
    also count less for places that are far or of another color; the number of steps is fixed.
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
    """Change a picture as was found for a small one: each pixel as the places near it that have its color.

    So a change stays within the outlines of the large picture, which the small one does not show.

    Args:
        rgb: The picture, (1, H, W, 3) in [0, 1].
        colors: Of the small one, RGB (h, w, 3).
        changes: By how much they change, (h, w, 3).
        known: Where that is known, (h, w) boolean; not nowhere.

    Returns:
        (1, H, W, 3) in [0, 1].

    Source: Kopf et al. 2007, "Joint bilateral upsampling", eq. (3). Differs from the source: the weight of color
    compares the pixel with the small picture's color of each place, which its change was found for.
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
    """Gaussian of the distances (n, m)."""
    squares = np.square(points[:, None] - others[None]).sum(axis=-1)
    return np.exp(-squares / (2 * deviation**2))
