"""Pictures without their clear edges: what a discriminator learns to reject, so that a generator draws clear ones."""

import cv2
import numpy as np

from keras_nst.pictures.color import luma

# Neither paper has numbers. The thresholds are of Sobel's gradients of 8-bit levels; the smoothing is that of SDP-GAN's
# authors.
_LOW, _HIGH = 100, 200
_DILATION = 5
_KERNEL, _SIGMA = 5, 2.5


def without_edges(rgb: np.ndarray) -> np.ndarray:
    """A picture with its edges blurred and all else left as it is, bit for bit.

    Canny's edges are dilated, and Gaussian smoothing takes the place of the picture there. The sizes are in pixels, so
    the picture should have the size at which it is looked at: a blur of a large picture is gone once it is shrunk.

    Args:
        rgb: The picture, (h, w, 3) float32 in [0, 1].

    Returns:
        Its twin, (h, w, 3) float32 in [0, 1].

    Source:
        Chen, Lai and Liu 2018, "CartoonGAN", section 3.2.1; Li et al. 2020, "SDP-GAN", section III.B.
    """
    levels = np.rint(255 * luma(rgb)[..., 0]).astype(np.uint8)
    edges = cv2.dilate(cv2.Canny(levels, _LOW, _HIGH), np.ones((_DILATION, _DILATION), np.uint8))
    smooth = cv2.GaussianBlur(rgb, (_KERNEL, _KERNEL), _SIGMA)
    return np.where(edges[..., None] > 0, smooth, rgb)
