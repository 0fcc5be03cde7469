"""Nets as if they had been trained."""

import keras
from keras import layers

from keras_nst.models.layers import (
    BilinearUpsampledConvolution2D,
    ConditionalInstanceNormalization,
    Convolution2D,
    CropLike2D,
    NearestUpsampling2D,
    PadToMultiple2D,
    ReflectionPadding2D,
    ReplicationPadding2D,
    instance_normalization,
)


def randomized(net, rng, deviation=0.5):
    """The net with every weight drawn anew, offsets and scales too."""
    for variable in net.variables:
        variable.assign(rng.normal(0, deviation, variable.shape) + (1 if variable.name == "gamma" else 0))
    return net


def conditional_net(filters=(4, 6, 8, 8, 10), blocks=1):
    """A small U-net to a sixteenth of the size, from "image" and "code", of each kind of layer that such a net has."""
    image, code = keras.Input((None, None, 3), name="image"), keras.Input((128,), name="code")

    def normalized(hidden, name, activation="relu"):
        hidden = ConditionalInstanceNormalization(name=f"{name}_norm")([hidden, code])
        return layers.Activation(activation, name=f"{name}_{activation}")(hidden) if activation else hidden

    def convolved(hidden, channels, kernel, name, stride=1, activation="relu"):
        hidden = ReflectionPadding2D(kernel // 2, name=f"{name}_pad")(hidden)
        hidden = Convolution2D(channels, kernel, strides=stride, name=f"{name}_conv")(hidden)
        return normalized(hidden, name, activation)

    def residual(hidden, name):
        for block in range(blocks):
            part = convolved(hidden, hidden.shape[-1], 3, f"{name}_{block}a")
            part = convolved(part, hidden.shape[-1], 3, f"{name}_{block}b", activation=None)
            hidden = layers.Add(name=f"{name}_{block}_add")([hidden, part])
        return hidden

    hidden = PadToMultiple2D(16, name="pad")(image)
    seen = []
    for level, channels in enumerate(filters):
        hidden = convolved(hidden, channels, 3 if level else 9, f"encode{level}", stride=2 if level else 1)
        seen.append(hidden)
    hidden = residual(hidden, "residual4")
    for level in (3, 2, 1, 0):
        hidden = BilinearUpsampledConvolution2D(filters[level], name=f"decode{level}_conv")(hidden)
        hidden = normalized(hidden, f"decode{level}")
        if level >= 2:
            skip = Convolution2D(filters[level], 1, name=f"skip{level}")(seen[level])
            hidden = residual(layers.Add(name=f"skip{level}_add")([hidden, skip]), f"residual{level}")
    hidden = Convolution2D(3, 9, name="rgb_conv")(ReflectionPadding2D(4, name="rgb_pad")(hidden))
    hidden = layers.Activation("tanh", name="rgb_tanh")(hidden)
    rgb = layers.Rescaling(0.5, 0.5, name="rgb")(hidden)
    return keras.Model({"image": image, "code": code}, CropLike2D(name="stylized")([rgb, image]), name="conditional")


def net_of_other_layers():
    """A net of layers that no other here has."""
    image = keras.Input((None, None, 3), name="image")
    hidden = PadToMultiple2D(8, name="pad")(image)
    full = layers.ReLU()(layers.Conv2D(4, 5, padding="same", dilation_rate=2)(hidden))
    half = layers.ELU()(layers.Conv2D(6, 3, strides=2, padding="same")(full))
    quarter = layers.MaxPooling2D(2)(instance_normalization(name="half_norm")(half))
    eighth = layers.AveragePooling2D(2)(quarter)
    eighth = layers.DepthwiseConv2D(3, padding="same")(instance_normalization(name="eighth_norm")(eighth))
    hidden = layers.UpSampling2D(2)(eighth)
    hidden = layers.Concatenate()([hidden, layers.LeakyReLU()(quarter)])
    hidden = layers.SeparableConv2D(6, 3)(ReplicationPadding2D()(hidden))
    hidden = layers.BatchNormalization()(layers.UpSampling2D(2)(hidden))
    hidden = layers.Maximum()([hidden, layers.Multiply()([half, half])])
    # Two kernels share a padding.
    hidden = layers.Conv2D(4, 3)(layers.Conv2D(4, 3)(layers.ZeroPadding2D(2)(hidden)))
    hidden = layers.Average()([NearestUpsampling2D()(instance_normalization(name="last_norm")(hidden)), full])
    rgb = layers.Conv2D(3, 1, activation="sigmoid")(hidden)
    return keras.Model(image, CropLike2D(name="stylized")([rgb, image]))
