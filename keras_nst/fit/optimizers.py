"""Optimizers for the pixels of a picture."""

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
"""Exponent of the preconditioner. Measured: 0.35 to 0.5 take the fewest evaluations, 0 takes more, 1 even more."""

SHORT_WAVES = 7
"""Wavelength in pixels. In shorter waves the gradient of a loss of VGG features is smaller."""

AVERAGING = 0.99
"""Decay per step of the running mean of Adam's pictures."""


_LIMIT = 1  # Scipy's status of a run that has come to the last step or evaluation.


class Progress(NamedTuple):
    """Progress of a minimization.

    Attributes:
        iteration: Steps taken.
        evaluations: Evaluations of loss and gradient.
        value: The loss at the latest evaluation. With Adam this is before the step.
        terms: The unweighted value of each term, by name.
        seconds: Time since the start.
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
    """Minimize over pixels with scipy's L-BFGS, in a single run.

    A restart would lose the estimate of the curvature, and the line search fails if the gradient is not exactly that of
    the loss. So both are only scaled by one constant, which makes the first value 10.

    Pixels are preconditioned: the variables are frequencies, and low frequencies get larger steps. Networks respond to
    neighbors that change together, so equal steps in all pixels are too short for areas and too long for grain. This
    saves at least a quarter of the evaluations.

    Args:
        objective: The function to minimize.
        image: The initial picture, (1, height, width, 3) in [0, 1].
        free: The pixels that may change, (1, height, width, 1) boolean; None for all. The others keep their exact
            values.
        iterations: Maximum number of steps.
        tolerance: Stop when ten steps have lowered the loss by less than this fraction of it.
        history: Number of previous steps from which the curvature is estimated.
        smoothing: Exponent of the preconditioner: how fast steps grow with the wavelength. 0 optimizes the pixels
            themselves, with bounds.
        progress: Called after each step; it may raise StopIteration to end the run.

    Returns:
        The picture, float32 in [0, 1].

    Raises:
        InputError: The loss is not finite, or its gradient is not its own: no step lowers it.
    """
    run = _Run(objective, image, free, progress)
    smoothed = _Smoothing(run.free, smoothing)
    evaluated = [run.evaluate(run.start)]  # scipy's first evaluation is at the same pixels.
    scale = 10 / max(abs(evaluated[0].value), 1e-12)
    values, reached = [], run.start

    def pixels(change: np.ndarray) -> np.ndarray:
        return np.clip(run.start + (smoothed(change) if smoothing else change), 0, 1)

    def scaled(change: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal reached
        reached = pixels(change)
        evaluation = evaluated.pop() if evaluated else run.evaluate(reached)
        gradient = run.gradient
        if smoothing:  # Pixels at a bound have no gradient beyond it.
            stuck = (reached <= 0) & (gradient > 0) | (reached >= 1) & (gradient < 0)
            gradient = smoothed(np.where(stuck, 0, gradient))
        return scale * evaluation.value, scale * gradient.astype(np.float64)

    def stepped(_) -> None:
        values.append(run.step(reached))  # The line search evaluated the accepted pixels last.
        if len(values) > 10 and values[-11] - values[-1] < tolerance * values[-1]:
            raise StopIteration

    # For these products of vectors, BLAS threads spend more time waiting for each other and for TensorFlow's threads.
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
    if not found.success and found.status != _LIMIT and not run.steps:
        raise InputError(f"The loss does not fall along its gradient, and so cannot be minimized ({found.message}).")
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
        objective: The function to minimize.
        image: The initial picture, (1, height, width, 3) in [0, 1].
        free: The pixels that may change, (1, height, width, 1) boolean; None for all. The others keep their exact
            values.
        iterations: Number of steps.
        learning_rate: Learning rate of Adam, for pixels in [0, 1].
        average: Whether to return a running mean over about the last hundred pictures, which is smoother than the last.
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
        # The weights of the steps so far sum to 1 - AVERAGING**step.
        found = mean / (1 - AVERAGING**step) if average else now
        try:
            run.step(found)
        except StopIteration:
            break
    return run.picture(found)


class _Smoothing:
    """The preconditioner, a symmetric operator: multiplies each wave by a power of 1 + wavelength / SHORT_WAVES.

    It takes the cosine transform, which reflects at the border, of the bounding box of the free pixels.
    """

    def __init__(self, free: np.ndarray, power: float):
        rows, columns = (np.flatnonzero(free.any(axis=axes)) for axes in ((0, 2, 3), (0, 1, 3)))
        self._box = slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self._free = free[self._box]
        height, width = self._free.shape[1:3]
        half_waves = np.hypot(np.arange(height)[:, None] / height, np.arange(width) / width)  # Per pixel.
        # The mean, which has no wavelength, gets the longest one of the others.
        length = 2 / np.maximum(half_waves, 1 / max(height, width))
        self._gain = np.float32((1 + length / SHORT_WAVES) ** power)[None, ..., None]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Apply the operator to the values of the free pixels, (pixels,)."""
        image = np.zeros(self._free.shape, np.float32)
        image[self._free] = pixels
        how = {"axes": (1, 2), "norm": "ortho", "overwrite_x": True, "workers": -1}
        return idctn(self._gain * dctn(image, **how), **how)[self._free]


class _Run:
    """State of a minimization: the free pixels, the counts and the latest evaluation."""

    def __init__(self, objective, image: np.ndarray, free: np.ndarray | None, progress):
        self._objective = objective
        self._image = np.asarray(image, np.float32)
        self.free = np.broadcast_to(True if free is None else free, self._image.shape)
        self._progress = progress
        self._began = time.perf_counter()
        self.steps = self._evaluations = 0
        self.start = self._image[self.free]

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """The picture with these values in its free pixels."""
        image = self._image.copy()
        image[self.free] = pixels
        return image

    def evaluate(self, pixels: np.ndarray) -> Evaluation:
        """Evaluate the loss at these pixels, and set `gradient` to its gradient."""
        self._latest = self._objective(self.picture(pixels))
        self._evaluations += 1
        if not math.isfinite(self._latest.value) or not np.isfinite(self._latest.gradient).all():
            raise InputError(
                f"The loss or its gradient is not finite at evaluation {self._evaluations}: {self._latest.terms}. "
                "Lower the weights or the learning rate."
            )
        self.gradient = self._latest.gradient[self.free]
        return self._latest

    def step(self, pixels: np.ndarray) -> float:
        """Report a step to these pixels, and return the loss of the latest evaluation."""
        self.steps += 1
        value, terms, _ = self._latest
        if self._progress:
            seconds = time.perf_counter() - self._began
            self._progress(Progress(self.steps, self._evaluations, value, terms, seconds, self.picture(pixels)))
        return value
