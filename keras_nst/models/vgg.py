"""VGG as a frozen observer: its features measure content and style."""

from collections.abc import Iterable

import keras
from keras import layers

from keras_nst.errors import unknown
from keras_nst.models.layers import CaffePreprocessing, Convolution2D, ReplicationPadding2D
from keras_nst.models.weights import BLOCKS, Convolutions, kernel_shapes, vgg_weights

POOLINGS = {"max": (layers.MaxPooling2D, 1.0), "average": (layers.AveragePooling2D, 1.4)}
"""Pooling layers, each with a factor for the pooled features: the weights after a pooling expect maxima, and means are
smaller. Measured: without the factor, features are 1.7 times too small at relu3_1 and 5 times at relu5_1. With it, all
are within a third of those after max pooling."""


def tap(layer: str) -> str:
    """The papers' name for the output of a convolution with its ReLU: relu4_2 for block4_conv2."""
    return layer.replace("block", "relu").replace("_conv", "_")


def receptive_field(name: str, backbone: str = "vgg16") -> int:
    """Side of a tap's receptive field, in pixels of the image.

    Raises:
        InputError: An unknown tap or backbone.
    """
    taps = map(tap, kernel_shapes(backbone))
    field, stride = 1, 1
    for block, (_, convolutions) in enumerate(BLOCKS[backbone], 1):
        for convolution in range(1, convolutions + 1):
            field += 2 * stride
            if name == f"relu{block}_{convolution}":
                return field
        field, stride = field + stride, 2 * stride
    raise unknown(f"tap of {backbone}", name, taps)


def stride(name: str) -> int:
    """Stride of a tap in pixels of the image: 8 for relu4_1, which follows three poolings."""
    return 2 ** (int(name.removeprefix("relu").partition("_")[0]) - 1)


def vgg(
    taps: Iterable[str] | None = None,
    *,
    backbone: str = "vgg16",
    convolutions: Convolutions | None = None,
    padding: str = "replicate",
    pooling: str = "max",
    dtype: str = "float32",
) -> keras.Model:
    """Build VGG as a frozen feature extractor, only as deep as the taps need.

    Args:
        taps: Names of the features, as in the papers, such as "relu1_2"; None for all that the weights cover.
        backbone: "vgg16" or "vgg19".
        convolutions: Weights from `vgg_weights`; None for its default.
        padding: Padding of the first convolution: "replicate" repeats the border pixel; "zero", VGG's own, puts a frame
            of ImageNet's mean color around the image. `benchmarks/vgg_padding.py` compares the features of a crop with
            those of the same pixels inside the whole picture.
        pooling: "max" as in VGG's training, or "average" as in Gatys et al. 2016, scaled to the size of maxima.
        dtype: Keras dtype policy of the convolutions.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] to {tap: features (batch, h, w, channels)}, not negative.

    Raises:
        InputError: An unknown backbone, tap, padding or pooling.

    Source: Simonyan & Zisserman 2015, table 1; weights of keras.applications.
    Differs from the source: no classifier; the first convolution's padding, unless it is "zero".
    """
    convolutions = vgg_weights(backbone) if convolutions is None else convolutions
    layer_of = {tap(layer): layer for layer in convolutions}
    taps = list(layer_of) if taps is None else list(taps)
    for name in taps:
        if name not in layer_of:
            raise unknown(f"tap of {backbone}", name, layer_of)
    if padding not in ("replicate", "zero"):
        raise unknown("`padding`", padding, ("replicate", "zero"))
    if pooling not in POOLINGS:
        raise unknown("`pooling`", pooling, POOLINGS)
    pool, gain_of_pool = POOLINGS[pooling]

    image = keras.Input((None, None, 3), name="image")
    hidden = CaffePreprocessing(dtype="float32", name="preprocessing")(image)
    features, gains = {}, {}
    remaining, block = set(taps), "block1"
    for name, layer in layer_of.items():
        if not remaining:
            break
        gains[layer] = 1.0
        if not layer.startswith(block):
            hidden = pool(2, dtype=dtype, name=f"{block}_pool")(hidden)
            block = layer.split("_")[0]
            gains[layer] = gain_of_pool
        same = "same"
        if layer == "block1_conv1" and padding == "replicate":
            hidden, same = ReplicationPadding2D(dtype=dtype, name="replicate")(hidden), "valid"
        filters = convolutions[layer][1].size
        hidden = Convolution2D(filters, 3, padding=same, activation="relu", dtype=dtype, name=layer)(hidden)
        features[name] = hidden
        remaining.discard(name)
    model = keras.Model(image, {name: features[name] for name in taps}, name=backbone)
    for layer, gain in gains.items():
        kernel, bias = convolutions[layer]
        model.get_layer(layer).set_weights([gain * kernel, bias])
    model.trainable = False
    return model
