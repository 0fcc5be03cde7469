"""Split a picture into overlapping windows, so that memory depends on their size and not on the picture's."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import tree

from keras_nst.errors import InputError

ALIGNMENT = 16
"""Windows begin at multiples of four poolings' stride, so that they pool the same pixels as the whole picture."""


class Window(NamedTuple):
    """A window of a picture, and its core, which belongs to no other window; in pixels of the picture.

    Attributes:
        rows: Rows of the window.
        columns: Columns of the window.
        core_rows: Rows of the core.
        core_columns: Columns of the core.
        height: Height of the whole picture.
        width: Width of the whole picture.
    """

    rows: slice
    columns: slice
    core_rows: slice
    core_columns: slice
    height: int
    width: int

    def crop(self, whole):
        """Crop each map (batch, h, w, channels) in a nest of arrays to the window; other arrays stay as they are."""
        return tree.map_structure(lambda array: self._crop(array) if array.ndim == 4 else array, whole)

    def weights(self, whole: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Crop maps of weights to the window, and set them to zero outside the core."""
        inside = {name: np.zeros_like(self._crop(weights)) for name, weights in whole.items()}
        for name, weights in whole.items():
            core = self._core(inside[name])
            inside[name][core] = self._crop(weights)[core]
        return inside

    def core(self, part: np.ndarray) -> np.ndarray:
        """The core of a map of the window."""
        return part[self._core(part)]

    def put(self, part: np.ndarray, whole: np.ndarray) -> None:
        """Write the core of a map of the window into a map of the whole picture."""
        rows = _in_map(self.core_rows, slice(0, self.height), whole.shape[1])
        whole[:, rows, _in_map(self.core_columns, slice(0, self.width), whole.shape[2])] = self.core(part)

    def _crop(self, whole):
        rows = _in_map(self.rows, slice(0, self.height), whole.shape[1])
        columns = _in_map(self.columns, slice(0, self.width), whole.shape[2])
        return whole[:, rows, columns]

    def _core(self, part) -> tuple[slice, slice, slice]:
        rows = _in_map(self.core_rows, self.rows, part.shape[1])
        return slice(None), rows, _in_map(self.core_columns, self.columns, part.shape[2])


def windows(height: int, width: int, tile: int | None = None, halo: int = 0) -> list[Window]:
    """Split a picture into windows whose cores cover it exactly once, row by row.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        tile: Side of the windows in pixels, rounded down to a multiple of `ALIGNMENT`; None for one window.
        halo: Margin of a window around its core in pixels, half a receptive field; rounded up to such a multiple.

    Raises:
        InputError: The tile is too small for its halo.
    """
    halo = -(-halo // ALIGNMENT) * ALIGNMENT
    if tile is not None and tile < (least := 2 * halo + ALIGNMENT):
        raise InputError(f"Tiles of {tile} pixels are too small for these layers. Expected at least {least}.")
    return [
        Window(rows, columns, core_rows, core_columns, height, width)
        for rows, core_rows in _spans(height, tile, halo)
        for columns, core_columns in _spans(width, tile, halo)
    ]


def assemble(parts: Sequence[tuple[Window, Any]]):
    """Combine the measurements of all windows into those of the whole picture.

    Args:
        parts: Every window, in the order of `windows`, with a nest of arrays measured in it.

    Returns:
        A nest of the same structure: maps (batch, h, w, channels) are joined from the cores, other values are summed.
    """

    def join(*leaves):
        if np.ndim(leaves[0]) != 4:
            return sum(leaves)
        rows: dict[int, list] = {}
        for (window, _), leaf in zip(parts, leaves, strict=True):
            rows.setdefault(window.core_rows.start, []).append(window.core(np.asarray(leaf)))
        return np.concatenate([np.concatenate(row, axis=2) for row in rows.values()], axis=1)

    return tree.map_structure(join, *(measured for _, measured in parts))


def _spans(side: int, tile: int | None, halo: int) -> list[tuple[slice, slice]]:
    if tile is None or side <= tile:
        return [(slice(0, side), slice(0, side))]
    tile -= tile % ALIGNMENT
    core = tile - 2 * halo
    # The last window starts early enough to be as large as the others, so that fewer shapes are compiled.
    latest = (side - tile) // ALIGNMENT * ALIGNMENT
    spans = []
    for begin in range(0, side, core):
        first = min(max(0, begin - halo), latest)
        last = side if first == latest else first + tile
        spans.append((slice(first, last), slice(begin, min(begin + core, side))))
    return spans


def _in_map(part: slice, of: slice, length: int) -> slice:
    """Convert a part of a span of pixels to positions in that span's map, which poolings may have shrunk."""
    stride = 2 ** int(math.log2((of.stop - of.start) / length))  # Rounded down, since poolings drop the remainder.
    # The end of the picture need not be a multiple of the stride.
    stop = length if part.stop == of.stop else (part.stop - of.start) // stride
    return slice((part.start - of.start) // stride, stop)
