"""Grain, as film has: what a net hangs its strokes on where a picture is flat."""

import functools

import cv2
import numpy as np

GRAIN = 0.02
"""Standard deviation of each octave of grain, in units of a picture's range of 1.

Where a picture is exactly flat, as a page or a cut-out product is, a net has nothing to hang a stroke on and paints one
plain color up to a halo around the next edge. Strokes are of many sizes, and so is the grain.
"""

OCTAVES = 5


def grain(begin: int, end: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Rows of grain without end; each row is the same in whatever band it is asked for.

    Octave k is noise of a value each 2^k pixels, interpolated between them.

    Args:
        begin: The first row.
        end: The row after the last.
        width: Pixels in a row.
        seed: Of another grain.

    Returns:
        (1, end - begin, width, 3) float32, about 0; each octave with a standard deviation of `GRAIN` at its own values.
    """
    total = np.zeros((end - begin, width, 3), np.float32)
    for octave in range(OCTAVES):
        cell = 2**octave
        # With a cell more on each side, whose interpolation ends with the picture.
        first, last = begin // cell, (end - 1) // cell + 3
        cells = np.stack([_row((seed, octave, row), width // cell + 3) for row in range(first, last)])
        fine = cv2.resize(cells, None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
        top = begin - first * cell + cell
        total += fine[top : top + end - begin, cell : cell + width]
    return np.float32(GRAIN) * total[None]


def with_grain(rgb: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A picture (1, height, width, 3) in [0, 1] with grain on it."""
    return np.clip(rgb + grain(0, *rgb.shape[1:3], seed=seed), 0, 1)


def _row(seed: tuple[int, ...], width: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((width, 3), np.float32)


@functools.lru_cache(maxsize=1)  # For the next picture of a folder or a clip.
def steady_grain(begin: int, end: int, width: int) -> np.ndarray:
    """`grain` that is kept until other rows are asked for."""
    return grain(begin, end, width)
