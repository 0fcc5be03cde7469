"""The image transfer network: from a photograph to the stylized photograph of the same size."""

import keras

from keras_nst.models.blocks import Blocks
from keras_nst.models.layers import PadToMultiple2D

STRIDE = 4


def transfer_net(
    filters: tuple[int, int, int] = (32, 64, 128), residual_blocks: int = 5, kernel: int = 9, dtype: str = "float32"
) -> keras.Model:
    """Build the residual transfer network.

    9x9 convolution, two 3x3 convolutions with stride 2, residual blocks, two times nearest-neighbor up-sampling and a
    3x3 convolution, 9x9 convolution to RGB with tanh. Each convolution pads by reflection, and instance normalization
    follows all but the last. The net pads its input to a multiple of 4 and crops its output to the input's size.

    Args:
        filters: Channels at full, half and quarter size.
        residual_blocks: Number of residual blocks at quarter size.
        kernel: Side of the kernels of the first and last convolution, at most 9.
        dtype: Keras dtype policy of the hidden layers; the output is float32 under every policy.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] to the same shape and range, for any size from 16x16.
        With the default arguments it has 1,679,235 parameters.

    Source: Liu et al. 2019, section III.C, figure 4 and eq. (1), after Johnson et al. 2016.
    Differs from the source: Y = (X + 1) / 2, not (X + 1) 255/2, because images are in [0, 1] here. The epsilon of
    instance normalization is 1e-5, not 1e-9, which turns flat regions into blobs. The output has exactly the input's
    size.
    """
    full, half, quarter = filters
    photograph = keras.Input((None, None, 3), name="image")
    blocks = Blocks(dtype)
    hidden = PadToMultiple2D(STRIDE, dtype=dtype, name="pad")(photograph)
    hidden = blocks.convolution(hidden, full, kernel, "encode1")
    hidden = blocks.convolution(hidden, half, 3, "encode2", stride=2)
    hidden = blocks.convolution(hidden, quarter, 3, "encode3", stride=2)
    hidden = blocks.residuals(hidden, residual_blocks)
    hidden = blocks.upsampled(hidden, half, "decode1")
    hidden = blocks.upsampled(hidden, full, "decode2")
    return keras.Model(photograph, blocks.picture(hidden, photograph, kernel), name="transfer_net")
