"""The options of the jobs: what each of them can be asked to do."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from keras_nst.fields import (
    LARGEST_SIDE,
    Choice,
    Either,
    Listed,
    Number,
    Shares,
    Switch,
    Text,
    Weights,
    Whole,
    field,
    options,
)
from keras_nst.models.nets import NETS
from keras_nst.recipes import ADVERSARIAL, PIXELS, TRAINING

if TYPE_CHECKING:
    import numpy as np

NEEDED = dataclasses.MISSING
COUNT = Whole(1)
RATE = Number(1e-8, 1000, metavar="RATE")
SEED = Whole(0, 2**32 - 1)
SECONDS = 1_000_000.0  # Eleven days: the limit of a time.
SOURCES = (
    "subject, saliency (what stands out), cam (where a classifier looks, often a part), alpha, "
    "box:LEFT,TOP,RIGHT,BOTTOM, or a picture of the same size that is white there"
)


def side(low: int) -> Whole:
    """A length in pixels."""
    return Whole(low, LARGEST_SIDE, metavar="PX")


def part(metavar: str = "S") -> Number:
    """A number from 0 to 1."""
    return Number(0, 1, metavar)


colors = partial(
    field, "keep: in the photograph's own colors; only: only the style's colors", Choice(("style", "keep", "only"))
)
_printed = partial(field, "use the paper's own layers, weights and units", Switch(), False)
_precision = partial(field, "of the networks; auto is bfloat16 where the processor multiplies it")
_vgg = partial(field, "HDF5 weights of VGG in place of the embedded ones, or imagenet", Text("FILE"))
_mask_rule = partial(
    field, "how masks meet features at outlines", Choice(("simple", "inside", "all", "pooled")), "simple"
)
classifier = partial(
    field, "classifier of activation maps: efficientnet_lite0, squeezenet1_1 or one of keras.applications", Text("NAME")
)
classifier_weights = partial(field, "its weights", Text("FILE"), "imagenet")
_backbone = partial(field, "network of the features", Choice(("vgg16", "vgg19")))


@options
class StylizeOptions:
    """How trained styles are applied to a picture."""

    style: Sequence[str] = field(
        "a style by name or folder, or a painting's file; several are blended",
        Text("S"),
        default=(),
        several="any",
        short="-s",
    )
    blend: Sequence[float] | None = field("share of each of several styles", Shares(), unset="equal shares")
    fast: bool = field("the style's small net, two to three times as fast", Switch(), default=False)
    strength: float = field("from 0, the photograph, to 1, the full style", part(), default=1.0)
    stroke: str | float = field(
        "size of strokes: pictures of more than 720 (large), 1280 (medium) or 2048 pixels (small) are painted at this "
        "size, and enlarged with the photograph's edges; fine paints them as they are; a number paints them at so many "
        "times less: 2 doubles the strokes",
        Either(Choice(("fine", "small", "medium", "large")), Number(1, 16, "F")),
        default="medium",
    )
    protect: str | None = field(f"less style here: {SOURCES}", Text("SOURCE"))
    protect_strength: float = field("strength of the style in the protected part", part(), default=0.4)
    color: str = colors("style")
    mixed_precision: str = _precision(Choice(("auto", "off", "bfloat16")), "auto")
    proof: str | None = field("show the result as the printer of this ICC profile would print it", Text("FILE"))


_data = partial(field, group="data")
_net = partial(field, group="net")
_loss = partial(field, group="loss")
_set = partial(field, group="collections (sdp_gan, cartoongan, cyclegan)")
_steps = partial(field, group="optimization")


@options
class TrainingOptions:
    """Learn a new style from a painting or a collection.

    keras-nst train --style starry.jpg --content photographs/
    """

    style: Sequence[str] = _data(
        "the painting; or a folder or tfds:NAME[:SPLIT] with a collection whose style is learned as one. A net of many "
        "styles learns each painting, and a batch has one of each IMG; those of the first IMG become styles",
        Text("IMG"),
        default=NEEDED,
        several="some",
        short="-s",
    )
    content: str | None = _data(
        "photographs: a folder or tfds:NAME[:SPLIT]", Text("SRC"), unset="samples and synthetic pictures"
    )
    validation: str | None = _data(
        "other photographs, as --content, for losses that are logged after each epoch", Text("SRC")
    )
    download: bool = _data("let TensorFlow Datasets download", Switch(), default=False)
    size: int = _data("side of the training crops", side(32), default=256)
    batch: int = _data("crops in a batch", COUNT, default=4)
    style_size: int = _data(
        "shorter side of the painting: its strokes at this size are the strokes of the results", side(32), default=512
    )
    net: str = _net(
        "johnson: the paper's; lite: three times as fast; unet and unet-lite: many styles",
        Choice(tuple(NETS)),
        default="johnson",
    )
    init: str | None = _net("start from this style: minutes instead of hours", Text("MODEL"))
    output: str | None = _net(
        "the style's folder", Text("DIR"), unset="saved_models/<painting>, with -NET for another net", short="-o"
    )
    overwrite: bool = _net("replace the style in the folder when the training has ended", Switch(), default=False)
    resume: bool = _net("continue an unfinished training", Switch(), default=False)
    recipe: str = _loss("the paper", Choice((*TRAINING, *ADVERSARIAL)), default=TRAINING[0])
    as_printed: bool = _printed(group="loss")
    keep: Sequence[str] | None = _loss(
        "what is kept of the photograph: cam, edge, color, light, subject",
        Listed(Text("WHAT"), "A,B"),
        unset="the recipe's",
    )
    lambda1: float = _loss("factor of all perceptual terms", Number(0, metavar="L"), default=1.0)
    lambda2: float = _loss("factor of all region terms", Number(0, metavar="L"), default=1.0)
    weights: Mapping[str, float] = _loss(
        "weight of the {} term, in place of the recipe's",
        Weights(
            (
                *("content", "transport", "style", "tv", "weave"),
                *("cam", "category", "edge", "color", "light", "subject"),
                *("adversarial", "salient", "saliency_content", "saliency", "cycle", "identity"),
            )
        ),
        default={},
    )
    classifier: str | None = classifier(unset="the recipe's", group="loss")
    classifier_weights: str = classifier_weights(group="loss")
    classifier_classes: int = _loss("its number of classes", COUNT, default=1000)
    classifier_size: int | None = _loss("side of the pictures that it sees", side(32), unset="its own")
    backbone: str | None = _backbone(unset="vgg16", group="loss")
    vgg_weights: str | None = _vgg(group="loss")
    saliency: str = _set(
        "what the saliency net learns: rbd+mbd, the paper's; subject; or a folder of maps with the photographs' names",
        Text("WHAT"),
        default="rbd+mbd",
    )
    concatenate: bool = _set("give the generator the features of the saliency net", Switch(), default=True)
    game: str | None = _set(
        "how generator and discriminator play", Choice(("log", "least-squares", "hinge")), unset="the recipe's"
    )
    spectral_norm: bool = _set("limit the slope of the discriminator", Switch(), default=False)
    content_layer: str | None = _set("layer of VGG that content is measured at", Text("LAYER"), unset="the recipe's")
    content_schedule: str | None = _set(
        "weight of content: decay, the paper's; or fixed, with which it is compared",
        Choice(("decay", "fixed")),
        unset="decay",
    )
    steps: int = _steps("number of steps", Whole(1, 1_000_000_000), default=2000)
    epochs: float | None = _steps("passes over the photographs, in place of steps", Number(1e-3))
    learning_rate: float | None = _steps("peak learning rate of Adam", RATE, unset="the recipe's")
    seed: int = _steps("seed of the first weights and of all draws", SEED, default=0)
    mixed_precision: str = _precision(Choice(("auto", "off", "float16", "bfloat16")), "auto", group="optimization")
    devices: int = _steps("number of devices that share each batch", COUNT, default=1)

    @property
    def folder(self) -> Path:
        """Where the style is written."""
        from keras_nst.models.saved import TRAINED, name_for  # Loads NumPy, which the help does without.

        if self.output:
            folder = Path(self.output)
            return folder if folder.name.strip(".") else Path(os.path.abspath(folder))  # It gives the style its name.
        name = name_for(self.style[0])
        return TRAINED / (name if self.net == type(self).net else f"{name}-{self.net}")


_pixels = partial(field, group="optimization")


@options
class PixelOptions:
    """How the pixels of a picture are optimized."""

    recipe: str = _pixels("the paper", Choice(PIXELS), default=PIXELS[0])
    as_printed: bool = _printed(group="optimization")
    weights: Mapping[str, float] = _pixels(
        "weight of the {} term, in place of the recipe's", Weights(("content", "match", "style", "tv")), default={}
    )
    statistic: str | None = _pixels(
        "statistic of the style", Choice(("gram", "high-order", "gaussian")), unset="the recipe's"
    )
    style_scale: float = _pixels("size of the strokes: 2 doubles it", Number(0.1, 10, "F"), default=1.0)
    init: str | None = _pixels(
        "start from content, recolored (content in the style's colors), noise or a picture",
        Text("WHAT|FILE"),
        unset="the recipe's",
    )
    quality: str = _pixels(
        "draft takes a third of the recipe's steps, best three times as many",
        Choice(("draft", "good", "best")),
        default="good",
    )
    optimizer: str | None = _pixels("algorithm", Choice(("lbfgs", "adam")), unset="the recipe's")
    iterations: int | None = _pixels("maximum number of steps at each scale", COUNT, unset="the quality's")
    least_improvement: float = _pixels(
        "end a scale when ten steps lower the loss by less than this part", Number(0, metavar="PART"), default=5e-3
    )
    learning_rate: float | None = _pixels(
        "learning rate of Adam, in units of the pixels' range", RATE, unset="the recipe's"
    )
    average: bool = _pixels(
        "with Adam: return a running mean of the pictures, which is smoother", Switch(), default=False
    )
    end_size: int | None = _pixels("longest side of the result", side(32), unset="the recipe's")
    start_size: int | None = _pixels(
        "coarse to fine from this longest side, doubled until the end", side(16), unset="the recipe's"
    )
    backbone: str | None = _backbone(unset="the recipe's", group="optimization")
    pooling: str | None = _pixels("pooling of the network", Choice(("max", "average")), unset="the recipe's")
    style_layers: Sequence[str] | None = _pixels(
        "layers of the style, relu1_1,relu2_1", Listed(Text("LAYER"), "A,B"), unset="the recipe's"
    )
    content_layers: Sequence[str] | None = _pixels(
        "layers of the content", Listed(Text("LAYER"), "A,B"), unset="the recipe's"
    )
    mask_rule: str = _mask_rule(group="optimization")
    color: str = colors("style", group="optimization")
    tile: int | None = _pixels(
        "measure large pictures in windows of this side", side(64), unset="the whole picture at once"
    )
    mixed_precision: str = _precision(Choice(("auto", "off", "bfloat16")), "auto", group="optimization")
    seed: int = _pixels("seed of the noise", SEED, default=0)
    vgg_weights: str | None = _vgg(group="optimization")


@options
class HarmonizeOptions:
    """How an object is made to look painted."""

    style_strength: float | None = field(
        "from 0, the object as it is, to 1, strokes at any cost", part(), unset="what suits the painting"
    )
    quality: str = field(
        "draft optimizes a small picture, good all of it, best longer",
        Choice(("draft", "good", "best")),
        default="good",
    )
    weights: Mapping[str, float] = field(
        "weight of the {} term, in place of the recipe's", Weights(("content", "style", "tv")), default={}
    )
    recolor: bool = field("first give the object colors of the painting", Switch(), default=True)
    consistent: bool = field("bring matching places into line with their neighbors", Switch(), default=True)
    match: str = field(
        "what gives the style. places: those of the painting that match, all together; patches: the nearest for each "
        "patch of the object, the paper's loss; none: the whole painting",
        Choice(("places", "patches", "none")),
        default="places",
    )
    patch_size: int = field(
        "side of the patches that are matched, in positions of a layer", Choice((1, 3, 5, 7, 9, 11, 13, 15)), 3
    )
    mask_rule: str = _mask_rule()
    backbone: str = _backbone("vgg16")
    vgg_weights: str | None = _vgg()
    mixed_precision: str = _precision(Choice(("auto", "off", "bfloat16")), "auto")


@options
class SelectionOptions:
    """Which part of a picture is selected."""

    select: Sequence[tuple[int, int]] = field(
        "select what is joined to this pixel by similar colors; may be repeated",
        Listed(Whole(0), "X,Y", exact=True),
        default=(),
        several="any",
        group="selection",
    )
    tolerance: float = field(
        "how far colors may be from the pixel's, in CIELAB", Number(0, 100, "T"), default=12.0, group="selection"
    )
    rect: tuple[int, int, int, int] | None = field(
        "select a box", Listed(Whole(0), "X,Y,W,H", exact=True), group="selection"
    )
    mask: str | None = field(f"select {SOURCES}", Text("SOURCE"), group="selection")
    largest: bool = field("of several pieces only the largest", Switch(), default=False, group="selection")
    refine: bool = field(
        "move the outline to where the colors part (GrabCut), softly in hair and fur",
        Switch(),
        default=False,
        group="selection",
    )
    invert: bool = field("everything but what is selected", Switch(), default=False, group="selection")
    feather: float = field(
        "pixels on either side over which the outline is softened",
        Number(0, 1000, "PX"),
        default=2.0,
        group="selection",
    )


STARTS = ("content", "recolored", "noise")
"""What an optimization can start from, besides a picture's file."""


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
