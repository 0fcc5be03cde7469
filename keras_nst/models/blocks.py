"""Blocks of transfer nets: convolution with normalization, residual blocks, up-sampling, output layers."""

from typing import Any, NamedTuple

import keras
from keras import layers

from keras_nst.models.layers import (
    BilinearUpsampledConvolution2D,
    ConditionalInstanceNormalization,
    Convolution2D,
    CropLike2D,
    ReflectionPadding2D,
    UpsampledConvolution2D,
    instance_normalization,
)

Tensor = Any


class Blocks(NamedTuple):
    """The blocks of one net, which share dtype, activation and normalization.

    Each block maps features (batch, height, width, channels) to features. `name` is the prefix of its layers' names.

    Attributes:
        dtype: Keras dtype policy.
        activation: Activation of the hidden layers.
        code: Code (batch, size) that conditions instance normalization; None for unconditional normalization.
    """

    dtype: str
    activation: str = "relu"
    code: Tensor | None = None

    def convolution(self, image: Tensor, channels: int, kernel: int, name: str, *, stride=1, active=True) -> Tensor:
        """Reflection padding, a convolution, its normalization and, if `active`, the activation."""
        image = self.padded(image, kernel, name)
        image = Convolution2D(channels, kernel, strides=stride, dtype=self.dtype, name=f"{name}_conv")(image)
        return self._normalized(image, name, active=active)

    def residuals(self, image: Tensor, blocks: int, name: str = "residual") -> Tensor:
        """Residual blocks of two 3x3 convolutions each."""
        channels = image.shape[-1]
        for block in range(1, blocks + 1):
            residual = self.convolution(image, channels, 3, f"{name}{block}a")
            residual = self.convolution(residual, channels, 3, f"{name}{block}b", active=False)
            image = layers.Add(dtype=self.dtype, name=f"{name}{block}_add")([image, residual])
        return image

    def upsampled(self, image: Tensor, channels: int, name: str, *, bilinear: bool = False) -> Tensor:
        """Up-sampling by two, nearest-neighbor or bilinear, then a 3x3 convolution: leaves no checkerboard."""
        layer = BilinearUpsampledConvolution2D if bilinear else UpsampledConvolution2D
        image = layer(channels, dtype=self.dtype, name=f"{name}_conv")(image)
        return self._normalized(image, name)

    def joined(self, image: Tensor, skipped: Tensor, name: str) -> Tensor:
        """The sum of an image and a 1x1 convolution of the skip connection `skipped`."""
        skipped = Convolution2D(image.shape[-1], 1, dtype=self.dtype, name=f"{name}_skip")(skipped)
        return layers.Add(dtype=self.dtype, name=f"{name}_join")([image, skipped])

    def picture(self, image: Tensor, photograph: Tensor, kernel: int) -> Tensor:
        """The output layers: a convolution to RGB in [0, 1], float32, cropped to the photograph's size."""
        image = self.padded(image, kernel, "rgb")
        # Training starts from an almost gray picture: a tanh that starts saturated stays so and leaves black or white
        # blobs.
        faint = keras.initializers.VarianceScaling(1e-3)
        image = Convolution2D(3, kernel, kernel_initializer=faint, dtype=self.dtype, name="rgb_conv")(image)
        # float32 from here on: half precision is too coarse for 256 levels of a color.
        image = layers.Activation("tanh", dtype="float32", name="rgb_tanh")(image)
        image = layers.Rescaling(0.5, 0.5, dtype="float32", name="rgb")(image)
        return CropLike2D(dtype="float32", name="stylized")([image, photograph])

    def padded(self, image: Tensor, kernel: int, name: str) -> Tensor:
        """Reflection padding for a kernel of this size."""
        return ReflectionPadding2D(kernel // 2, dtype=self.dtype, name=f"{name}_pad")(image) if kernel > 1 else image

    def _normalized(self, image, name, *, active=True):
        if self.code is None:
            image = instance_normalization(dtype=self.dtype, name=f"{name}_norm")(image)
        else:
            image = ConditionalInstanceNormalization(dtype=self.dtype, name=f"{name}_norm")([image, self.code])
        if not active:
            return image
        return layers.Activation(self.activation, dtype=self.dtype, name=f"{name}_{self.activation}")(image)
