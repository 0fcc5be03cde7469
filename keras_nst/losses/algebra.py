"""The parts of a loss: measure, compare, sum, bind.

A *scene* is {role: {probe: tensor}}: an observer's report about each image. The roles are "output", "content" and
"style". A *term* compares a measurement of the output with one of another role. A *loss* is a weighted sum of terms:

    loss = 1.0 * content("relu3_3") + 5.0 * style("relu1_2", "relu2_2")
    bound = loss.bind({"style": observer(painting, loss.probes("style"))})
    total, raw = bound({"output": ..., "content": ...})
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from keras import ops, tree

from keras_nst.errors import InputError

Tensor = Any
Scene = Mapping[str, Mapping[str, Tensor]]


class Measurement(NamedTuple):
    """A statistic of some probes of one image.

    Attributes:
        probes: Names of the tensors that the statistic takes, in order.
        statistic: Function of these tensors to a tuple of tensors, or of such tuples.
    """

    probes: tuple[str, ...]
    statistic: Callable[..., tuple]

    def __call__(self, observed: Mapping[str, Tensor]) -> tuple:
        """The statistic of an image's observed probes."""
        return self.statistic(*(observed[probe] for probe in self.probes))


@dataclasses.dataclass(frozen=True)
class Term:
    """A named distance of the output's statistic from a target's, or a regularizer, which has no target.

    Items may share a target: if n items have k targets, each target serves n / k consecutive items.

    Attributes:
        name: The name in the papers, in logs and of the weight.
        distance: Function of the output's statistic and, unless `against` is None, the target's; returns (batch,).
        output: The measurement of the output.
        against: The role of the target; None for a regularizer.
        target: The measurement of the target; None for the same as the output's.
        additive: What can be summed over the parts of a picture: the "statistic", the "distance", or None for neither.
        pooled: How the output's statistics of items that share a target are first made one: a function of a tensor
            (items, ...) and the number of targets, `averaged` or `joined`; None if each item is compared by itself.
        constant: The target's statistic once it is bound.
    """

    name: str
    distance: Callable[..., Tensor]
    output: Measurement
    against: str | None = None
    target: Measurement | None = None
    additive: Literal["statistic", "distance"] | None = None
    pooled: Callable[[Tensor, int], Tensor] | None = None
    constant: tuple | None = None

    def probes(self, role: str) -> tuple[str, ...]:
        """Names of the probes that the term reads from the image in this role."""
        target = (self.target or self.output).probes if role == self.against and self.constant is None else ()
        return (self.output.probes if role == "output" else ()) + target

    def measure_target(self, observed: Mapping[str, Tensor]) -> tuple:
        """The target's statistic, without gradient, from the observed probes of its image."""
        return tree.map_structure(ops.stop_gradient, (self.target or self.output)(observed))

    def _compare(self, statistic: tuple, scene: Scene) -> Tensor:
        if self.against is None:
            return ops.mean(self.distance(statistic))
        target = self.measure_target(scene[self.against]) if self.constant is None else self.constant
        return ops.mean(self.distance(*self._aligned(statistic, target)))

    def _aligned(self, statistic: tuple, target: tuple) -> tuple[tuple, tuple]:
        """Give both the same number of items: repeat the targets, or pool the items that share one."""
        items, targets = (tree.flatten(nest)[0].shape[0] for nest in (statistic, target))
        if self.pooled:
            statistic = tree.map_structure(lambda values: self.pooled(values, targets), statistic)
        elif targets not in (1, items):
            target = tree.map_structure(lambda values: ops.repeat(values, items // targets, axis=0), target)
        return statistic, target

    def gather(self, scene: Scene):
        """The value to sum over the parts of a picture: the output's statistic if it is additive, else the distance."""
        statistic = self.output(scene["output"])
        return statistic if self.additive == "statistic" else self._compare(statistic, scene)

    def finish(self, gathered, scene: Scene) -> Tensor:
        """The mean distance over the batch, a scalar, from the gathered value."""
        return self._compare(gathered, scene) if self.additive == "statistic" else gathered

    def __call__(self, scene: Scene) -> Tensor:
        """The mean distance over the batch, a scalar."""
        return self.finish(self.gather(scene), scene)


def averaged(values: Tensor, groups: int) -> Tensor:
    """Average groups of consecutive items: (items, ...) to (groups, ...)."""
    return ops.mean(ops.reshape(values, (groups, -1, *values.shape[1:])), axis=1)


def joined(values: Tensor, groups: int) -> Tensor:
    """Join the rows of consecutive items: (items, rows, ...) to (groups, items / groups x rows, ...)."""
    return ops.reshape(values, (groups, -1, *values.shape[2:]))


@dataclasses.dataclass(frozen=True)
class Loss:
    """A weighted sum of terms.

    Attributes:
        terms: (weight, term) pairs.

    Raises:
        ValueError: Two terms have the same name, which would make logs ambiguous.

    >>> from keras_nst.losses import content, style
    >>> (content("relu3_3") + 5.0 * style("relu1_2", "relu2_2")).weights
    {'content': 1.0, 'style': 5.0}
    """

    terms: tuple[tuple[float, Term], ...]

    def __post_init__(self):
        names = [term.name for _, term in self.terms]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"The terms of a loss must have different names. Received twice: {', '.join(twice)}.")

    def __add__(self, other: "Loss") -> "Loss":
        return Loss(self.terms + other.terms)

    def __radd__(self, zero: int) -> "Loss":
        # `sum` starts with 0.
        return self if zero == 0 else NotImplemented

    def __sub__(self, other: "Loss") -> "Loss":
        return self + -1.0 * other

    def __rmul__(self, factor: float) -> "Loss":
        return Loss(tuple((factor * weight, term) for weight, term in self.terms))

    __mul__ = __rmul__

    def named(self, name: str) -> "Loss":
        """Rename the loss's only term, so that two terms of the same kind can be added.

        Raises:
            ValueError: The loss has several terms.
        """
        if len(self.terms) != 1:
            raise ValueError(f"Only a loss with one term can be named {name!r}. This one has {len(self.terms)}.")
        ((weight, term),) = self.terms
        return Loss(((weight, dataclasses.replace(term, name=name)),))

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term, by name."""
        return {term.name: weight for weight, term in self.terms}

    def scaled(self, factors: Mapping[str, Tensor]) -> "Loss":
        """Multiply the weights of the named terms. The factors may be tensors."""
        return Loss(
            tuple(
                (weight * factors[term.name] if term.name in factors else weight, term) for weight, term in self.terms
            )
        )

    def reweighted(self, weights: Mapping[str, float]) -> "Loss":
        """Replace the weights of the named terms.

        Raises:
            InputError: The loss has no such term.
        """
        for name in weights:
            if name not in self.weights:
                raise InputError(f"This loss has no {name} term: {', '.join(self.weights)}. Choose one of these.")
        return Loss(tuple((weights.get(term.name, weight), term) for weight, term in self.terms))

    def networks(self, role: str) -> set[str]:
        """Names of the frozen networks that must observe the image in this role."""
        paths = (probe.split("/") for probe in self.probes(role))
        return {network for network, *tap in paths if tap and not network.startswith("region")}

    def probes(self, role: str) -> tuple[str, ...]:
        """Names of the probes to observe in the image in this role; none if the role is bound or unused."""
        return tuple(dict.fromkeys(probe for _, term in self.terms for probe in term.probes(role)))

    def bind(self, scene: Scene) -> "Loss":
        """Measure the targets of the scene's roles once; they are constants of the loss that is returned."""
        targets = (self.targets(role, observed) for role, observed in scene.items())
        return self.with_constants({name: target for found in targets for name, target in found.items()})

    def targets(self, role: str, observed: Mapping[str, Tensor]) -> dict[str, tuple]:
        """The targets, by term name, that the observed probes of the image in this role give."""
        unbound = (term for _, term in self.terms if term.against == role and term.constant is None)
        return {term.name: term.measure_target(observed) for term in unbound}

    def collected(self, targets: Sequence[Mapping[str, tuple]]) -> dict[str, tuple]:
        """One target for each term from those of several images of one size: a collection.

        Statistics are pooled, like those of a batch, and averaged where a term does not pool.

        Args:
            targets: The targets of each image, from `targets`.
        """
        pools = {term.name: term.pooled or averaged for _, term in self.terms}

        def together(name: str) -> tuple:
            parts = [target[name] for target in targets]
            return tree.map_structure(lambda *each: pools[name](ops.concatenate(each, axis=0), 1), *parts)

        return {name: together(name) for name in targets[0]}

    @property
    def constants(self) -> dict[str, tuple]:
        """The bound targets, by term name."""
        return {term.name: term.constant for _, term in self.terms if term.constant is not None}

    def with_constants(self, constants: Mapping[str, tuple]) -> "Loss":
        """Bind the named terms to these targets; the other terms stay as they are."""
        return Loss(
            tuple(
                (weight, dataclasses.replace(term, constant=constants.get(term.name, term.constant)))
                for weight, term in self.terms
            )
        )

    def gather(self, scene: Scene) -> dict[str, Any]:
        """The value of each term to sum over the parts of a picture, by name."""
        return {term.name: term.gather(scene) for _, term in self.terms}

    def finish(self, gathered: Mapping[str, Any], scene: Scene) -> tuple[Tensor, dict[str, Tensor]]:
        """Like `__call__`, from the values gathered over all parts. The scene holds the roles that are not bound."""
        raw = {term.name: term.finish(gathered[term.name], scene) for _, term in self.terms}
        return sum(weight * raw[term.name] for weight, term in self.terms), raw

    def __call__(self, scene: Scene) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate on a scene.

        Returns:
            The weighted sum, a float32 scalar, and the unweighted value of each term, by name.
        """
        return self.finish(self.gather(scene), scene)

    def __str__(self) -> str:
        rows = [
            (f"{weight:g}", term.name, " ".join(term.output.probes), term.against or "-") for weight, term in self.terms
        ]
        rows.insert(0, ("weight", "term", "measured", "against"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )


def blend(targets: Sequence[Mapping[str, tuple]], shares: Iterable[float]) -> dict[str, tuple]:
    """Mix the targets of several images.

    A statistic that is a mean over positions becomes that of one picture in which the images lie side by side, with
    areas in proportion to the shares.

    Args:
        targets: The targets of each image, from `Loss.targets`.
        shares: The share of each image; they sum to 1.
    """
    shares = list(shares)

    def mix(*tensors):
        return sum(share * tensor for share, tensor in zip(shares, tensors, strict=True))

    return tree.map_structure(mix, *targets)
