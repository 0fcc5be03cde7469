"""Kolkin et al. 2022: Neural Neighbor Style Transfer.

Each place of the photograph is matched with the place of the painting that has the most similar features, and takes its
features. So skies look like skies, outlines like outlines, and no face grows where none was.

Differs from the source: the distance to the matches is one term among others. Content and Gram matrices of the finer
layers are added, which hold the texture that an average over four pixels does not. Matches are found once per scale for
all layers together, and are spread over the kinds of places that the painting has. The pixels are optimized by L-BFGS,
which needs a tenth of the steps. The first picture is the photograph with the painting's colors, and there is no
correction of colors at the end. The weights are chosen by eye.
"""

from collections.abc import Sequence

from keras_nst import losses
from keras_nst.losses.statistics import STATISTICS
from keras_nst.recipes.kinds import COARSE_TO_FINE, PixelRecipe

CONTENT_LAYERS = {"vgg19": ("relu4_2",), "vgg16": ("relu4_2",)}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
MATCHED_LAYERS = ("relu1_2", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_3")
"""The layers whose features are matched: of the first four blocks, as in the paper."""


def tuned() -> PixelRecipe:
    """Coarse to fine from 64 pixels, as in the paper, with 50 steps of L-BFGS per scale."""
    return PixelRecipe(
        loss=loss,
        content_layers=CONTENT_LAYERS,
        style_layers=STYLE_LAYERS,
        settings={**COARSE_TO_FINE, "init": "recolored", "iterations": 50, "start_size": 64},
    )


def loss(
    content_layers: Sequence[str] = CONTENT_LAYERS["vgg16"],
    style_layers: Sequence[str] = STYLE_LAYERS,
    regions: Sequence[int] = (0,),
    statistic: str = "high-order",
) -> losses.Loss:
    """Match + 0.5 style, summed over regions, + 0.15 content + total variation."""
    measured = STATISTICS[statistic]()
    matched = (losses.match(*MATCHED_LAYERS, region=region) for region in regions)
    styles = (losses.style(*style_layers, statistic=measured, region=region) for region in regions)
    return (
        0.15 * losses.content(*content_layers, region=0)
        + 1.0 * sum(matched)
        + 0.5 * sum(styles)
        + 1.0 * losses.total_variation(region=0)
    )
