"""What a job can be asked to do; the command line takes its defaults from here."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from keras_nst.models.styles import TRAINED

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """What a training is asked to do.

    Attributes:
        style: The painting's file; for a recipe of a whole collection its pictures, as `content`. For a net of many
            styles, one or several files or sets of paintings: a batch has one painting of each.
        content: Photographs, as `keras_nst.images.datasets.photographs` takes them.
        validation: Photographs that are not trained on, as `content`: the losses of the net to keep are logged of them
            after each epoch. For a painting's recipes.
        recipe: Name of the recipe.
        as_printed: Whether the recipe has the paper's own layers, weights and units.
        keep: Semantics of the photograph to keep, "cam", "edge", "color"; None for the recipe's own choice.
        lambdas: Factors of the recipe's perceptual and region terms, the paper's lambda1 and lambda2.
        weights: Weights of terms that take the place of the recipe's.
        classifier: Whose activation maps are kept, as `keras_nst.models.cam.gap_classifier` takes it.
        classifier_weights: Its weights.
        classifier_classes: How many classes it has.
        classifier_size: Side in pixels that it sees pictures at; None for its own.
        steps: Steps of the optimizer in all.
        epochs: Times that each photograph is seen, in place of `steps`.
        size: Side of the training crops in pixels.
        batch: Crops in a batch.
        net: Of `keras_nst.models.nets.NETS`, for the recipes of paintings.
        style_size: Shorter side in pixels that the painting is brought to: what it shows at this size, strokes and
            swirls, is what a result shows in as many pixels.
        learning_rate: Of Adam, at its peak; None for the recipe's.
        saliency: What the saliency net is taught: "rbd+mbd", "subject", or a folder of maps with the photographs'
            names.
        concatenate: Whether the generator sees what the saliency net sees.
        game: How generator and discriminator play, of `keras_nst.losses.GAMES`.
        spectral_norm: Whether the discriminator's kernels are divided by their largest singular value.
        seed: Of the net's first weights and of all draws of photographs.
        init: A style to start from, instead of random weights.
        output: The style's folder; None for one named after the painting, and after the net if that is not the full
            one, in saved_models.
        mixed_precision: "off", "float16" or "bfloat16"; "auto" for what is quicker here, see `fit.precision`.
        devices: How many share each batch, see `keras_nst.fit.devices.strategy`.
        vgg_weights: As `keras_nst.models.weights.vgg_weights` takes them.
        download: Whether a dataset may be downloaded.
    """

    style: str | Sequence[str]
    content: str | None = None
    validation: str | None = None
    recipe: str = "johnson2016"
    as_printed: bool = False
    keep: Sequence[str] | None = None
    lambdas: Sequence[float] = (1.0, 1.0)
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    classifier: str = "efficientnet_lite0"
    classifier_weights: str = "imagenet"
    classifier_classes: int = 1000
    classifier_size: int | None = None
    steps: int = 2000
    epochs: float | None = None
    size: int = 256
    batch: int = 4
    net: str = "johnson"
    style_size: int = 512
    learning_rate: float | None = None
    saliency: str = "rbd+mbd"
    concatenate: bool = True
    game: str = "log"
    spectral_norm: bool = False
    seed: int = 0
    init: str | None = None
    output: str | None = None
    mixed_precision: str = "auto"
    devices: int = 1
    vgg_weights: str | None = None
    download: bool = False

    @property
    def styles(self) -> tuple[str, ...]:
        """All that `style` names."""
        return (self.style,) if isinstance(self.style, str) else tuple(self.style)

    @property
    def folder(self) -> Path:
        """Where the style is written."""
        if self.output:
            return Path(self.output)
        name = Path(self.styles[0]).stem.lower().replace(" ", "_")
        return TRAINED / (name if self.net == type(self).net else f"{name}-{self.net}")


@dataclasses.dataclass(frozen=True)
class PixelOptions:
    """How the pixels of a picture are optimized. What is None is the recipe's own choice.

    Attributes:
        recipe: Name of the recipe.
        as_printed: As `TrainingOptions`.
        weights: Weights of terms that take the place of the recipe's.
        statistic: What stands for a style: "gram", "high-order" or "gaussian".
        backbone: "vgg16" or "vgg19".
        pooling: "max" or "average".
        content_layers: VGG's taps that content is measured at.
        style_layers: Those of style.
        vgg_weights: As `keras_nst.models.weights.vgg_weights` takes them.
        end_size: Longest side of the result in pixels.
        start_size: Coarse to fine from this longest side, doubled until the end; the same as `end_size` for one scale.
        style_scale: Size of the painting relative to the result: 2 doubles its strokes.
        optimizer: "lbfgs" or "adam".
        iterations: Steps at each scale, at most.
        least_improvement: Stop a scale when ten steps have lowered the loss by less than this part of it.
        learning_rate: Of Adam, in units of the pixels' range.
        average: Whether Adam returns a running mean of its pictures.
        init: "content", "noise", or the file of a picture.
        rule: How masks are carried down the network: "simple", "inside" or "all", see `region_weights`.
        color: "style", "keep" for the photograph's own colors, or "only" for the style's on its brightness.
        tile: Side in pixels of the windows that a large picture is measured in; None for the whole at once.
        mixed_precision: As `TrainingOptions`.
        seed: Of the noise.
    """

    recipe: str = "chen2016"
    as_printed: bool = False
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    statistic: str | None = None
    backbone: str | None = None
    pooling: str | None = None
    content_layers: Sequence[str] | None = None
    style_layers: Sequence[str] | None = None
    vgg_weights: str | None = None
    end_size: int | None = None
    start_size: int | None = None
    style_scale: float = 1.0
    optimizer: str | None = None
    iterations: int | None = None
    least_improvement: float = 5e-3
    learning_rate: float | None = None
    average: bool = False
    init: str = "content"
    rule: str = "simple"
    color: str = "style"
    tile: int | None = None
    mixed_precision: str = "auto"
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class HarmonizeOptions:
    """How an object is made to look painted.

    Attributes:
        style_strength: From 0, the object as it is, to 1, the painting's strokes at any cost; None for what suits the
            painting.
        quality: "draft", "good" or "best".
        weights: Weights of terms that take the place of the recipe's.
        recolor: Whether the object first takes the painting's colors.
        consistent: Whether matches are brought into line with their neighbors.
        matched: Whether style is that of the matched places; else that of the whole painting.
        backbone: "vgg16" or "vgg19".
        vgg_weights: As `keras_nst.models.weights.vgg_weights` takes them.
        mixed_precision: As `TrainingOptions`.
    """

    style_strength: float | None = None
    quality: str = "good"
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    recolor: bool = True
    consistent: bool = True
    matched: bool = True
    backbone: str = "vgg16"
    vgg_weights: str | None = None
    mixed_precision: str = "auto"


class Region(NamedTuple):
    """A part of the picture and what it shall look like.

    Attributes:
        styles: Paintings, each (1, h, w, 3) in [0, 1].
        shares: How much each counts.
        mask: The part of the picture, (1, H, W, 1) in [0, 1]; None for all of it.
        style_mask: The part of the only painting; None for all of it.
    """

    styles: "Sequence[np.ndarray]"
    shares: Sequence[float] = (1.0,)
    mask: "np.ndarray | None" = None
    style_mask: "np.ndarray | None" = None
