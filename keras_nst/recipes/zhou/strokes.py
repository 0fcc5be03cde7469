"""The roughness of a painting, and what follows for an object in it."""

import math

import numpy as np


def fitting_strength(painting: np.ndarray) -> float:
    """The style strength for a painting: 0.5 for visible strokes, down to 0.3 for smooth surfaces."""
    return 0.5 - 0.2 * math.exp(-variation(painting) / 1e-4)


def smoothness(painting: np.ndarray) -> float:
    """From 0 for a painting (1, h, w, 3) that is rough everywhere to 1 for one with smooth surfaces.

    Source: Luan et al. 2018, section 3.3, a tenth of their weight of total variation.
    """
    return 1 / (1 + math.exp(min(1e4 * variation(painting) - 25, 50)))


def variation(painting: np.ndarray) -> float:
    """Median over the pixels of a painting (1, h, w, 3) of the mean squared difference from their neighbors."""
    down, right = np.diff(painting, axis=1)[:, :, :-1], np.diff(painting, axis=2)[:, :-1]
    return float(np.median(np.square(down).mean(axis=-1) + np.square(right).mean(axis=-1)) / 2)
