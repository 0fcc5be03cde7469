"""Optimizers of a picture's pixels."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from scipy.optimize import Bounds, minimize

from keras_nst.errors import InputError
from keras_nst.fit.pixels import Evaluation

AVERAGING = 0.99
"""Share that the mean of Adam's pictures keeps at each step."""


class Progress(NamedTuple):
    """Where a minimization stands.

    Attributes:
        iteration: Steps taken.
        evaluations: Of loss and gradient, so far.
        value: The weighted sum at the latest evaluation: with Adam, that of the step before.
        terms: The raw value of each term by its name.
        seconds: Since the beginning.
        image: The picture, (1, height, width, 3) float32.
    """

    iteration: int
    evaluations: int
    value: float
    terms: dict[str, float]
    seconds: float
    image: np.ndarray


def lbfgs(
    objective: Callable[[np.ndarray], Evaluation],
    image: np.ndarray,
    free: np.ndarray | None = None,
    *,
    iterations: int = 200,
    tolerance: float = 0.0,
    history: int = 10,
    progress: Callable[[Progress], None] | None = None,
) -> np.ndarray:
    """Minimize over pixels with scipy's L-BFGS-B, in one run.

    A run that is restarted forgets the curvature it has learned, and with a gradient that is not quite the loss's own
    the line search fails. So loss and gradient are only scaled, both by one constant: the first value becomes 10.

    Args:
        objective: What is minimized.
        image: Where to start, (1, height, width, 3) in [0, 1].
        free: Which pixels may change, (1, height, width, 1) boolean; None for all. The others come back bit for bit.
        iterations: Steps at most.
        tolerance: Stop when ten steps have lowered the loss by less than this part of it.
        history: Number of steps that the curvature is told from.
        progress: Called after each step; it may raise StopIteration to end the run.

    Returns:
        The picture, float32 in [0, 1].

    Raises:
        InputError: The loss is not finite.
    """
    run = _Run(objective, image, free, progress)
    evaluated = [run.evaluate(run.start)]  # Which is where scipy begins, too.
    scale = 10 / max(abs(evaluated[0].value), 1e-12)
    values = []

    def scaled(pixels: np.ndarray) -> tuple[float, np.ndarray]:
        evaluation = evaluated.pop() if evaluated else run.evaluate(pixels)
        return scale * evaluation.value, scale * run.gradient.astype(np.float64)

    def stepped(pixels: np.ndarray) -> None:
        values.append(run.step(pixels))
        if len(values) > 10 and values[-11] - values[-1] < tolerance * values[-1]:
            raise StopIteration

    found = minimize(
        scaled,
        run.start.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, 1),
        callback=stepped,
        options={
            "maxiter": iterations,
            "maxfun": 40 * iterations,
            "maxcor": history,
            "maxls": 40,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    return run.picture(found.x)


def adam(
    objective: Callable[[np.ndarray], Evaluation],
    image: np.ndarray,
    free: np.ndarray | None = None,
    *,
    iterations: int = 500,
    learning_rate: float = 0.02,
    average: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> np.ndarray:
    """Minimize over pixels with Adam, keeping them in [0, 1].

    Args:
        objective: What is minimized.
        image: Where to start, (1, height, width, 3) in [0, 1].
        free: Which pixels may change, (1, height, width, 1) boolean; None for all. The others come back bit for bit.
        iterations: Steps.
        learning_rate: In units of the pixels' range.
        average: Return a running mean of the pictures, of about the last hundred, which is smoother than the last.
        progress: Called after each step; it may raise StopIteration to end the run.

    Returns:
        The picture, float32 in [0, 1].

    Raises:
        InputError: The loss is not finite.
    """
    run = _Run(objective, image, free, progress)
    pixels = keras.Variable(run.start, dtype="float32")
    optimizer = keras.optimizers.Adam(learning_rate)
    mean = np.zeros_like(run.start)
    for step in range(1, iterations + 1):
        run.evaluate(ops.convert_to_numpy(pixels))
        optimizer.apply([ops.convert_to_tensor(run.gradient)], [pixels])
        pixels.assign(ops.clip(pixels, 0, 1))
        now = ops.convert_to_numpy(pixels)
        mean = AVERAGING * mean + (1 - AVERAGING) * now
        # Divided by what the weights of the steps so far sum to.
        found = mean / (1 - AVERAGING**step) if average else now
        try:
            run.step(found)
        except StopIteration:
            break
    return run.picture(found)


class _Run:
    """The bookkeeping of a minimization: which pixels are free, and how far it has come."""

    def __init__(self, objective, image: np.ndarray, free: np.ndarray | None, progress):
        self._objective = objective
        self._image = np.asarray(image, np.float32)
        self._free = np.broadcast_to(True if free is None else free, self._image.shape)
        self._progress = progress
        self._began = time.perf_counter()
        self._steps = self._evaluations = 0
        self.start = self._image[self._free]

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """The picture with these values in its free pixels."""
        image = self._image.copy()
        image[self._free] = pixels
        return image

    def evaluate(self, pixels: np.ndarray) -> Evaluation:
        """Loss at these pixels; its gradient by them is left in `gradient`."""
        self._latest = self._objective(self.picture(pixels))
        self._evaluations += 1
        if not math.isfinite(self._latest.value) or not np.isfinite(self._latest.gradient).all():
            raise InputError(
                f"Loss or gradient is not finite at evaluation {self._evaluations}: {self._latest.terms}. "
                "Lower the weights or the learning rate."
            )
        self.gradient = self._latest.gradient[self._free]
        return self._latest

    def step(self, pixels: np.ndarray) -> float:
        """Report that a step has led to these pixels, and the value of the latest evaluation."""
        self._steps += 1
        value, terms, _ = self._latest
        if self._progress:
            seconds = time.perf_counter() - self._began
            self._progress(Progress(self._steps, self._evaluations, value, terms, seconds, self.picture(pixels)))
        return value
