"""Frames of a film that are unlike each other: a set of pictures to learn a style from."""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from skimage.metrics import mean_squared_error, structural_similarity

from keras_nst.pictures.color import luma

# Sides in pixels at which frames are compared: noise is gone, and what moved by less than a hundredth of the picture.
_SMALL = 128, 72
# Frames that a new one is compared with: a dialogue goes to and fro between two or three views.
_REMEMBERED = 8


def distinct(frames: Iterable[tuple[int, np.ndarray]], *, ssim: float, psnr: float) -> Iterator[tuple[int, np.ndarray]]:
    """The frames that are no near-duplicate of one of the eight that were kept last.

    A near-duplicate has the structure of another frame or its values: in plain frames noise is all the structure there
    is. What is compared is the luma at 128 x 72 pixels.

    Args:
        frames: The number of each, and its colors (1, h, w, 3) float32 in [0, 1], as `clips.sample_frames` yields them.
        ssim: From this structural similarity on, frames are near-duplicates.
        psnr: From this peak signal-to-noise ratio in decibels on, too.

    Yields:
        Those of `frames` that are kept.

    Source:
        Li et al. 2020, "SDP-GAN", section IV.A, which has no thresholds.
    """
    kept: deque[np.ndarray] = deque(maxlen=_REMEMBERED)
    noise = 10 ** (-psnr / 10)
    for number, rgb in frames:
        small = cv2.resize(luma(rgb[0]), _SMALL, interpolation=cv2.INTER_AREA)
        if not any(
            mean_squared_error(small, other) <= noise or structural_similarity(small, other, data_range=1) >= ssim
            for other in kept
        ):
            kept.append(small)
            yield number, rgb
