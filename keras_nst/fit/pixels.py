"""Pixels as the variable: a loss as a function of one picture, and two ways to make it small."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, tree
from scipy.optimize import Bounds, minimize

from keras_nst.errors import InputError
from keras_nst.fit.autodiff import compiled, value_and_gradient
from keras_nst.fit.tiles import assemble, windows
from keras_nst.losses import Loss
from keras_nst.models.observer import Observer

AVERAGING = 0.99


class Evaluation(NamedTuple):
    """A loss at a picture.

    Attributes:
        value: The weighted sum.
        terms: The raw value of each term by its name.
        gradient: By the pixels, (1, height, width, 3).
    """

    value: float
    terms: dict[str, float]
    gradient: np.ndarray


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


class PixelObjective:
    """A loss as a function of one picture, with its gradient.

    With several windows, what terms add up over positions is added up over windows; then each window's pixels get
    their gradient, with the gradient by the sums held. Tiles therefore change neither value nor gradient, and memory
    depends on their size; but all is measured twice, and the halos more often.

    Args:
        loss: What is minimized. Its terms are sums over positions (see `Term.additive`) where there are tiles.
        observer: What measures pictures.
        size: Height and width of the output.
        weights: Of the output's regions, {"region0/relu1_2": (1, h, w, 1)}, as `region_weights` gives them.
        tile: Side of the windows in pixels; None for the whole picture at once.
        halo: Pixels around each core that its features see: half of the deepest one's receptive field.

    Raises:
        InputError: The tile is too small, or there are tiles and a term that cannot be added up over them.
    """

    def __init__(
        self,
        loss: Loss,
        observer: Observer,
        size: tuple[int, int],
        weights: Mapping[str, np.ndarray] | None = None,
        *,
        tile: int | None = None,
        halo: int = 0,
    ):
        self.loss = self._unbound = loss
        self._observer = observer
        self._tiling = {"tile": tile, "halo": halo}
        self._windows = windows(*size, **self._tiling)
        if len(self._windows) > 1:
            _check_additive(loss)
        self._weights = [window.weights(weights or {}) for window in self._windows]
        self._direct = value_and_gradient(self._evaluated)
        self._gather = compiled(self._gathered)
        self._finish = value_and_gradient(lambda gathered, constants: self._bound(constants).finish(gathered, {}))
        self._pull = value_and_gradient(self._pulled)

    def targets(self, role: str, image: np.ndarray, weights: Mapping[str, np.ndarray] | None = None) -> dict[str, Any]:
        """What the terms are compared with, by their names, if this is the image in this role.

        Args:
            role: "content", "style" ...
            image: (1, height, width, 3) in [0, 1].
            weights: Of the image's regions.
        """
        probes = [probe for probe in self._unbound.probes(role) if not probe.startswith("region")]
        parts = []
        for window in windows(*image.shape[1:3], **self._tiling):
            observed = {**self._observer(window.crop(image), probes), **window.weights(weights or {})}
            parts.append((window, tree.map_structure(ops.convert_to_numpy, self._unbound.targets(role, observed))))
        return assemble(parts)

    def bind(self, targets: Mapping[str, Any]) -> None:
        """Set what terms are compared with, by their names, as `targets` gives it."""
        self.loss = self.loss.with_constants(targets)

    def __call__(self, image: np.ndarray) -> Evaluation:
        """Evaluate at a picture (1, height, width, 3) in [0, 1]."""
        image = np.asarray(image, np.float32)
        constants = self.loss.constants
        if len(self._windows) == 1:
            (value, terms), gradient = self._direct(image, *self._weights, constants)
            gradient = ops.convert_to_numpy(gradient)
        else:
            scenes = [
                (window, (window.crop(image), weights, window.crop(constants)))
                for window, weights in zip(self._windows, self._weights, strict=True)
            ]
            gathered = assemble([(window, self._gather(*scene)) for window, scene in scenes])
            (value, terms), upstream = self._finish(gathered, scenes[0][1][-1])
            gradient = np.zeros_like(image)
            for window, scene in scenes:
                _, part = self._pull(*scene, upstream)
                gradient[:, window.rows, window.columns] += ops.convert_to_numpy(part)
        return Evaluation(float(value), {name: float(term) for name, term in terms.items()}, gradient)

    def _bound(self, constants) -> Loss:
        return self.loss.with_constants(constants)

    def _scene(self, image, weights):
        probes = [probe for probe in self.loss.probes("output") if not probe.startswith("region")]
        return {"output": {**self._observer(image, probes), **weights}}

    def _evaluated(self, image, weights, constants):
        return self._bound(constants)(self._scene(image, weights))

    def _gathered(self, image, weights, constants):
        return self._bound(constants).gather(self._scene(image, weights))

    def _pulled(self, image, weights, constants, upstream):
        """The sum of what is gathered, each times its upstream gradient: it has the whole loss's gradient."""
        gathered = self._gathered(image, weights, constants)
        products = tree.map_structure(lambda mine, slope: ops.sum(mine * slope), gathered, upstream)
        return sum(tree.flatten(products)), None


def _check_additive(loss: Loss) -> None:
    for _, term in loss.terms:
        if term.additive is None or not any(probe.startswith("region") for probe in term.output.probes):
            raise InputError(f"The term {term.name} cannot be measured in tiles. Leave it out, or do without --tile.")


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
        progress: Called after each step.

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
        progress: Called after each step.

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
        run.step(mean / (1 - AVERAGING**step) if average else now)
    return run.picture(mean / (1 - AVERAGING**iterations) if average else now)


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
