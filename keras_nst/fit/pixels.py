"""A loss as a function of the pixels of one picture, with its gradient."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from keras_nst.errors import InputError
from keras_nst.fit.autodiff import compiled, value_and_gradient
from keras_nst.fit.tiles import assemble, windows
from keras_nst.losses import Loss
from keras_nst.models.observer import Observer


class Evaluation(NamedTuple):
    """The value and gradient of a loss at a picture.

    Attributes:
        value: The weighted sum.
        terms: The unweighted value of each term, by name.
        gradient: Gradient by the pixels, (1, height, width, 3).
    """

    value: float
    terms: dict[str, float]
    gradient: np.ndarray


class PixelObjective:
    """A loss as a function of one picture, with its gradient.

    With several windows, a first pass sums the terms' additive values over the windows, and a second pass computes each
    window's gradient from the gradient by these sums. So tiles change neither value nor gradient, and memory depends on
    their size; but everything is measured twice, and the halos more often.

    Args:
        loss: The loss. With tiles, its terms must be sums over positions (see `Term.additive`).
        observer: Measures pictures.
        size: Height and width of the output.
        weights: Weights of the output's regions, {"region0/relu1_2": (1, h, w, 1)}, from `region_weights`.
        tile: Side of the windows in pixels; None for the whole picture at once.
        halo: Pixels around each core that its features depend on: half the receptive field of the deepest layer, and
            one position more for high-order statistics.

    Raises:
        InputError: The tile is too small, or a term cannot be summed over tiles.
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
        """The targets, by term name, that an image gives in a role.

        Args:
            role: Such as "content" or "style".
            image: (1, height, width, 3) in [0, 1].
            weights: Weights of the image's regions.
        """
        probes = [probe for probe in self._unbound.probes(role) if not probe.startswith("region")]
        parts = []
        for window in windows(*image.shape[1:3], **self._tiling):
            observed = {**self._observer(window.crop(image), probes), **window.weights(weights or {})}
            parts.append((window, tree.map_structure(ops.convert_to_numpy, self._unbound.targets(role, observed))))
        return assemble(parts)

    def bind(self, targets: Mapping[str, Any]) -> None:
        """Set the targets of terms, by term name, from `targets`."""
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
        """The sum of the gathered values times their upstream gradients: its gradient is that of the whole loss."""
        gathered = self._gathered(image, weights, constants)
        products = tree.map_structure(lambda mine, slope: ops.sum(mine * slope), gathered, upstream)
        return sum(tree.flatten(products)), None


def _check_additive(loss: Loss) -> None:
    for _, term in loss.terms:
        if term.additive is None or not any(probe.startswith("region") for probe in term.output.probes):
            raise InputError(f"The term {term.name} cannot be measured in tiles. Leave it out, or do without `tile`.")
