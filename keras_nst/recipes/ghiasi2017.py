"""Ghiasi et al. 2017: Exploring the structure of a real-time, arbitrary neural artistic stylization network.

One net for many paintings, whose normalizations are conditioned on what a predictor makes of the painting. The paper's
loss is content + lambda style, of VGG16's features. Here it sees large structure: style is measured at full, half and
quarter size of the picture, where a position of relu4_3 sees four times as far, and over all crops of a painting
together, since one crop need not hold all of a painting. Content is that of normalized features, so that a painting's
own light costs nothing. What liu2019 keeps can be kept, too.
"""

from collections.abc import Mapping

from keras_nst import losses
from keras_nst.recipes import johnson2016, liu2019

CONTENT_LAYER = "relu3_3"
SIZES = (1, 2, 4)
STYLE_LAYERS = tuple(layer if size == 1 else f"{layer}@{size}" for size in SIZES for layer in johnson2016.STYLE_LAYERS)
SEMANTICS = liu2019.SEMANTICS
WEIGHTS = {"content": 1.0, "style": 2.0, "tv": 2.0}
LAMBDAS = (tuple(WEIGHTS), liu2019.LAMBDAS[1])
LEARNING_RATE = 2 * johnson2016.LEARNING_RATE


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """Content + style at three sizes + total variation, plus each semantic that has a weight."""
    shares = [1 / len(SIZES)] * len(STYLE_LAYERS)
    return (
        weights["content"] * losses.content(CONTENT_LAYER, normalized=True)
        + weights["style"] * losses.style(*STYLE_LAYERS, shares=shares, pooled=True)
        + weights["tv"] * losses.total_variation()
        + liu2019.kept(weights)
    )
