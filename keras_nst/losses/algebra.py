"""Measure, compare, sum, bind: what a loss is made of.

A *scene* is {role: {probe: tensor}}, with the roles "output", "content" and "style": what an observer reports of each
image. A *term* compares a measurement of the output with one of another role; a *loss* is a weighted sum of terms:

    loss = 1.0 * content("relu3_3") + 5.0 * style("relu1_2", "relu2_2")
    bound = loss.bind({"style": observer(painting, loss.probes("style"))})
    total, raw = bound({"output": ..., "content": ...})
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras import ops

Tensor = Any
Scene = Mapping[str, Mapping[str, Tensor]]


class Measurement(NamedTuple):
    """A statistic of some probes of one image.

    Attributes:
        probes: Names of the tensors that are read.
        statistic: Function of these tensors, in their order, to a tuple of tensors.
    """

    probes: tuple[str, ...]
    statistic: Callable[..., tuple[Tensor, ...]]

    def __call__(self, observed: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """The statistic of what was observed of an image."""
        return self.statistic(*(observed[probe] for probe in self.probes))


@dataclasses.dataclass(frozen=True)
class Term:
    """One named distance: a measurement of the output against one of another role, or against nothing.

    Attributes:
        name: As the papers call it; the key of logs and weights.
        distance: Function of the output's statistic and, unless `against` is None, the target's; returns (batch,).
        output: What is measured of the output.
        against: The role of the target; None for a regularizer.
        target: What is measured of the target; None for the same as of the output.
        constant: The target's statistic once it is bound.
    """

    name: str
    distance: Callable[..., Tensor]
    output: Measurement
    against: str | None = None
    target: Measurement | None = None
    constant: tuple[Tensor, ...] | None = None

    def probes(self, role: str) -> tuple[str, ...]:
        """What the term reads of the image in this role."""
        target = (self.target or self.output).probes if role == self.against and self.constant is None else ()
        return (self.output.probes if role == "output" else ()) + target

    def bind(self, scene: Scene) -> "Term":
        """The term with its target measured once and for all, if the scene holds the target's role."""
        if self.constant is not None or self.against not in scene:
            return self
        return dataclasses.replace(self, constant=self._measure_target(scene))

    def _measure_target(self, scene: Scene) -> tuple[Tensor, ...]:
        return tuple(map(ops.stop_gradient, (self.target or self.output)(scene[self.against])))

    def __call__(self, scene: Scene) -> Tensor:
        """The mean of the distance over the batch, a scalar."""
        output = self.output(scene["output"])
        if self.against is None:
            return ops.mean(self.distance(output))
        target = self._measure_target(scene) if self.constant is None else self.constant
        return ops.mean(self.distance(output, target))


@dataclasses.dataclass(frozen=True)
class Loss:
    """A weighted sum of terms.

    Attributes:
        terms: (weight, term) pairs.

    Raises:
        ValueError: Two terms have one name, so that a log line would be ambiguous.
    """

    terms: tuple[tuple[float, Term], ...]

    def __post_init__(self):
        names = [term.name for _, term in self.terms]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"Terms of a loss must have different names. Received twice: {', '.join(twice)}.")

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(self.terms + other.terms)

    def __rmul__(self, factor: float) -> "Loss":
        return Loss(tuple((factor * weight, term) for weight, term in self.terms))

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term by its name."""
        return {term.name: weight for weight, term in self.terms}

    def probes(self, role: str) -> tuple[str, ...]:
        """What must be observed of the image in this role: nothing for a role that is bound or not compared with."""
        return tuple(dict.fromkeys(probe for _, term in self.terms for probe in term.probes(role)))

    def bind(self, scene: Scene) -> "Loss":
        """The loss with the targets of the scene's roles measured once: constants from here on."""
        return Loss(tuple((weight, term.bind(scene)) for weight, term in self.terms))

    def __call__(self, scene: Scene) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate on a scene.

        Returns:
            The weighted sum, a float32 scalar, and the raw value of each term by its name.
        """
        raw = {term.name: term(scene) for _, term in self.terms}
        return sum(weight * raw[term.name] for weight, term in self.terms), raw

    def __str__(self) -> str:
        rows = [
            (f"{weight:g}", term.name, " ".join(term.output.probes), term.against or "-") for weight, term in self.terms
        ]
        rows.insert(0, ("weight", "term", "measured", "against"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
