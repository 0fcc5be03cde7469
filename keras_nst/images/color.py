"""Color apart from brightness: luma, a picture in another's colors, and what stands under transparency."""

import numpy as np

# ITU-R BT.601, section 2.5.1.
LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)


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


def fill_transparent(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A picture on a plain ground of its own mean color, so that nothing hidden under transparency shows.

    Files keep any color under transparent pixels, and a network would paint it. The mean, weighted by alpha, is the
    ground that contrasts least with what is seen.

    Args:
        rgb: Color not multiplied by alpha, (N, H, W, 3) float32 in [0, 1].
        alpha: Opacity, (N, H, W, 1) float32 in [0, 1].

    Returns:
        The composite, (N, H, W, 3) in [0, 1]. Opaque pixels are unchanged bit for bit; a picture of which nothing is
        seen becomes middle gray.
    """
    visible = rgb * alpha
    weight = alpha.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    total = visible.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    ground = np.divide(total, weight, out=np.full_like(total, 0.5), where=weight > 0)
    return visible + (1 - alpha) * ground.astype(rgb.dtype)
