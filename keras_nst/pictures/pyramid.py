"""Coarse to fine: the sizes of a picture that are worked on one after another, and the way from one to the next."""

import math

import cv2
import numpy as np


def sizes(end: int, start: int) -> list[int]:
    """Longest sides from coarse to fine, each half of the next, none below `start`."""
    halvings = int(math.log2(end / min(start, end)))
    return [round(end / 2**halving) for halving in range(halvings, -1, -1)]


def fit(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A picture, or a mask, (1, h, w, channels) in [0, 1], in the size of another."""
    height, width = like.shape[1:3]
    interpolation = cv2.INTER_AREA if height < image.shape[1] else cv2.INTER_CUBIC
    sized = cv2.resize(image[0], (width, height), interpolation=interpolation)
    return np.clip(sized, 0, 1, out=sized).reshape(1, height, width, image.shape[3])


def finer(image: np.ndarray, coarser: np.ndarray, sized: np.ndarray) -> np.ndarray:
    """The result of a coarser scale, with the detail of the photograph that it had no pixels for.

    Args:
        image: The result, (1, h, w, 3) in [0, 1].
        coarser: The photograph at its scale.
        sized: The photograph at the next scale, (1, H, W, 3).

    Returns:
        (1, H, W, 3) in [0, 1].
    """
    result = fit(image, sized)  # In place from here on: a large picture is most of the memory that is taken.
    result += sized
    result -= fit(coarser, sized)
    return np.clip(result, 0, 1, out=result)
