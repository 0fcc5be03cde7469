"""The same net in a quicker form, for a single picture on a CPU, one operation after another."""

import keras
import tensorflow as tf
from keras import ops

from keras_nst.models.convolution import reflected_winograd, upsampled_winograd
from keras_nst.models.layers import Convolution2D, ReflectionPadding2D, UpsampledConvolution2D

_LEAST_CHANNELS = 32  # With fewer, Winograd's transforms cost what they save.


class FusedInstanceNormalization(keras.layers.GroupNormalization):
    """Instance normalization; that of a single image is batch normalization, which TensorFlow has as one operation."""

    def call(self, inputs):
        """Normalize (batch, height, width, channels); quickly where the batch is known to be 1."""
        if inputs.shape[0] != 1:
            return super().call(inputs)
        normalized, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), epsilon=self.epsilon
        )
        return normalized


class GivenNormalization(keras.layers.GroupNormalization):
    """Normalization by a mean and a variance set from outside: those of the whole, where a part is seen."""

    def build(self, input_shape):
        """Make the weights; the moments are (2, channels)."""
        super().build(input_shape)
        self.moments = self.add_weight(shape=(2, input_shape[-1]), trainable=False, name="moments")

    def call(self, inputs):
        """Normalize (batch, height, width, channels)."""
        mean, variance = tf.unstack(tf.convert_to_tensor(self.moments))
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        normalized, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, mean, variance, epsilon=self.epsilon, is_training=False
        )
        return normalized


class _ReflectedConvolution2D(Convolution2D):
    """Reflection padding by one and a 3x3 convolution."""

    def compute_output_shape(self, input_shape):
        """As many rows and columns as there were."""
        return (*input_shape[:-1], self.filters)

    def convolution_op(self, inputs, kernel):
        """Both; quickly where the batch is known to be 1."""
        if inputs.shape[0] != 1:
            padded = ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
            return super().convolution_op(padded, kernel)
        return reflected_winograd(inputs, ops.convert_to_tensor(kernel))


class _UpsampledConvolution2D(UpsampledConvolution2D):
    def convolution_op(self, inputs, kernel):
        """The up-sampled convolution; quickly where the batch is known to be 1."""
        if inputs.shape[0] != 1:
            return super().convolution_op(inputs, kernel)
        return upsampled_winograd(inputs, ops.convert_to_tensor(kernel))


def _is_3x3(layer: Convolution2D) -> bool:
    return layer.is_plain() and (layer.kernel_size, layer.strides, layer.padding) == ((3, 3), (1, 1), "valid")


def fold(
    net: keras.Model, normalization: type[keras.layers.GroupNormalization] = FusedInstanceNormalization
) -> keras.Model:
    """A net of the same weights that makes the same picture of a single image in three quarters of the time.

    Where there is a GPU, whose libraries have Winograd's convolution, convolutions are left as they are.

    Args:
        net: Built of `keras_nst.models.layers`, in float32.
        normalization: What takes the place of its instance normalizations, with the same trainable weights.
    """
    suits_winograd = not tf.config.list_physical_devices("GPU")
    unpadded = {}  # What was padded by one, by the identity of what became of it.

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        is_instance = isinstance(layer, keras.layers.GroupNormalization) and layer.groups == layer.gamma.shape[0]
        return (normalization if is_instance else type(layer)).from_config(layer.get_config())

    def call(layer: keras.layers.Layer, *arguments, **options):
        image = arguments[0]
        is_convolution = isinstance(layer, Convolution2D | UpsampledConvolution2D)
        if suits_winograd and is_convolution and min(image.shape[-1], layer.filters) >= _LEAST_CHANNELS:
            if isinstance(layer, UpsampledConvolution2D):
                layer = _UpsampledConvolution2D.from_config(layer.get_config())
            elif id(image) in unpadded and _is_3x3(layer):
                layer = _ReflectedConvolution2D.from_config(layer.get_config())
                arguments = (unpadded[id(image)],)
        result = layer(*arguments, **options)
        if isinstance(layer, ReflectionPadding2D) and layer.padding == 1:
            unpadded[id(result)] = image
        return result

    folded = keras.models.clone_model(net, clone_function=copied, call_function=call)
    for layer in net.layers:
        if layer.trainable_weights:  # By name: without some paddings the order may be another.
            own = folded.get_layer(layer.name).trainable_weights
            for variable, weight in zip(own, layer.trainable_weights, strict=True):
                variable.assign(weight)
    return folded
