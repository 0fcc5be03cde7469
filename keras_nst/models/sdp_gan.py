"""The networks of SDP-GAN: a generator with a saliency net, and a discriminator."""

import keras
from keras import layers

from keras_nst.models.blocks import Blocks
from keras_nst.models.layers import (
    Convolution2D,
    CropLike2D,
    NearestUpsampling2D,
    PadToMultiple2D,
    instance_normalization,
)

PICTURE, MAP = "picture", "map"
STRIDE = 8


def generator(
    filters: tuple[int, int, int] = (64, 128, 256),
    residual_blocks: int = 8,
    *,
    saliency_filters: tuple[int, int, int, int] | None = (32, 64, 192, 256),
    concatenated: bool = True,
    dtype: str = "float32",
) -> keras.Model:
    """Build the generator G and the saliency net S as one model with two outputs (see `part`).

    G: 7x7 convolution, two 3x3 convolutions with stride 2, residual blocks, two times nearest-neighbor up-sampling and
    a 3x3 convolution, 7x7 convolution to RGB with tanh. S: 7x7 convolution, three 3x3 convolutions with stride 2, three
    times a 3x3 convolution and up-sampling, with a 7x7 convolution to one map and sigmoid before the last up-sampling.
    The features of S's encoder at full, half and quarter size are concatenated to those of G's encoder. Each
    convolution pads by reflection. Instance normalization and ReLU follow all convolutions except the last one of G
    and of S, and the 1x1 convolution after the concatenation at quarter size.

    Args:
        filters: Channels of G at full, half and quarter size.
        residual_blocks: Number of residual blocks at quarter size.
        saliency_filters: Channels of S at full, half, quarter and eighth size; None for no S, which gives the generator
            of CartoonGAN.
        concatenated: Whether S's features are concatenated to G's.
        dtype: Keras dtype policy of the hidden layers; the outputs are float32 under every policy.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1], any size from 16x16, to {"picture": the same shape and
        range, "map": (batch, height, width, 1) in [0, 1]}; "map" only if there is an S. With the default arguments S
        has 11 % as many parameters as G.

    Source: Li et al. 2020, section III.A and figure 2; Chen, Lai, Liu 2018, CartoonGAN.
    Differs from the source: up-sampling and convolution instead of transposed convolution, which leaves a checkerboard.
    S is half as wide as G and one level deeper, and convolves before up-sampling: its receptive field is larger, and it
    costs less.
    """
    photograph = keras.Input((None, None, 3), name="image")
    padded = PadToMultiple2D(STRIDE, dtype=dtype, name="pad")(photograph)
    blocks = Blocks(dtype)
    outputs, seen = {}, []
    if saliency_filters:
        seen = _encoded(blocks, padded, saliency_filters, "saliency")
        outputs[MAP] = _map(blocks, seen[-1], saliency_filters, photograph)
    hidden = _encoded(blocks, padded, filters, "encode", seen if concatenated else [])[-1]
    hidden = blocks.residuals(hidden, residual_blocks)
    for level, channels in ((1, filters[1]), (2, filters[0])):
        hidden = blocks.upsampled(hidden, channels, f"decode{level}")
    outputs[PICTURE] = blocks.picture(hidden, photograph, 7)
    return keras.Model(photograph, outputs, name="generator")


def part(net: keras.Model, output: str) -> keras.Model:
    """The part of a generator that computes one output, "picture" or "map"; it shares the weights.

    The part for "picture" includes S's encoder if its features are concatenated, but never S's decoder.
    """
    return keras.Model(net.input, net.output[output], name=output)


def discriminator(
    filters: tuple[int, int, int] = (32, 64, 128), *, spectral: bool = False, dtype: str = "float32"
) -> keras.Model:
    """Build the discriminator D, which judges for each position of a picture whether its surroundings have the style.

    3x3 convolution; two blocks of a 3x3 convolution with stride 2 and one with stride 1 and twice the channels; one
    more with stride 1; 3x3 convolution to logits. LeakyReLU with slope 0.2. Instance normalization after the inner
    convolutions with stride 1. The receptive field is 37x37 pixels.

    Args:
        filters: Channels of the first convolution and of the two with stride 2.
        spectral: Whether to use spectral normalization: kernels are divided by their largest singular value, which each
            call with `training` updates by one power iteration (Miyato et al. 2018). Differs
            from the source, like Keras's layer: the trained kernel itself is divided, and the gradient does not pass
            through the singular value.
        dtype: Keras dtype policy of the hidden layers.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] to {"logits": (batch, height / 4, width / 4, 1) float32},
        sides rounded up.

    Source: Li et al. 2020, section III.A and figure 2; Chen, Lai, Liu 2018, CartoonGAN.
    Differs from the source: it judges all patches of a picture at once, not crops of 70x70; instance normalization, not
    batch normalization.
    """
    image = keras.Input((None, None, 3), name="image")
    flat, half, quarter = filters

    def convolution_of(channels, name, **options):
        layer = Convolution2D(channels, 3, padding="same", name=name, **options)
        if not spectral:
            return layer
        return layers.SpectralNormalization(layer, dtype=layer.dtype_policy, name=f"{name}_spectral")

    def convolved(hidden, channels, name, stride=1, normalized=False):
        hidden = convolution_of(channels, f"{name}_conv", strides=stride, dtype=dtype)(hidden)
        if normalized:
            hidden = instance_normalization(dtype=dtype, name=f"{name}_norm")(hidden)
        return layers.LeakyReLU(0.2, dtype=dtype, name=f"{name}_leaky_relu")(hidden)

    hidden = layers.Rescaling(2.0, -1.0, dtype=dtype, name="centered")(image)
    hidden = convolved(hidden, flat, "flat")
    for level, channels in ((1, half), (2, quarter)):
        hidden = convolved(hidden, channels, f"down{level}", stride=2)
        hidden = convolved(hidden, 2 * channels, f"down{level}_flat", normalized=True)
    hidden = convolved(hidden, 2 * quarter, "reconstruct", normalized=True)
    # float32 like everything that enters a loss: logits are not bounded.
    logits = convolution_of(1, "logits", dtype="float32")(hidden)
    return keras.Model(image, {"logits": logits}, name="discriminator")


def _encoded(blocks: Blocks, image, filters, name: str, seen=()):
    """The features of an encoder at each size, from full size on; `seen`, another encoder's, are concatenated."""
    levels = []
    for level, channels in enumerate(filters, 1):
        kernel, stride = (7, 1) if level == 1 else (3, 2)
        image = blocks.convolution(image, channels, kernel, f"{name}{level}", stride=stride)
        levels.append(image)
        if seen:
            image = layers.Concatenate(dtype=blocks.dtype, name=f"{name}{level}_concat")([image, seen[level - 1]])
    if seen:
        # Back to the number of channels that the residual blocks have.
        levels[-1] = Convolution2D(channels, 1, dtype=blocks.dtype, name=f"{name}_join")(image)
    return levels


def _map(blocks: Blocks, image, filters, photograph):
    """The decoder of the saliency net."""
    for level in (3, 2):
        image = blocks.convolution(image, filters[level - 1], 3, f"map{level}")
        image = NearestUpsampling2D(dtype=blocks.dtype, name=f"map{level}_upsample")(image)
    image = blocks.convolution(image, filters[0], 3, "map1")
    image = Convolution2D(1, 7, dtype=blocks.dtype, name="map_conv")(blocks.padded(image, 7, "map"))
    image = layers.Activation("sigmoid", dtype="float32", name="map_sigmoid")(image)
    image = NearestUpsampling2D(dtype="float32", name="map_upsample")(image)
    return CropLike2D(dtype="float32", name=MAP)([image, photograph])
