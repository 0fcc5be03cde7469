"""The image transfer network: a photograph in, the stylized photograph of the same size out."""

import keras
from keras import layers

from keras_nst.models.layers import (
    Convolution2D,
    CropLike2D,
    PadToMultiple2D,
    ReflectionPadding2D,
    UpsampledConvolution2D,
    instance_normalization,
)

STRIDE = 4


def transfer_net(
    filters: tuple[int, int, int] = (32, 64, 128), residual_blocks: int = 5, dtype: str = "float32"
) -> keras.Model:
    """Build the residual transfer network.

    9x9 convolution, two 3x3 convolutions of stride 2, residual blocks, two times nearest-neighbor up-sampling and a 3x3
    convolution, 9x9 convolution to RGB with tanh. Each convolution pads by reflection, and all but the last are
    followed by instance normalization. The input is padded inside to a multiple of 4 and the output cropped again.

    Args:
        filters: Channels at full, half and quarter size.
        residual_blocks: Number of residual blocks at quarter size.
        dtype: Keras dtype policy of the hidden layers; the output is float32 under every policy.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] to the same shape and range, for any size from 16x16.
        With the default arguments it has 1,679,235 parameters.

    Source: Liu et al. 2019, section III.C, figure 4 and eq. (1), after Johnson et al. 2016.

    Differs from the source: Y = (X + 1) / 2 in place of (X + 1) 255/2, because images are in [0, 1] here; instance
    normalization with epsilon 1e-5 in place of 1e-9, with which flat regions turn into blobs; and an output of exactly
    the input's size.
    """
    full, half, quarter = filters

    def convolution(image, channels, kernel, name, stride=1, activation="relu"):
        image = ReflectionPadding2D(kernel // 2, dtype=dtype, name=f"{name}_pad")(image)
        image = Convolution2D(channels, kernel, strides=stride, dtype=dtype, name=f"{name}_conv")(image)
        return normalized(image, name, activation)

    def upsampled(image, channels, name):
        return normalized(UpsampledConvolution2D(channels, dtype=dtype, name=f"{name}_conv")(image), name)

    def normalized(image, name, activation="relu"):
        image = instance_normalization(dtype=dtype, name=f"{name}_norm")(image)
        return layers.Activation(activation, dtype=dtype, name=f"{name}_{activation}")(image) if activation else image

    photograph = keras.Input((None, None, 3), name="image")
    hidden = PadToMultiple2D(STRIDE, dtype=dtype, name="pad")(photograph)
    hidden = convolution(hidden, full, 9, "encode1")
    hidden = convolution(hidden, half, 3, "encode2", stride=2)
    hidden = convolution(hidden, quarter, 3, "encode3", stride=2)
    for block in range(1, residual_blocks + 1):
        residual = convolution(hidden, quarter, 3, f"residual{block}a")
        residual = convolution(residual, quarter, 3, f"residual{block}b", activation=None)
        hidden = layers.Add(dtype=dtype, name=f"residual{block}_add")([hidden, residual])
    hidden = upsampled(hidden, half, "decode1")
    hidden = upsampled(hidden, full, "decode2")
    hidden = ReflectionPadding2D(4, dtype=dtype, name="rgb_pad")(hidden)
    # Starting from an almost gray picture: where tanh begins saturated it stays so, and leaves black or white blobs.
    faint = keras.initializers.VarianceScaling(1e-3)
    hidden = Convolution2D(3, 9, kernel_initializer=faint, dtype=dtype, name="rgb_conv")(hidden)
    # From here on in float32: half precision has too few steps for 256 levels of a color.
    hidden = layers.Activation("tanh", dtype="float32", name="rgb_tanh")(hidden)
    hidden = layers.Rescaling(0.5, 0.5, dtype="float32", name="rgb")(hidden)
    stylized = CropLike2D(dtype="float32", name="stylized")([hidden, photograph])
    return keras.Model(photograph, stylized, name="transfer_net")
