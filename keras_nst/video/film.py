"""Select frames of a film that differ from each other, as pictures to learn a style from."""

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from skimage.metrics import mean_squared_error, structural_similarity

from keras_nst.pictures.color import luma

# Size at which frames are compared; noise and small movements disappear.
_SMALL = 128, 72
# Number of kept frames that a new one is compared with. A dialogue alternates between two or three views.
_REMEMBERED = 8


def distinct(frames: Iterable[tuple[int, np.ndarray]], *, ssim: float, psnr: float) -> Iterator[tuple[int, np.ndarray]]:
    """Drop near-duplicates of the eight frames that were kept last.

    A near-duplicate has the same structure or the same values as another frame: in plain frames, all structure is
    noise. The luma is compared, at 128 x 72 pixels.

    Args:
        frames: Number and colors (1, h, w, 3), float32 in [0, 1], of each frame, from `clips.sample_frames`.
        ssim: Structural similarity from which frames are near-duplicates.
        psnr: Peak signal-to-noise ratio, in decibels, from which frames are near-duplicates.

    Yields:
        The frames that are kept.

    Source: Li et al. 2020, "SDP-GAN", section IV.A, which gives no thresholds.
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
