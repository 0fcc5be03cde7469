"""Chen & Hsu 2016: Towards deep style transfer, a content-aware perspective.

Where to transfer: each region of the photograph takes the style of a region of a painting; eq. (1) with masks M. What
to transfer: high-order statistics, which are Gram matrices of features and of their differences from neighbors. Without
masks, the whole picture is one region.

The poster prints no layers and no weights. The layers are those of Gatys et al. Distances have no unit here, and the
weights are chosen by eye.
"""

from collections.abc import Sequence

from keras_nst import losses
from keras_nst.losses.statistics import STATISTICS
from keras_nst.recipes.kinds import COARSE_TO_FINE, PixelRecipe

CONTENT_LAYERS = {"vgg19": ("relu4_2",), "vgg16": ("relu4_2",)}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def tuned() -> PixelRecipe:
    """Coarse to fine, with 100 steps of L-BFGS per scale."""
    return PixelRecipe(
        loss=loss,
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
        settings={**COARSE_TO_FINE, "init": "content", "iterations": 100, "start_size": 128},
    )


def loss(
    content_layers: Sequence[str] = CONTENT_LAYERS["vgg16"],
    style_layers: Sequence[str] = STYLE_LAYERS,
    regions: Sequence[int] = (0,),
    statistic: str = "high-order",
) -> losses.Loss:
    """Content + 0.8 style, summed over regions, + total variation."""
    measured = STATISTICS[statistic]()
    styles = (losses.style(*style_layers, statistic=measured, region=region) for region in regions)
    return 1.0 * losses.content(*content_layers, region=0) + 0.8 * sum(styles) + 1.0 * losses.total_variation(region=0)
