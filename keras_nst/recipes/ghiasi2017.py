"""Ghiasi et al. 2017: Exploring the structure of a real-time, arbitrary neural artistic stylization network.

One net for many paintings: a predictor maps a painting to the scales and offsets of the net's normalizations. The
paper's loss is content + lambda style, on features of VGG16.

Differs from the source: to see large structures, style is measured at full, half and quarter size of the picture, where
a position of relu4_3 sees up to four times as far. It is averaged over all crops of a painting, since one crop need not
show all of it. Content is measured on normalized features, so that adopting the painting's light costs nothing. The
semantics of liu2019 can be kept as well.
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
