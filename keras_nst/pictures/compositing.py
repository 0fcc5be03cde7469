"""Compositing: alpha, masks and backgrounds.

Masks and alpha are (n, h, w, 1) float32 in [0, 1]; pictures are (n, h, w, channels) float32.
"""

import numpy as np


def over(premultiplied: np.ndarray, alpha: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Lay a premultiplied picture over another.

    Args:
        premultiplied: Color times alpha.
        alpha: Opacity.
        ground: The picture below.

    Returns:
        The composite; exactly the ground where alpha is 0, and exactly the picture where alpha is 1.

    Source: Porter & Duff 1984, "Compositing Digital Images", section 4.2.
    Differs from the source: the ground is opaque.
    """
    return premultiplied + (1 - alpha) * ground


def blend(ground: np.ndarray, picture: np.ndarray, mask: np.ndarray | float) -> np.ndarray:
    """Mix two pictures by a mask.

    Args:
        ground: The picture where the mask is 0.
        picture: The picture where the mask is 1.
        mask: Weight of `picture`; a map, or one number for all pixels.

    Returns:
        The mixture, float32; exactly one of the pictures where the mask is 0 or 1.
    """
    mask = np.float32(mask)
    return over(mask * picture, mask, ground)


def fill_transparent(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay a picture on a plain ground of its mean visible color, so that colors under transparent pixels do not show.

    Files may hold any color under transparent pixels, and a network would paint it. The mean color contrasts least with
    what is visible.

    Args:
        rgb: Color, not premultiplied, (n, h, w, 3) in [0, 1].
        alpha: Opacity.

    Returns:
        The composite, (n, h, w, 3) in [0, 1]. Opaque pixels are exactly unchanged; a fully transparent picture becomes
        middle gray.
    """
    visible = rgb * alpha
    weight = alpha.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    total = visible.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    ground = np.divide(total, weight, out=np.full_like(total, 0.5), where=weight > 0)
    return over(visible, alpha, ground.astype(rgb.dtype))
