"""The same net with other layers."""

from collections.abc import Callable

import keras
import numpy as np

from keras_nst.models.layers import ConditionalInstanceNormalization, instance_normalization


def rewrite(net: keras.Model, substitute: Callable) -> keras.Model:
    """A copy of a functional net, with its weights, in which other layers take the place of some.

    Args:
        net: The net; it is left as it is.
        substitute: Called with a copy of each layer and the tensors that it would be called on. Returns the tensors
            that stand in place of its outputs, or None for what the layer itself makes of them.
    """

    def call(layer: keras.layers.Layer, *arguments, **options):
        found = substitute(layer, *arguments)
        return layer(*arguments, **options) if found is None else found

    if isinstance(net, keras.Sequential):
        net = keras.Model(net.inputs, net.outputs)
    return keras.models.clone_model(net, clone_function=lambda layer: as_kind(type(layer), layer), call_function=call)


def as_kind(kind: type[keras.layers.Layer], layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer of this kind with another one's settings and weights."""
    made = kind.from_config(layer.get_config())
    made.build_from_config(layer.get_build_config())
    made.set_weights(layer.get_weights())
    return made


def bake(net: keras.Model, code: np.ndarray) -> keras.Model:
    """A net for one code: what `net` makes of photographs with it.

    Args:
        net: From "image" (batch, height, width, 3) and "code" (batch, size), which its
            `ConditionalInstanceNormalization`s alone read.
        code: (size,).

    Returns:
        A net of "image" alone, with plain instance normalizations.
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
