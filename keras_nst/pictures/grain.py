"""Grain like that of film, which makes a net paint strokes on flat areas."""

import functools

import cv2
import numpy as np

GRAIN = 0.02
"""Standard deviation of each octave, in a picture's range of [0, 1].

Where a picture is exactly flat, such as a page or the ground of a cut-out product, a net paints no strokes: one plain
color, and a halo around the next edge. Strokes have many sizes, and so has the grain.
"""

OCTAVES = 5


def grain(begin: int, end: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Rows of an endless field of grain. A row is the same in any range of rows.

    Octave k is noise with one value per 2^k pixels, interpolated.

    Args:
        begin: The first row.
        end: The row after the last.
        width: Pixels per row.
        seed: Selects the field.

    Returns:
        (1, end - begin, width, 3) float32 with mean 0. Each octave has a standard deviation of `GRAIN` before it is
        interpolated.
    """
    total = np.zeros((end - begin, width, 3), np.float32)
    for octave in range(OCTAVES):
        cell = 2**octave
        # One more cell on each side, since interpolation at the border of a field differs.
        first, last = begin // cell, (end - 1) // cell + 3
        cells = np.stack([_row((seed, octave, row), width // cell + 3) for row in range(first, last)])
        fine = cv2.resize(cells, None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
        top = begin - first * cell + cell
        total += fine[top : top + end - begin, cell : cell + width]
    return np.float32(GRAIN) * total[None]


def with_grain(rgb: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Add grain to a picture (1, height, width, 3) in [0, 1]."""
    return np.clip(rgb + grain(0, *rgb.shape[1:3], seed=seed), 0, 1)


def _row(seed: tuple[int, ...], width: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((width, 3), np.float32)


@functools.lru_cache(maxsize=1)
def steady_grain(begin: int, end: int, width: int) -> np.ndarray:
    """Like `grain`, but the last rows are cached for the next picture of a folder or a clip."""
    return grain(begin, end, width)
