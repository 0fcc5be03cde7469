"""Ghiasi et al. 2017: Exploring the structure of a real-time, arbitrary neural artistic stylization network.

One net for many paintings, whose normalizations are conditioned on what a predictor makes of the painting. The paper's
loss is content + lambda style, of VGG16's features. Here it sees large structure: style is measured at full, half and
quarter size of the picture, where a position of relu4_3 sees four times as far, and over all crops of a painting
together, since one crop need not hold all of a painting. Content is that of normalized features, so that a painting's
own light costs nothing. What liu2019 keeps can be kept, too.
"""

from keras_nst import losses
from keras_nst.recipes import johnson2016, liu2019
from keras_nst.recipes.kinds import Recipe

SIZES = (1, 2, 4)
STYLE_LAYERS = tuple(layer if size == 1 else f"{layer}@{size}" for size in SIZES for layer in johnson2016.STYLE_LAYERS)


def tuned() -> Recipe:
    """Content + style at three sizes + total variation."""
    shares = [1 / len(SIZES)] * len(STYLE_LAYERS)
    return Recipe(
        perceptual=1.0 * losses.content(johnson2016.CONTENT_LAYER, normalized=True)
        + 2.0 * losses.style(*STYLE_LAYERS, shares=shares, pooled=True)
        + 2.0 * losses.total_variation(),
        semantics=liu2019.semantics(),
        learning_rate=2 * johnson2016.LEARNING_RATE,
    )
