"""What a visitor has selected of a picture: a first guess, and the steps that change it."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import TOLERANCE, bounding_box, flood, rectangle, refine, stroke
from keras_nst.select.matting import matte
from keras_nst.select.subject import MASKS, cut_out, subject_mask

BRUSH = (0.5, 20)
"""Smallest and largest brush, in percent of the picture's longest side."""

_STEPS, _POINTS, _FARTHEST = 200, 4000, 100_000
_FILLED = 0.3  # Share of a box that an object in it has at least.

# The selection before the first step.
_BEGINNINGS = {"object": cut_out, **{name: functools.partial(subject_mask, source=name) for name in MASKS}}


class Click(NamedTuple):
    """A click on a pixel: all connected pixels of a similar color.

    Attributes:
        points: Column and row of the pixel.
        adds: Whether they are selected or deselected.
    """

    points: tuple[tuple[int, int], ...]
    adds: bool

    def on(self, picture: Picture, mask: np.ndarray, tolerance: float) -> np.ndarray:
        """The mask after this step."""
        return _joined(mask, flood(picture.rgb, self.points, tolerance), self.adds)


class Box(NamedTuple):
    """A box: the object in it, or all of it if no object fills it or it takes away.

    Attributes:
        points: Two opposite corners.
        adds: Whether it selects or deselects.
    """

    points: tuple[tuple[int, int], ...]
    adds: bool

    def on(self, picture: Picture, mask: np.ndarray, tolerance: float) -> np.ndarray:
        """The mask after this step."""
        (left, right), (top, bottom) = (sorted(ends) for ends in zip(*self.points, strict=True))
        box = rectangle(*mask.shape[1:3], (left, top, right - left + 1, bottom - top + 1))
        if self.adds:
            here = slice(None), *bounding_box(box)
            found = subject_mask(Picture(picture.rgb[here]))
            if found.mean() > _FILLED:
                box[here] = found
        return _joined(mask, box, self.adds)


class Stroke(NamedTuple):
    """A stroke of the brush.

    Attributes:
        points: Its corners.
        adds: Whether it selects or deselects.
        size: Diameter, in percent of the picture's longest side.
    """

    points: tuple[tuple[int, int], ...]
    adds: bool
    size: float

    def on(self, picture: Picture, mask: np.ndarray, tolerance: float) -> np.ndarray:
        """The mask after this step."""
        return stroke(mask, self.points, max(1, round(self.size / 100 * max(mask.shape))), adds=self.adds)


class Fit(NamedTuple):
    """Moves the outline to the edges in the picture."""

    def on(self, picture: Picture, mask: np.ndarray, tolerance: float) -> np.ndarray:
        """The mask after this step."""
        return matte(picture.rgb, refine(picture.rgb, mask))


class Selection(NamedTuple):
    """A selection, which determines a mask.

    Attributes:
        path: Path of the picture.
        steps: What was done, in order.
        begin: The selection before: "nothing", "object" (see `cut_out`), or a name of `MASKS`.
        tolerance: Tolerance of all clicks.
    """

    path: str
    steps: tuple[Click | Box | Stroke | Fit, ...] = ()
    begin: str = "nothing"
    tolerance: float = TOLERANCE

    def after(self, *steps: Click | Box | Stroke | Fit) -> "Selection":
        """The selection after more steps.

        Raises:
            InputError: There are too many.
        """
        if len(self.steps) + len(steps) > _STEPS:
            raise InputError(f"The selection has {_STEPS} steps already. Undo some, or clear it.")
        return self._replace(steps=(*self.steps, *steps))

    def before(self) -> "Selection":
        """The selection without its last step."""
        return self._replace(steps=self.steps[:-1])

    def mask(self, picture: Picture, before: np.ndarray | None) -> np.ndarray:
        """The mask, (1, h, w, 1); zeros if nothing is selected.

        Args:
            picture: The picture.
            before: The mask without the last step; None if there is no step.
        """
        if self.steps:
            return self.steps[-1].on(picture, before, self.tolerance)
        begin = _BEGINNINGS.get(self.begin)
        return begin(picture) if begin else np.zeros_like(picture.rgb[..., :1])


def steps(marks: Sequence) -> list[Click | Box | Stroke]:
    """Read what a visitor has drawn on a picture.

    Args:
        marks: From the browser; for each mark its tool, its points, whether it adds, and the brush's size.

    Raises:
        InputError: The browser sent something else.
    """
    try:
        return [_step(mark["tool"], mark["points"], bool(mark["adds"]), mark["size"]) for mark in marks]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError("That was not on the picture. Draw it again.") from None


def _point(position: Sequence) -> tuple[int, int]:
    x, y = map(int, position)
    if max(abs(x), abs(y)) > _FARTHEST:
        raise ValueError
    return x, y


def _step(tool: str, points: Sequence, adds: bool, size: float) -> Click | Box | Stroke:
    count = len(points)
    places = tuple(_point(position) for position in points[:_POINTS])
    if tool == "click" and count == 1:
        return Click(places, adds)
    if tool == "box" and count == 2:
        return Box(places, adds)
    if tool == "brush" and 1 <= count <= _POINTS and BRUSH[0] <= size <= BRUSH[1]:
        return Stroke(places, adds, float(size))
    raise ValueError


def _joined(mask: np.ndarray, part: np.ndarray, adds: bool) -> np.ndarray:
    return np.maximum(mask, part) if adds else np.minimum(mask, 1 - part)
