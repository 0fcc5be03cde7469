"""Pictures over one another, mixed through a mask or by opacity.

Masks and alpha are (n, h, w, 1) float32 in [0, 1]; pictures (n, h, w, channels) float32.
"""

import numpy as np


def over(premultiplied: np.ndarray, alpha: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """A picture whose color is multiplied by its alpha already, over another.

    Args:
        premultiplied: Color times alpha.
        alpha: Opacity.
        ground: What is seen where the picture is transparent.

    Returns:
        The composite. Where alpha is 0 it is the ground bit for bit, where it is 1 the picture.

    Source: Porter and Duff, 1984, "Compositing Digital Images", section 4.2. Differs from the source: the ground is
    opaque.
    """
    return premultiplied + (1 - alpha) * ground


def blend(ground: np.ndarray, picture: np.ndarray, mask: np.ndarray | float) -> np.ndarray:
    """One picture where a mask is 1, another where it is 0, and a mixture of both between.

    Args:
        ground: What is seen where the mask is 0.
        picture: What is seen where it is 1.
        mask: How much of the picture is seen; or one number for all pixels.

    Returns:
        The mixture, float32. Where the mask is 0 or 1 it is the one or the other bit for bit.
    """
    mask = np.float32(mask)
    return over(mask * picture, mask, ground)


def fill_transparent(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A picture on a plain ground of its own mean color, so that nothing hidden under transparency shows.

    Files keep any color under transparent pixels, and a network would paint it. The mean, weighted by alpha, is the
    ground that contrasts least with what is seen.

    Args:
        rgb: Color not multiplied by alpha, (n, h, w, 3) in [0, 1].
        alpha: Opacity.

    Returns:
        The composite, (n, h, w, 3) in [0, 1]. Opaque pixels are unchanged bit for bit; a picture of which nothing is
        seen becomes middle gray.
    """
    visible = rgb * alpha
    weight = alpha.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    total = visible.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    ground = np.divide(total, weight, out=np.full_like(total, 0.5), where=weight > 0)
    return over(visible, alpha, ground.astype(rgb.dtype))
