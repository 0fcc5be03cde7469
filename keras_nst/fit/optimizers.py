"""Optimizers of a picture's pixels."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from scipy.fft import dctn, idctn
from scipy.optimize import Bounds, minimize
from threadpoolctl import threadpool_limits

from keras_nst.errors import InputError
from keras_nst.fit.pixels import Evaluation

SMOOTHING = 0.4
"""Measured: 0.35 to 0.5 are alike and take the fewest evaluations; 0 takes more, and 1 more than that."""

SHORT_WAVES = 7
"""Pixels. A loss of VGG's features is less steep in shorter waves than in these."""

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
    smoothing: float = SMOOTHING,
    progress: Callable[[Progress], None] | None = None,
) -> np.ndarray:
    """Minimize over pixels with scipy's L-BFGS, in one run.

    A run that is restarted forgets the curvature it has learned, and with a gradient that is not quite the loss's own
    the line search fails. So loss and gradient are only scaled, both by one constant: the first value becomes 10.

    Its variables are not the pixels but how much there is of each frequency, in units that are larger for low ones:
    networks respond to neighbors that change together, so that a step of equal length in all pixels is too short for
    areas and too long for grain. That saves a quarter of the evaluations or more.

    Args:
        objective: What is minimized.
        image: Where to start, (1, height, width, 3) in [0, 1].
        free: Which pixels may change, (1, height, width, 1) boolean; None for all. The others come back bit for bit.
        iterations: Steps at most.
        tolerance: Stop when ten steps have lowered the loss by less than this part of it.
        history: Number of steps that the curvature is told from.
        smoothing: The power of the wave length, beyond short ones, that a frequency's unit grows with; 0 for the
            pixels themselves, with bounds.
        progress: Called after each step; it may raise StopIteration to end the run.

    Returns:
        The picture, float32 in [0, 1].

    Raises:
        InputError: The loss is not finite.
    """
    run = _Run(objective, image, free, progress)
    smoothed = _Smoothing(run.free, smoothing)
    evaluated = [run.evaluate(run.start)]  # Which is where scipy begins, too.
    scale = 10 / max(abs(evaluated[0].value), 1e-12)
    values, reached = [], run.start

    def pixels(change: np.ndarray) -> np.ndarray:
        return np.clip(run.start + (smoothed(change) if smoothing else change), 0, 1)

    def scaled(change: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal reached
        reached = pixels(change)
        evaluation = evaluated.pop() if evaluated else run.evaluate(reached)
        gradient = run.gradient
        if smoothing:  # What cannot become any darker or lighter has nothing to say.
            stuck = (reached <= 0) & (gradient > 0) | (reached >= 1) & (gradient < 0)
            gradient = smoothed(np.where(stuck, 0, gradient))
        return scale * evaluation.value, scale * gradient.astype(np.float64)

    def stepped(_) -> None:
        values.append(run.step(reached))  # A step leads to where the line search has looked last.
        if len(values) > 10 and values[-11] - values[-1] < tolerance * values[-1]:
            raise StopIteration

    # BLAS's threads would wait for each other, and for TensorFlow's, longer than these products of vectors take.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(
            scaled,
            np.zeros(run.start.shape),
            jac=True,
            method="L-BFGS-B",
            bounds=None if smoothing else Bounds(-run.start, 1 - run.start),
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
    return run.picture(pixels(found.x))


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


class _Smoothing:
    """A symmetric operator on a picture's free pixels: multiplies a wave by a power of 1 + its length / SHORT_WAVES.

    By the cosine transform, which goes on beyond a border as in a mirror, of the rectangle that holds these pixels.
    """

    def __init__(self, free: np.ndarray, power: float):
        rows, columns = (np.flatnonzero(free.any(axis=axes)) for axes in ((0, 2, 3), (0, 1, 3)))
        self._box = slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._free = free[self._box]
        height, width = self._free.shape[1:3]
        half_waves = np.hypot(np.arange(height)[:, None] / height, np.arange(width) / width)  # In a pixel.
        # There are none in the mean: it counts as the longest of the others.
        length = 2 / np.maximum(half_waves, 1 / max(height, width))
        self._gain = np.float32((1 + length / SHORT_WAVES) ** power)[None, ..., None]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The operator on the values of the free pixels, (pixels,)."""
        image = np.zeros(self._free.shape, np.float32)
        image[self._free] = pixels
        how = {"axes": (1, 2), "norm": "ortho", "overwrite_x": True, "workers": -1}
        return idctn(self._gain * dctn(image, **how), **how)[self._free]


class _Run:
    """The bookkeeping of a minimization: which pixels are free, and how far it has come."""

    def __init__(self, objective, image: np.ndarray, free: np.ndarray | None, progress):
        self._objective = objective
        self._image = np.asarray(image, np.float32)
        self.free = np.broadcast_to(True if free is None else free, self._image.shape)
        self._progress = progress
        self._began = time.perf_counter()
        self._steps = self._evaluations = 0
        self.start = self._image[self.free]

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """The picture with these values in its free pixels."""
        image = self._image.copy()
        image[self.free] = pixels
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
        self.gradient = self._latest.gradient[self.free]
        return self._latest

    def step(self, pixels: np.ndarray) -> float:
        """Report that a step has led to these pixels, and the value of the latest evaluation."""
        self._steps += 1
        value, terms, _ = self._latest
        if self._progress:
            seconds = time.perf_counter() - self._began
            self._progress(Progress(self._steps, self._evaluations, value, terms, seconds, self.picture(pixels)))
        return value
