"""Pictures with blurred edges. A discriminator learns to reject them, so that the generator draws clear edges."""

import cv2
import numpy as np

from keras_nst.pictures.color import luma

# The papers give no numbers. The thresholds are for Sobel gradients of 8-bit levels; the smoothing is that of SDP-GAN's
# authors.
_LOW, _HIGH = 100, 200
_DILATION = 5
_KERNEL, _SIGMA = 5, 2.5


def without_edges(rgb: np.ndarray) -> np.ndarray:
    """Blur the edges of a picture; all other pixels are exactly unchanged.

    Edges are found by Canny and dilated, and the picture is smoothed there by a Gaussian. Sizes are in pixels, so the
    picture should have its final size: shrinking removes the blur.

    Args:
        rgb: The picture, (h, w, 3) float32 in [0, 1].

    Returns:
        (h, w, 3) float32 in [0, 1].

    Source: Chen et al. 2018, "CartoonGAN", section 3.2.1; Li et al. 2020, "SDP-GAN", section III.B.
    """
    levels = np.rint(255 * luma(rgb)[..., 0]).astype(np.uint8)
    edges = cv2.dilate(cv2.Canny(levels, _LOW, _HIGH), np.ones((_DILATION, _DILATION), np.uint8))
    smooth = cv2.GaussianBlur(rgb, (_KERNEL, _KERNEL), _SIGMA)
    return np.where(edges[..., None] > 0, smooth, rgb)
