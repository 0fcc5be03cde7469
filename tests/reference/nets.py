"""Small nets, and nets with random weights."""

import keras
from keras import layers

from keras_nst.models.layers import (
    CropLike2D,
    NearestUpsampling2D,
    PadToMultiple2D,
    ReplicationPadding2D,
    instance_normalization,
)
from keras_nst.models.nets import NETS

SMALL = {
    "johnson": NETS["johnson"]._replace(arguments={"filters": (4, 4, 8), "residual_blocks": 1}),
    "unet": NETS["unet"]._replace(arguments={"filters": (4, 6, 8, 8, 10), "residual_blocks": (1, 1, 1), "kernel": 5}),
}
"""What takes the place of nets of these names, so that a training takes seconds."""


def randomized(net, rng, deviation=0.5):
    """The net with all weights random, including scales and offsets."""
    for variable in net.variables:
        variable.assign(rng.normal(0, deviation, variable.shape) + (1 if variable.name == "gamma" else 0))
    return net


def net_of_other_layers():
    """A net of layers that the other nets here do not have."""
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
    # Two kernels that share a padding.
    hidden = layers.Conv2D(4, 3)(layers.Conv2D(4, 3)(layers.ZeroPadding2D(2)(hidden)))
    hidden = layers.Average()([NearestUpsampling2D()(instance_normalization(name="last_norm")(hidden)), full])
    rgb = layers.Conv2D(3, 1, activation="sigmoid")(hidden)
    return keras.Model(image, CropLike2D(name="stylized")([rgb, image]))
