"""Frames of a film that are unlike each other: a set of pictures to learn a style from."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import mean_squared_error, structural_similarity

from keras_nst.errors import InputError
from keras_nst.images.color import luma

# Sides in pixels at which frames are compared: noise is gone, and what moved by less than a hundredth of the picture.
_SMALL = 128, 72
# Frames that a new one is compared with: a dialogue goes to and fro between two or three views.
_REMEMBERED = 8

# Read by OpenCV as it opens its first film: a broken one is told by us, in one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
_LOGGING, _SILENT = getattr(cv2.utils, "logging", cv2), 0  # OpenCV 4 has these functions among all others.


class Film:
    """An opened film.

    Attributes:
        rate: Frames in a second.
        count: Frames, as the film's header has it; it may be wrong, and 0 where there is none.
        seen: Frames that have been gone through.
    """

    def __init__(self, path: str | Path):
        """Opens a file of any format that FFmpeg reads.

        Raises:
            InputError: There is no such file, or it is no film but text or a picture.
        """
        if not os.path.isfile(path):
            raise InputError(f"Expected the file of a film. {str(path)!r} is none.")
        if any("\ud800" <= character <= "\udfff" for character in str(path)):  # Bytes that are no UTF-8.
            raise InputError(f"Cannot read {path}: its name is no Unicode, which OpenCV does not survive. Rename it.")
        level = _LOGGING.setLogLevel(_SILENT)
        try:
            self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        finally:
            _LOGGING.setLogLevel(level)
        if not self._capture.isOpened():
            raise InputError(f"Cannot read {path}: it is no film that FFmpeg knows, or it is cut short.")
        self.rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        if self.count == 1:  # FFmpeg also reads pictures.
            raise InputError(f"{path} is a single picture. Expected a film.")
        self.seen = 0

    def stride(self, every: float) -> int:
        """The frames from one to the next that is `every` seconds later, at least 1."""
        return max(1, round(self.rate * every))

    def frames(self, every: float = 0.0) -> Iterator[tuple[int, np.ndarray]]:
        """One frame each so many seconds, from the film's position on.

        Args:
            every: Seconds from one to the next; 0 for all frames.

        Yields:
            The frame's number from 0, and its colors (1, h, w, 3) float32 in [0, 1].
        """
        stride = self.stride(every)
        while self._capture.grab():
            if self.seen % stride == 0:
                whole, frame = self._capture.retrieve()
                if whole:
                    yield self.seen, np.float32(frame[None, ..., ::-1]) / 255
            self.seen += 1


def distinct(frames: Iterable[tuple[int, np.ndarray]], *, ssim: float, psnr: float) -> Iterator[tuple[int, np.ndarray]]:
    """The frames that are no near-duplicate of one of the eight that were kept last.

    A near-duplicate has the structure of another frame or its values: in plain frames noise is all the structure there
    is. What is compared is the luma at 128 x 72 pixels.

    Args:
        frames: As `Film.frames` yields them.
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
