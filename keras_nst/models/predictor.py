"""The predictor of a painting's style code."""

import keras
import numpy as np
from keras import layers, ops

from keras_nst.losses.algebra import Measurement
from keras_nst.models.nets import build
from keras_nst.models.unet import CODE_SIZE
from keras_nst.models.weights import EMBEDDED

# About the mean feature of each layer over paintings. Dividing by it brings all layers to the same scale.
_UNITS = {"vgg/relu1_2": 400.0, "vgg/relu2_2": 700.0, "vgg/relu3_3": 1000.0, "vgg/relu4_3": 300.0}
SIZE = 2 * (64 + 128 + 256 + 512)
"""Length of `STATISTICS` for VGG16."""

SLOWER = 0.05
"""Learning rate of the predictor relative to that of the net."""

FAR = 3.0
"""Limit of a standardized statistic, in standard deviations from the mean painting."""


def _statistics(*features):
    parts = []
    for values, unit in zip(features, _UNITS.values(), strict=True):
        values = ops.cast(values, "float32") / unit
        parts += [ops.mean(values, axis=(1, 2)), ops.std(values, axis=(1, 2))]
    # The square root reduces the range: some channels are a hundred times as large as others.
    return (ops.sqrt(ops.concatenate(parts, axis=-1) + 1e-4) - 0.5,)


STATISTICS = Measurement(tuple(_UNITS), _statistics)
"""Scaled mean and standard deviation of each channel of a painting's VGG16 features, (batch, SIZE)."""


def style_predictor(code_size: int = CODE_SIZE, *, hidden: int = 256) -> keras.Model:
    """Build the network that predicts a style's code from the `STATISTICS` of its painting.

    Args:
        code_size: Length of a code.
        hidden: Units of the hidden layer.

    Returns:
        A model from (batch, SIZE) to (batch, code_size).

    Source: Ghiasi et al. 2017, section 2.2.
    Differs from the source: the input is statistics of VGG16 features, which the style loss computes anyway, instead of
    the features of an additional Inception network. The statistics are standardized over many paintings, because the
    part that all paintings share is large and the differences are small. They are bounded, because a plain color is far
    from every painting.
    """
    measured = keras.Input((SIZE,), name="statistics")
    with np.load(EMBEDDED / "paintings.npz", allow_pickle=False) as paintings:
        scale = 1 / (FAR * (paintings["deviation"] + 0.02))
        offset = -paintings["mean"] * scale
    standardized = layers.Rescaling(scale.tolist(), offset.tolist(), name="standardized")(measured)
    bounded = layers.Activation("tanh", name="bounded")(standardized)
    hidden = layers.Activation("relu", name="relu")(_slow_dense(bounded, hidden, "hidden"))
    return keras.Model(measured, _slow_dense(hidden, code_size, "code"), name="style_predictor")


def _slow_dense(inputs, units: int, name: str):
    """Apply a dense layer that learns at `SLOWER` times the learning rate.

    Adam changes each weight by about the learning rate. A code is a sum over hundreds of inputs, so it would be a
    different one after each step. Therefore the kernel starts larger by 1 / `SLOWER`, and the output is multiplied by
    `SLOWER`.

    Source: Karras et al. 2018, section 4.1; Karras et al. 2019, section C, for a mapping network.
    """
    kernel = keras.initializers.VarianceScaling(1 / SLOWER**2, "fan_avg", "uniform")
    outputs = layers.Dense(units, kernel_initializer=kernel, name=name)(inputs)
    return layers.Rescaling(SLOWER, name=f"{name}_slower")(outputs)


def predicted(name: str, dtype: str = "float32") -> keras.Model:
    """Build a conditional net together with the predictor of its codes, to train both as one model.

    Args:
        name: Name of the net in `keras_nst.models.nets.NETS`.
        dtype: Keras dtype policy of the net's hidden layers.

    Returns:
        A model from {"image": (batch, height, width, 3), "statistics": (batch, SIZE)} to the picture; see `parts`.
    """
    net = build(name, dtype)
    photograph = keras.Input((None, None, 3), name="image")
    measured = keras.Input((SIZE,), name="statistics")
    predictor = style_predictor(net.input["code"].shape[-1])
    picture = net({"image": photograph, "code": predictor(measured)})
    return keras.Model({"image": photograph, "statistics": measured}, picture, name="predicted")


def parts(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Split a model from `predicted` into the conditional net and the predictor, which share its weights."""
    predictor, net = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return net, predictor
