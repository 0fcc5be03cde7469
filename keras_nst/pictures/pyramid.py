"""Coarse to fine: the sizes of a picture, and the steps between them."""

import math

import cv2
import numpy as np


def sizes(end: int, start: int) -> list[int]:
    """Longest sides from coarse to fine, each half of the next, none below `start`."""
    halvings = int(math.log2(end / min(start, end)))
    return [round(end / 2**halving) for halving in range(halvings, -1, -1)]


def fit(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Resize a picture or mask (1, h, w, channels) in [0, 1] to the size of another."""
    height, width = like.shape[1:3]
    interpolation = cv2.INTER_AREA if height < image.shape[1] else cv2.INTER_CUBIC
    sized = cv2.resize(image[0], (width, height), interpolation=interpolation)
    return np.clip(sized, 0, 1, out=sized).reshape(1, height, width, image.shape[3])


def finer(image: np.ndarray, coarser: np.ndarray, sized: np.ndarray) -> np.ndarray:
    """Enlarge the result of one scale, and add the photograph's detail that is new at the next scale.

    Args:
        image: The result, (1, h, w, 3) in [0, 1].
        coarser: The photograph at the result's scale.
        sized: The photograph at the next scale, (1, H, W, 3).

    Returns:
        (1, H, W, 3) in [0, 1].
    """
    result = fit(image, sized)  # In place from here on, to save memory.
    result += sized
    result -= fit(coarser, sized)
    return np.clip(result, 0, 1, out=result)
