"""Chen & Hsu 2016: Towards deep style transfer, a content-aware perspective.

Where to transfer: each region of the photograph takes the style of its own region of a painting, by the masks M of
eq. (1)'s general form. What to transfer: high-order statistics, Gram matrices of features and of their differences from
their neighbors. Without masks all of the picture is one region.

The poster prints no layers and no weights. Layers are Gatys's; distances have no unit here, and weights are to the eye.
"""

from collections.abc import Mapping, Sequence

from keras_nst import losses
from keras_nst.losses.statistics import STATISTICS

CONTENT_LAYERS = {"vgg19": ("relu4_2",), "vgg16": ("relu4_2",)}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
WEIGHTS = {"content": 1.0, "style": 0.8, "tv": 1.0}
SETTINGS = {
    "backbone": "vgg16",
    "pooling": "max",
    "statistic": "high-order",
    "optimizer": "lbfgs",
    "learning_rate": 0.02,
    "iterations": 100,
    "end_size": 512,
    "start_size": 128,
}


def loss(
    weights: Mapping[str, float] = WEIGHTS,
    content_layers: Sequence[str] = CONTENT_LAYERS["vgg16"],
    style_layers: Sequence[str] = STYLE_LAYERS,
    regions: Sequence[int] = (0,),
    statistic: str = "high-order",
) -> losses.Loss:
    """Lambda content + the sum over regions of style + gamma total variation."""
    measured = STATISTICS[statistic]()
    styles = [losses.style(*style_layers, statistic=measured, region=region) for region in regions]
    return (
        weights["content"] * losses.content(*content_layers, region=0)
        + weights["style"] * sum(styles, start=losses.Loss(()))
        + weights["tv"] * losses.total_variation(region=0)
    )
