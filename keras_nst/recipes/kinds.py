"""The kinds of recipes: the choices of a paper as a value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from keras_nst.errors import InputError, unknown
from keras_nst.fit.schedules import Schedule, cosine
from keras_nst.losses import Loss
from keras_nst.losses.statistics import STATISTICS

DEVIATION = 0.226
"""Standard deviation of ImageNet's pixels in [0, 1], averaged over channels."""

UNIT = 255 * DEVIATION
"""Factor by which VGG's features are larger here than those of a VGG with standardized inputs."""

COARSE_TO_FINE: Mapping[str, Any] = MappingProxyType(
    {"backbone": "vgg16", "pooling": "max", "optimizer": "lbfgs", "learning_rate": 0.02, "end_size": 512}
)
"""Settings of a `PixelRecipe`: what is best here for any loss, where a paper does not say."""

NO_SEMANTICS = "keeps no semantics and has no lambdas. Choose the recipe kolkin2019 or liu2019."
"""What is said of a recipe without them."""

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a net learns one painting, or each painting of a set.

    Attributes:
        perceptual: The weighted content, style and total variation.
        semantics: What can be kept of the photograph: weighted losses by name.
        kept: The semantics that are kept by default.
        classifier: The classifier whose activation maps are kept by default.
        learning_rate: Adam's learning rate at its peak.
        schedule: Schedule of the learning rate.
        left_open: For a recipe as printed, what the paper leaves open, and the choice made here.
    """

    perceptual: Loss
    semantics: Mapping[str, Loss] = field(default_factory=dict)
    kept: Sequence[str] = ()
    classifier: str = "efficientnet_lite0"
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
        """lambda1 perceptual + lambda2 (sum of the kept semantics).

        Args:
            keep: Names of semantics; None for the recipe's default.
            lambdas: lambda1 and lambda2.
            weights: Weights that replace the recipe's, before the lambdas.

        Raises:
            InputError: The recipe has no such semantic or term, or nothing is kept that lambda2 could multiply.

        Source: Liu et al. 2019, eq. (10).
        """
        if not self.semantics and (keep is not None or tuple(lambdas) != (1.0, 1.0)):
            raise InputError(f"This recipe {NO_SEMANTICS}")
        keep = self.kept if keep is None else keep
        if not keep and lambdas[1] != 1:
            raise InputError("Nothing is kept that lambda2 could multiply. Give `keep`, or leave out `lambda2`.")
        for name in keep:
            if name not in self.semantics:
                raise unknown("semantic to keep", name, self.semantics)
        region = sum((self.semantics[name] for name in keep), start=Loss(()))
        both = (self.perceptual + region).reweighted(weights)
        factors = dict.fromkeys(self.perceptual.weights, lambdas[0]) | dict.fromkeys(region.weights, lambdas[1])
        return both.scaled(factors)


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe:
    """How a generator learns a collection with a discriminator.

    Attributes:
        generator: Function from the name of a game in `keras_nst.losses.GAMES`, weights that replace the recipe's, and,
            if there are content layers, the layer of the content to the loss of generator and saliency net.
        content_layers: VGG layers by backbone; none if there is no content term.
        discriminator: Function from the name of a game to the discriminator's loss.
        factors: Function from a step, a tensor, the number of steps, and the schedule of the content's weight ("decay"
            or "fixed") to factors of the generator's weights.
        game: The game by default.
        cyclic: Whether a second generator learns the way back to photographs.
        learning_rate: Adam's learning rate for both.
        schedule: Schedule of the learning rate.
        left_open: As in `Recipe`.
    """

    generator: Callable[..., Loss]
    content_layers: Mapping[str, str] = field(default_factory=dict)
    discriminator: Callable[[str], Loss]
    factors: Callable[[Any, int, str], dict[str, Any]]
    game: str = "log"
    cyclic: bool = False
    learning_rate: float
    schedule: Schedule
    left_open: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PixelRecipe:
    """How the pixels of a picture are optimized.

    Attributes:
        loss: Function from content layers, style layers, numbers of regions and the name of a statistic to the loss.
        content_layers: VGG's taps by backbone.
        style_layers: VGG's taps.
        statistics: Statistics of style, of `keras_nst.losses.statistics.STATISTICS`; the first is the default.
        settings: Defaults for `keras_nst.options.PixelOptions`.
        left_open: As in `Recipe`.
    """

    loss: Callable[[Sequence[str], Sequence[str], Sequence[int], str], Loss]
    content_layers: Mapping[str, Sequence[str]]
    style_layers: Sequence[str]
    statistics: Sequence[str] = tuple(STATISTICS)
    settings: Mapping[str, Any]
    left_open: Sequence[str] = ()
