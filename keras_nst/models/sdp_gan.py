"""The networks of SDP-GAN: a generator that sees with a saliency net's encoder, and the discriminator against it."""

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
    """Build the generator G and the saliency net S, two outputs of one model (see `part` for each by itself).

    G: 7x7 convolution, two 3x3 convolutions of stride 2, residual blocks, two times nearest-neighbor up-sampling and a
    3x3 convolution, 7x7 convolution to RGB with tanh. S: 7x7 convolution, three 3x3 convolutions of stride 2, three
    times a 3x3 convolution and up-sampling, with a 7x7 convolution to one map and sigmoid before the last up-sampling.
    What S has at full, half and quarter size is concatenated to what G has there. Each convolution pads by reflection,
    and all but the last ones and the 1x1 that joins S's features at quarter size are followed by instance
    normalization and ReLU.

    Args:
        filters: Channels of G at full, half and quarter size.
        residual_blocks: Number of residual blocks at quarter size.
        saliency_filters: Channels of S at full, half, quarter and eighth size; None for no S, which leaves the
            generator of CartoonGAN.
        concatenated: Whether S's features are concatenated to G's.
        dtype: Keras dtype policy of the hidden layers; the outputs are float32 under every policy.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1], any size from 16x16, to {"picture": the same shape and
        range, "map": (batch, height, width, 1) in [0, 1]}, the latter with S only. With the default arguments S
        has 11 % of G's number of parameters.

    Source: Li et al. 2020, section III.A and figure 2; Chen, Lai, Liu 2018, CartoonGAN.

    Differs from the source: resize and convolution in place of transposed convolution, which leaves a checkerboard. S
    is half as wide as G and one level deeper, and convolves before it up-samples: it sees more of the picture, and
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
    """The part of a generator that one output comes from, "picture" or "map"; it shares the weights.

    G's part holds S's encoder where its features are concatenated, and S's decoder not.
    """
    return keras.Model(net.input, net.output[output], name=output)


def discriminator(
    filters: tuple[int, int, int] = (32, 64, 128), *, spectral: bool = False, dtype: str = "float32"
) -> keras.Model:
    """Build the discriminator D, which tells of each place of a picture whether its surroundings are of the style.

    3x3 convolution, two blocks of a 3x3 convolution of stride 2 and one of stride 1 with twice the channels, one more
    of stride 1, 3x3 convolution to logits; LeakyReLU with slope 0.2; instance normalization in the convolutions of
    stride 1 inside. A place sees 37x37 pixels.

    Args:
        filters: Channels of the first convolution and of the two of stride 2.
        spectral: Whether the kernels are divided by their largest singular value, a step of the power iteration each
            time that it is called with `training` (Miyato et al. 2018). Differs from the source, as Keras's layer does:
            what is divided is the kernel that is trained, so that it stays of that size, and the gradient does not pass
            through the singular value.
        dtype: Keras dtype policy of the hidden layers.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] to {"logits": (batch, height / 4, width / 4, 1) float32},
        sides rounded up.

    Source: Li et al. 2020, section III.A and figure 2; Chen, Lai, Liu 2018, CartoonGAN. Differs from the source: it
    sees all patches of a picture at once in place of crops of 70x70; instance in place of batch normalization.
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
    # Log-odds grow without bound: float32, as all that goes into a loss.
    logits = convolution_of(1, "logits", dtype="float32")(hidden)
    return keras.Model(image, {"logits": logits}, name="discriminator")


def _encoded(blocks: Blocks, image, filters, name: str, seen=()):
    """What an encoder has at each size, from full on, with what is seen by another one concatenated to it."""
    levels = []
    for level, channels in enumerate(filters, 1):
        kernel, stride = (7, 1) if level == 1 else (3, 2)
        image = blocks.convolution(image, channels, kernel, f"{name}{level}", stride=stride)
        levels.append(image)
        if seen:
            image = layers.Concatenate(dtype=blocks.dtype, name=f"{name}{level}_concat")([image, seen[level - 1]])
    if seen:
        # The residual blocks have the encoder's channels.
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
