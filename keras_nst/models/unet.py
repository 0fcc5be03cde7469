"""A transfer net with a large receptive field, whose style depends on a code."""

from collections.abc import Sequence

import keras

from keras_nst.models.blocks import Blocks
from keras_nst.models.layers import PadToMultiple2D

CODE_SIZE = 128


def unet(
    filters: Sequence[int] = (16, 32, 96, 128, 192),
    residual_blocks: Sequence[int] = (2, 2, 4),
    kernel: int = 7,
    code_size: int = CODE_SIZE,
    dtype: str = "float32",
) -> keras.Model:
    """Build a U-Net whose instance normalizations are conditioned on a code.

    Four convolutions with stride 2, the first on the photograph itself; residual blocks at a sixteenth, an eighth and a
    quarter of the size; in between, bilinear up-sampling and 3x3 convolutions back to full size, with skip connections
    at an eighth and a quarter; a convolution to RGB with tanh. The receptive field is over 400 pixels wide, as large as
    the whirls and waves of a painting. That of Johnson et al. is 109, for twice the multiplications.

    Args:
        filters: Channels at full, half, quarter, eighth and sixteenth size.
        residual_blocks: Number of residual blocks at quarter, eighth and sixteenth size.
        kernel: Side of the kernels of the first and last convolution.
        code_size: Length of a code.
        dtype: Keras dtype policy of the hidden layers; the output is float32 under every policy.

    Returns:
        A model from {"image": RGB (batch, height, width, 3) in [0, 1], any size from 16x16, "code": (batch, code_size)}
        to the same shape and range as the image.

    Source: for the architecture Ronneberger et al. 2015; for the conditional normalization Ghiasi et al. 2017.
    Differs from the source: residual blocks. Skip connections are added, and left out at the finest sizes, where they
    would carry the photograph's own texture past the style. Activations are limited to 6, so that a single spike cannot
    dominate the statistics of a channel and leave a blob (Karras et al. 2020, section 2).
    """
    photograph = keras.Input((None, None, 3), name="image")
    code = keras.Input((code_size,), name="code")
    blocks = Blocks(dtype, "relu6", code)
    hidden = PadToMultiple2D(16, dtype=dtype, name="pad")(photograph)
    encoded = []
    for level, channels in enumerate(filters[1:], 1):
        hidden = blocks.convolution(hidden, channels, 3 if encoded else kernel, f"encode{level}", stride=2)
        encoded.append(hidden)
    *_, quarter, eighth, _ = encoded
    hidden = blocks.residuals(hidden, residual_blocks[2], "sixteenth")
    hidden = blocks.joined(blocks.upsampled(hidden, filters[3], "decode3", bilinear=True), eighth, "eighth")
    hidden = blocks.residuals(hidden, residual_blocks[1], "eighth")
    hidden = blocks.joined(blocks.upsampled(hidden, filters[2], "decode2", bilinear=True), quarter, "quarter")
    hidden = blocks.residuals(hidden, residual_blocks[0], "quarter")
    hidden = blocks.upsampled(hidden, filters[1], "decode1", bilinear=True)
    hidden = blocks.upsampled(hidden, filters[0], "decode0", bilinear=True)
    inputs = {"image": photograph, "code": code}
    return keras.Model(inputs, blocks.picture(hidden, photograph, kernel), name="unet")
