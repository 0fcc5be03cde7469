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
    filters: tuple[int, int, int] = (32, 64, 128), residual_blocks: int = 5, kernel: int = 9, dtype: str = "float32"
) -> keras.Model:
    """Build the residual transfer network.

    9x9 convolution, two 3x3 convolutions of stride 2, residual blocks, two times nearest-neighbor up-sampling and a 3x3
    convolution, 9x9 convolution to RGB with tanh. Each convolution pads by reflection, and all but the last are
    followed by instance normalization. The input is padded inside to a multiple of 4 and the output cropped again.

    Args:
        filters: Channels at full, half and quarter size.
        residual_blocks: Number of residual blocks at quarter size.
        kernel: Side of the first and the last convolution's kernels, at most 9.
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
    photograph = keras.Input((None, None, 3), name="image")
    hidden = PadToMultiple2D(STRIDE, dtype=dtype, name="pad")(photograph)
    hidden = convolution(hidden, full, kernel, "encode1", dtype=dtype)
    hidden = convolution(hidden, half, 3, "encode2", stride=2, dtype=dtype)
    hidden = convolution(hidden, quarter, 3, "encode3", stride=2, dtype=dtype)
    hidden = residuals(hidden, residual_blocks, dtype=dtype)
    hidden = upsampled(hidden, half, "decode1", dtype=dtype)
    hidden = upsampled(hidden, full, "decode2", dtype=dtype)
    return keras.Model(photograph, picture(hidden, photograph, kernel, dtype=dtype), name="transfer_net")


def convolution(image, channels: int, kernel: int, name: str, *, stride=1, activation: str | None = "relu", dtype):
    """A convolution that pads by reflection, its instance normalization, and the activation."""
    image = ReflectionPadding2D(kernel // 2, dtype=dtype, name=f"{name}_pad")(image)
    image = Convolution2D(channels, kernel, strides=stride, dtype=dtype, name=f"{name}_conv")(image)
    return _normalized(image, name, activation, dtype=dtype)


def residuals(image, blocks: int, *, dtype):
    """Residual blocks of two 3x3 convolutions each."""
    channels = image.shape[-1]
    for block in range(1, blocks + 1):
        residual = convolution(image, channels, 3, f"residual{block}a", dtype=dtype)
        residual = convolution(residual, channels, 3, f"residual{block}b", activation=None, dtype=dtype)
        image = layers.Add(dtype=dtype, name=f"residual{block}_add")([image, residual])
    return image


def upsampled(image, channels: int, name: str, *, dtype):
    """Twice the height and width: each pixel repeated, then a 3x3 convolution, which leaves no checkerboard."""
    image = UpsampledConvolution2D(channels, dtype=dtype, name=f"{name}_conv")(image)
    return _normalized(image, name, "relu", dtype=dtype)


def _normalized(image, name: str, activation: str | None, *, dtype):
    image = instance_normalization(dtype=dtype, name=f"{name}_norm")(image)
    return layers.Activation(activation, dtype=dtype, name=f"{name}_{activation}")(image) if activation else image


def picture(image, photograph, kernel: int, *, dtype):
    """The last layers of a net: a convolution to RGB in [0, 1], float32, cropped to the photograph's size."""
    image = ReflectionPadding2D(kernel // 2, dtype=dtype, name="rgb_pad")(image)
    # Starting from an almost gray picture: where tanh begins saturated it stays so, and leaves black or white blobs.
    faint = keras.initializers.VarianceScaling(1e-3)
    image = Convolution2D(3, kernel, kernel_initializer=faint, dtype=dtype, name="rgb_conv")(image)
    # From here on in float32: half precision has too few steps for 256 levels of a color.
    image = layers.Activation("tanh", dtype="float32", name="rgb_tanh")(image)
    image = layers.Rescaling(0.5, 0.5, dtype="float32", name="rgb")(image)
    return CropLike2D(dtype="float32", name="stylized")([image, photograph])
