"""Copies of a net in which some layers are replaced."""

from collections.abc import Callable

import keras
import numpy as np

from keras_nst.models.layers import ConditionalInstanceNormalization, instance_normalization


def rewrite(net: keras.Model, substitute: Callable, hidden_dtype: str | None = None) -> keras.Model:
    """Copy a functional net with its weights, and replace some of its layers.

    Args:
        net: The net; it is not changed.
        substitute: Called with a copy of each layer and the layer's inputs. Returns the tensors that replace the
            layer's outputs, or None to keep the layer.
        hidden_dtype: Keras dtype policy of the layers up to the last convolution; None for their own.
    """

    def call(layer: keras.layers.Layer, *arguments, **options):
        found = substitute(layer, *arguments)
        return layer(*arguments, **options) if found is None else found

    if isinstance(net, keras.Sequential):
        net = keras.Model(net.inputs, net.outputs)
    dtypes = dict.fromkeys(_hidden(net), hidden_dtype)

    def copy(layer: keras.layers.Layer):
        return as_kind(type(layer), layer, dtypes.get(layer.name))

    return keras.models.clone_model(net, clone_function=copy, call_function=call)


def _hidden(net: keras.Model) -> list[str]:
    """Names of the layers up to the last convolution; a layer comes after those that it depends on."""
    convolutions = [place for place, layer in enumerate(net.layers) if isinstance(layer, keras.layers.Conv2D)]
    return [layer.name for layer in net.layers[: max(convolutions, default=-1) + 1]]


def as_kind(kind: type[keras.layers.Layer], layer: keras.layers.Layer, dtype: str | None = None) -> keras.layers.Layer:
    """Build a layer of this class with the configuration and weights of another layer, and another dtype policy."""
    made = kind.from_config(layer.get_config() | ({"dtype": dtype} if dtype else {}))
    made.build_from_config(layer.get_build_config())
    made.set_weights(layer.get_weights())
    return made


def bake(net: keras.Model, code: np.ndarray) -> keras.Model:
    """Fix the code of a conditional net.

    Args:
        net: A net with the inputs "image" (batch, height, width, 3) and "code" (batch, size). Only its
            `ConditionalInstanceNormalization` layers read the code.
        code: (size,).

    Returns:
        A net with the input "image" alone, and unconditional instance normalization.
    """

    def substitute(layer: keras.layers.Layer, inputs):
        if not isinstance(layer, ConditionalInstanceNormalization):
            return None
        features, _ = inputs
        plain = instance_normalization(layer.epsilon, dtype=layer.dtype_policy, name=layer.name)
        plain.build(features.shape)
        plain.set_weights([np.asarray(part)[0] for part in layer.scale_and_offset(np.float32(code)[None])])
        return plain(features)

    baked = rewrite(net, substitute)
    (image,) = (given for given in baked.inputs if given.name == "image")
    return keras.Model(image, baked.output, name=net.name)
