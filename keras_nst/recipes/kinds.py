"""What a recipe holds: a paper's choices as one value, of three kinds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from keras_nst.errors import InputError, unknown
from keras_nst.fit.schedules import Schedule, cosine
from keras_nst.losses import Loss

DEVIATION = 0.226
"""Standard deviation of ImageNet's pixels in [0, 1], the mean of the three channels'."""

UNIT = 255 * DEVIATION
"""How many times larger VGG's features are here than those of a VGG whose input is standardized."""

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a net learns one painting, or each painting of a set.

    Attributes:
        perceptual: Content, style and what smooths, weighted.
        semantics: What can be kept of the photograph, by name, each a weighted loss.
        kept: The semantics that are kept unless others are asked for.
        learning_rate: Adam's, at its peak.
        schedule: How the learning rate changes over a training.
        left_open: What the paper does not say, and what is taken in its place; for a recipe as printed.
    """

    perceptual: Loss
    semantics: Mapping[str, Loss] = field(default_factory=dict)
    kept: Sequence[str] = ()
    learning_rate: float
    schedule: Schedule = cosine
    left_open: Sequence[str] = ()

    def loss(
        self,
        *,
        keep: Sequence[str] | None = None,
        lambdas: tuple[float, float] = (1.0, 1.0),
        weights: Mapping[str, float] = _NONE,
    ) -> Loss:
        """lambda1 perceptual + lambda2 (the sum of the semantics that are kept).

        Args:
            keep: Names of semantics; None for the recipe's own.
            lambdas: lambda1 and lambda2.
            weights: Weights of terms that take the place of the recipe's, before the lambdas.

        Raises:
            InputError: The recipe has no such semantic or term.

        Source: Liu et al. 2019, eq. (10).
        """
        if not self.semantics and (keep is not None or tuple(lambdas) != (1.0, 1.0)):
            raise InputError("This recipe keeps no semantics and has no lambdas. Choose the recipe liu2019.")
        keep = self.kept if keep is None else keep
        for name in keep:
            if name not in self.semantics:
                raise unknown("semantic to keep", name, self.semantics)
        region = sum((self.semantics[name] for name in keep), start=Loss(()))
        both = (self.perceptual + region).reweighted(weights)
        factors = dict.fromkeys(self.perceptual.weights, lambdas[0]) | dict.fromkeys(region.weights, lambdas[1])
        return both.scaled(factors)


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe:
    """How a generator learns a collection against a discriminator.

    Attributes:
        generator: From the name of a game, of `keras_nst.losses.GAMES`, and weights of terms that take the place of the
            recipe's, to what generator and saliency net minimize.
        discriminator: From the name of a game to what the discriminator minimizes.
        factors: From a step, a tensor, and the number of all steps to what the generator's weights are multiplied by.
        learning_rate: Adam's, of both.
        schedule: How the learning rate changes over a training.
        left_open: As `Recipe` has it.
    """

    generator: Callable[[str, Mapping[str, float]], Loss]
    discriminator: Callable[[str], Loss]
    factors: Callable[[Any, int], dict[str, Any]]
    learning_rate: float
    schedule: Schedule
    left_open: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PixelRecipe:
    """How the pixels of one picture are optimized.

    Attributes:
        loss: From content layers, style layers, the numbers of the regions and the name of a statistic to the loss.
        content_layers: VGG's taps by backbone.
        style_layers: VGG's taps.
        statistics: What can stand for a style, of `keras_nst.losses.statistics.STATISTICS`; the first is the recipe's.
        settings: Its choices for `keras_nst.options.PixelOptions`.
        left_open: As `Recipe` has it.
    """

    loss: Callable[[Sequence[str], Sequence[str], Sequence[int], str], Loss]
    content_layers: Mapping[str, Sequence[str]]
    style_layers: Sequence[str]
    statistics: Sequence[str]
    settings: Mapping[str, Any]
    left_open: Sequence[str] = ()
