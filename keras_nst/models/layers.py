"""Layers that Keras lacks, for channels-last images of any size on any backend.

Each declares its output shape, so that Keras never traces `call` with unknown sizes, for which JAX cannot pad by
reflection.
"""

import keras
from keras import layers, ops

from keras_nst.models.convolution import convolve, convolve_depthwise, reflect

PACKAGE = "keras_nst"


class _SizeChange(layers.Layer):
    """A layer without weights that only changes height and width, as `_output_side` says."""

    def _output_side(self, side: int) -> int:
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(None if side is None else self._output_side(side) for side in sides), channels)


@keras.saving.register_keras_serializable(PACKAGE)
class ReflectionPadding2D(_SizeChange):
    """Pads height and width by reflection at the border, without repeating the border pixel.

    With zero padding the net learns where the border is, and draws a frame around the stylized picture.

    Args:
        padding: Pixels on each of the four sides; the image must be larger than this.
    """

    def __init__(self, padding: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def _output_side(self, side):
        return side + 2 * self.padding

    def call(self, image):
        return reflect(image, self.padding)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(PACKAGE)
class ReplicationPadding2D(_SizeChange):
    """Pads by one pixel on each side that repeats the border pixel."""

    def _output_side(self, side):
        return side + 2

    def call(self, image):
        return ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")


@keras.saving.register_keras_serializable(PACKAGE)
class PadToMultiple2D(_SizeChange):
    """Pads bottom and right by reflection until height and width are multiples of `multiple`, and at least twice it.

    Where strides divide a side of one multiple, one position is left, and that could not be reflected.

    Args:
        multiple: The divisor of the output's height and width; each side of the image must be at least as long.
    """

    def __init__(self, multiple: int, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def _output_side(self, side):
        return max(side + -side % self.multiple, 2 * self.multiple)

    def call(self, image):
        for axis in (1, 2):
            side = ops.shape(image)[axis]
            is_known = isinstance(side, int)
            image = self._reflected(image, axis, (max if is_known else ops.maximum)(self.multiple + 1 - side, 0))
            side = ops.shape(image)[axis]
            # -side % multiple, written without a negative number: ONNX converters get its remainder wrong.
            image = self._reflected(image, axis, self.multiple - 1 - (side - 1) % self.multiple)
        return image

    @staticmethod
    def _reflected(image, axis: int, missing):
        """Add the reflection of so many pixels, fewer than the side has."""
        if isinstance(missing, int) and missing == 0:
            return image
        # Slices, not ops.pad, whose widths must be known when the graph is built.
        begin, end = ops.shape(image)[axis] - 1 - missing, ops.shape(image)[axis] - 1
        last = image[:, begin:end] if axis == 1 else image[:, :, begin:end]
        return ops.concatenate([image, ops.flip(last, axis=axis)], axis=axis)

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(PACKAGE)
class CropLike2D(layers.Layer):
    """Crops the first of two images, at bottom and right, to the size of the second."""

    def compute_output_shape(self, input_shape):
        image, like = input_shape
        return (image[0], *like[1:3], image[3])

    def call(self, inputs):
        image, like = inputs
        height, width = ops.shape(like)[1:3]
        return image[:, :height, :width]


@keras.saving.register_keras_serializable(PACKAGE)
class NearestUpsampling2D(_SizeChange):
    """Doubles height and width by repeating each pixel.

    Unlike keras.layers.UpSampling2D it keeps the static number of channels if the sizes are unknown. Without it, the
    conversion to LiteRT silently emits operations that its runtime does not support.
    """

    def _output_side(self, side):
        return 2 * side

    def call(self, image):
        batch, height, width, _ = ops.shape(image)
        channels = image.shape[-1]
        blocks = ops.reshape(image, (batch, height, 1, width, 1, channels))
        blocks = ops.tile(blocks, (1, 1, 2, 1, 2, 1))
        return ops.reshape(blocks, (batch, 2 * height, 2 * width, channels))


def is_dense(layer: layers.Conv2D) -> bool:
    """Whether a convolution has neither groups nor dilation, and is channels-last."""
    return layer.dilation_rate == (1, 1) and layer.groups == 1 and layer.data_format == "channels_last"


@keras.saving.register_keras_serializable(PACKAGE)
class Convolution2D(layers.Conv2D):
    """keras.layers.Conv2D, computed in the fastest form that `keras_nst.models.convolution` has."""

    def convolution_op(self, inputs, kernel):
        """Compute the convolution without bias and activation."""
        if not is_dense(self):
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, ops.convert_to_tensor(kernel), self.strides, self.padding)


@keras.saving.register_keras_serializable(PACKAGE)
class UpsampledConvolution2D(layers.Conv2D):
    """Nearest-neighbor up-sampling by two, reflection padding and a 3x3 convolution, in 44 % of the multiplications.

    Unlike a transposed convolution, up-sampling first leaves no checkerboard (Odena et al. 2016).

    Args:
        filters: Channels of the output.
    """

    upsampling = "nearest"

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, **{**kwargs, "kernel_size": 3, "padding": "same"})

    def compute_output_shape(self, input_shape):
        """(batch, 2 height, 2 width, filters)."""
        batch, *sides, _ = input_shape
        return (batch, *(None if side is None else 2 * side for side in sides), self.filters)

    def convolution_op(self, inputs, kernel):
        """Compute up-sampling and convolution without bias and activation."""
        return convolve(inputs, ops.convert_to_tensor(kernel), upsampling=self.upsampling)


@keras.saving.register_keras_serializable(PACKAGE)
class BilinearUpsampledConvolution2D(UpsampledConvolution2D):
    """Bilinear up-sampling by two and a 3x3 convolution, computed at the small size.

    Unlike nearest-neighbor up-sampling it leaves no grid.
    """

    upsampling = "bilinear"


@keras.saving.register_keras_serializable(PACKAGE)
class DepthwiseConvolution2D(layers.DepthwiseConv2D):
    """keras.layers.DepthwiseConv2D with "same" padding and no bias, computed in the fastest form."""

    def call(self, inputs):
        return convolve_depthwise(inputs, ops.convert_to_tensor(self.kernel), self.strides)


@keras.saving.register_keras_serializable(PACKAGE)
class CaffePreprocessing(layers.Layer):
    """Converts RGB in [0, 1] to VGG's input: BGR in [0, 255] minus the mean color of ImageNet."""

    MEAN_BGR = (103.939, 116.779, 123.68)

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, image):
        return 255.0 * ops.flip(image, axis=-1) - ops.convert_to_tensor(self.MEAN_BGR, image.dtype)


def instance_normalization(epsilon: float = 1e-5, **kwargs) -> layers.Layer:
    """Build a layer that normalizes each channel of each image to mean 0 and variance 1, then learns scale and offset.

    Source: Ulyanov, Vedaldi, Lempitsky 2016.
    """
    return layers.GroupNormalization(groups=-1, epsilon=epsilon, **kwargs)


@keras.saving.register_keras_serializable(PACKAGE)
class ConditionalInstanceNormalization(layers.Layer):
    """Instance normalization whose scale and offset are affine functions of a code, so that one net has many styles.

    Called on features (batch, height, width, channels) and codes (batch, size of the code). The scale is 1 plus its
    affine function.

    Args:
        epsilon: Added to the variance.

    Source: Dumoulin et al. 2017, eq. (5); for the code Ghiasi et al. 2017, section 2.2.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        # The code stays in float32 under every policy.
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        (*_, channels), (_, size) = input_shape
        faint = keras.initializers.RandomNormal(stddev=0.02)
        self.kernel = self.add_weight(shape=(size, 2 * channels), initializer=faint, name="kernel")
        self.bias = self.add_weight(shape=(2 * channels,), initializer="zeros", name="bias")

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def scale_and_offset(self, code):
        """Scale and offset (batch, channels), float32, for codes (batch, size)."""
        # In a net with half precision, Keras may cast the weights to it.
        code, kernel, bias = (ops.cast(values, "float32") for values in (code, self.kernel, self.bias))
        both = ops.matmul(code, kernel) + bias
        scale, offset = ops.split(both, 2, axis=-1)
        return 1.0 + scale, offset

    def call(self, inputs):
        features, code = inputs
        scale, offset = (part[:, None, None] for part in self.scale_and_offset(code))
        mean, variance = ops.moments(ops.cast(features, "float32"), axes=(1, 2), keepdims=True)
        factor = scale * ops.rsqrt(variance + self.epsilon)
        # One multiplication and one addition per feature, in the features' own precision.
        return features * ops.cast(factor, features.dtype) + ops.cast(offset - factor * mean, features.dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
