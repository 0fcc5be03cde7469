"""From a painting to the code of its style."""

import keras
import numpy as np
from keras import layers, ops

from keras_nst.losses.algebra import Measurement
from keras_nst.models.nets import build
from keras_nst.models.unet import CODE_SIZE
from keras_nst.models.weights import EMBEDDED

# What is about the mean of a tap's features over paintings, so that those of all taps are of one size.
_UNITS = {"vgg/relu1_2": 400.0, "vgg/relu2_2": 700.0, "vgg/relu3_3": 1000.0, "vgg/relu4_3": 300.0}
SIZE = 2 * (64 + 128 + 256 + 512)
"""How many numbers `STATISTICS` has of VGG16."""

FAR = 3.0
"""Standard deviations from the mean painting that a statistic can be at most, or nearly."""


def _statistics(*features):
    parts = []
    for values, unit in zip(features, _UNITS.values(), strict=True):
        values = ops.cast(values, "float32") / unit
        parts += [ops.mean(values, axis=(1, 2)), ops.std(values, axis=(1, 2))]
    # Roots, since some channels are a hundred times as large as others.
    return (ops.sqrt(ops.concatenate(parts, axis=-1) + 1e-4) - 0.5,)


STATISTICS = Measurement(tuple(_UNITS), _statistics)
"""Mean and standard deviation of each channel of VGG16's features of a painting, (batch, SIZE)."""


def style_predictor(code_size: int = CODE_SIZE, *, hidden: int = 256) -> keras.Model:
    """Build the network that predicts a style's code from `STATISTICS` of its painting.

    Args:
        code_size: Numbers in a code.
        hidden: Units of the hidden layer.

    Returns:
        A model from (batch, SIZE) to (batch, code_size).

    Source: Ghiasi et al. 2017, section 2.2. Differs from the source: from statistics of VGG16's features, which the
    style loss measures anyway, in place of an Inception of its own. They are standardized over paintings, since what
    paintings have in common is large and what tells two of them apart is small, and bounded, since one plain color is
    farther from all paintings than they are from each other.
    """
    measured = keras.Input((SIZE,), name="statistics")
    with np.load(EMBEDDED / "paintings.npz") as paintings:
        scale = 1 / (FAR * (paintings["deviation"] + 0.02))
        offset = -paintings["mean"] * scale
    standardized = layers.Rescaling(scale.tolist(), offset.tolist(), name="standardized")(measured)
    bounded = layers.Rescaling(FAR, name="bounded")(layers.Activation("tanh", name="tanh")(standardized))
    code = layers.Dense(hidden, activation="relu", name="hidden")(bounded)
    return keras.Model(measured, layers.Dense(code_size, name="code")(code), name="style_predictor")


def predicted(name: str, dtype: str = "float32") -> keras.Model:
    """Build a conditional net behind a predictor of its codes, to be trained as one.

    Args:
        name: The net's, of `keras_nst.models.nets.NETS`.
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
    """The conditional net and the predictor that `predicted` has joined; they share its weights."""
    predictor, net = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return net, predictor
