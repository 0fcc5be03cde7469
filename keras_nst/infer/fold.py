"""A faster form of a net for a single picture, without a compiler."""

import contextlib
import functools

import keras
import tensorflow as tf
from keras import ops

from keras_nst.models.convolution import convolve, of_one_picture
from keras_nst.models.layers import ConditionalInstanceNormalization, Convolution2D, ReflectionPadding2D, is_dense
from keras_nst.models.rewrite import as_kind, rewrite

_BLOCK = 16  # Of another number of channels, batch normalization in bfloat16 takes ten times as long.


def _normalized(features, scale, offset, epsilon: float, **whole):
    """Batch normalization of a single image in one operation, with scale and offset (channels,) in float32."""
    normalize = functools.partial(
        tf.compat.v1.nn.fused_batch_norm, scale=scale, offset=offset, epsilon=epsilon, **whole
    )
    if features.dtype == tf.bfloat16 and features.shape[-1] % _BLOCK:
        return tf.cast(normalize(tf.cast(features, tf.float32))[0], tf.bfloat16)
    return normalize(features)[0]


class FusedInstanceNormalization(keras.layers.GroupNormalization):
    """Instance normalization of a single image as batch normalization, which is a single operation in TensorFlow."""

    def __init__(self, **kwargs):
        # Scale and offset stay in float32 under every policy, as the operation takes them.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs, moments=None):
        """Normalize (batch, height, width, channels); fast if the static batch size is 1.

        Args:
            inputs: Features of an image, or of a part of one if `moments` are given.
            moments: Mean and variance of the whole image's features, (2, channels).
        """
        if inputs.shape[0] != 1:
            return super().call(inputs)
        whole = {}
        if moments is not None:
            mean, variance = tf.unstack(moments)
            whole = {"mean": mean, "variance": variance, "is_training": False}
        scale, offset = map(tf.convert_to_tensor, (self.gamma, self.beta))
        return _normalized(inputs, scale, offset, self.epsilon, **whole)


class FusedConditionalInstanceNormalization(ConditionalInstanceNormalization):
    """The same with scale and offset that a code gives."""

    def call(self, inputs):
        """Normalize features (batch, height, width, channels) by a code; fast if the static batch size is 1."""
        features, code = inputs
        if features.shape[0] != 1:
            return super().call(inputs)
        scale, offset = (part[0] for part in self.scale_and_offset(code))
        return _normalized(features, scale, offset, self.epsilon)


class ReflectedConvolution2D(Convolution2D):
    """Reflection padding by one and a 3x3 convolution."""

    def compute_output_shape(self, input_shape):
        """(batch, height, width, filters)."""
        return (*input_shape[:-1], self.filters)

    def convolution_op(self, inputs, kernel):
        """Compute padding and convolution without bias and activation."""
        return convolve(inputs, ops.convert_to_tensor(kernel), padding="reflect")


def for_this_machine() -> contextlib.AbstractContextManager:
    """Context that tells layers that they run on this machine on a single picture.

    It has no effect with a GPU, whose libraries have Winograd's convolution.
    """
    return of_one_picture(not tf.config.list_physical_devices("GPU"))


def fold(net: keras.Model, hidden_dtype: str | None = None) -> keras.Model:
    """Build a net with the same weights that needs fewer operations for a single picture.

    Within `of_one_picture` it takes three quarters of the time.

    Args:
        net: A transfer net.
        hidden_dtype: As in `rewrite`.
    """
    unpadded = {}  # The tensor before the padding, by the tensor after it.

    def substitute(layer: keras.layers.Layer, image):
        if _is_instance_normalization(layer):
            return as_kind(FusedInstanceNormalization, layer)(image)
        if isinstance(layer, ConditionalInstanceNormalization):
            return as_kind(FusedConditionalInstanceNormalization, layer)(image)
        if isinstance(layer, ReflectionPadding2D) and layer.padding == 1:
            padded = layer(image)
            unpadded[padded] = image
            return padded
        if type(layer) in (keras.layers.Conv2D, Convolution2D) and _is_3x3(layer) and image in unpadded:
            return as_kind(ReflectedConvolution2D, layer)(unpadded[image])
        return None

    return rewrite(net, substitute, hidden_dtype)


def _is_instance_normalization(layer: keras.layers.Layer) -> bool:
    return (
        isinstance(layer, keras.layers.GroupNormalization)
        and (layer.axis, layer.scale, layer.center, layer.variable_dtype) == (-1, True, True, "float32")
        and layer.groups == layer.gamma.shape[0]
    )


def _is_3x3(layer: keras.layers.Conv2D) -> bool:
    return is_dense(layer) and (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (1, 1), "valid")
