"""Johnson, Alahi, Li 2016: Perceptual losses for real-time style transfer, with Liu et al. 2019's names."""

from collections.abc import Mapping

from keras_nst import losses

CONTENT_LAYER = "relu3_3"
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
# Deep Grams vary within a painting: crops of The Starry Night of 128 pixels are 0.1 from the whole at relu2_2, but 2.6
# at relu4_3. With a full share there, each crop of a result must be the painting's average: an even weave. In the
# papers' unscaled sum the layer has no say at all: its squared Gram is a thousandth of the next smallest.
STYLE_SHARES = (1.0, 1.0, 1.0, 0.1)
WEIGHTS = {"content": 1.0, "style": 5.0, "tv": 2.0}
LEARNING_RATE = 1e-3


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """mu1 content + mu2 style + total variation."""
    return (
        weights["content"] * losses.content(CONTENT_LAYER)
        + weights["style"] * losses.style(*STYLE_LAYERS, shares=STYLE_SHARES)
        + weights["tv"] * losses.total_variation()
    )
