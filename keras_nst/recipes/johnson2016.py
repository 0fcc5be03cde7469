"""Johnson, Alahi, Li 2016: Perceptual losses for real-time style transfer, as Liu et al. 2019 states it."""

from collections.abc import Mapping

from keras_nst import losses

CONTENT_LAYER = "relu3_3"
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
WEIGHTS = {"content": 1.0, "style": 1.0, "tv": 5.0}


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """mu1 content + mu2 style + total variation."""
    return (
        weights["content"] * losses.content(CONTENT_LAYER)
        + weights["style"] * losses.style(*STYLE_LAYERS)
        + weights["tv"] * losses.total_variation()
    )
