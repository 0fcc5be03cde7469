"""Zhou: Partial Style Transferring and Feature Optimization for Style Transfer Network.

A pasted object is restyled by the patches of the painting that it resembles. Content is measured at relu4_1, and style
at the matched places of the painting, both under the mask. The paper matches at relu3_1, relu4_1 and relu5_1
separately, and compares the Gram matrix of each patch with that of its match, with weights 0.05 and 1:
`match="patches"` here.

Differs from the source, following Luan et al. 2018, "Deep Painterly Harmonization": by default patches are matched only
at `MATCHING_LAYER`, made consistent with their neighbors, and used at all layers, with one Gram matrix per layer of all
matched features. Before that, the object is recolored with the painting's colors, found at `COLOR_LAYER`, and a color
term keeps them. Distances have no unit here, so the weights differ.
"""

from collections.abc import Mapping

import numpy as np

from keras_nst import losses
from keras_nst.losses.patches import SIDE
from keras_nst.recipes.zhou.matching import MATCHING_LAYER, PATCH_LAYERS, STYLE_LAYERS
from keras_nst.recipes.zhou.strokes import smoothness

LAYERS = {"places": STYLE_LAYERS, "patches": PATCH_LAYERS, "none": STYLE_LAYERS}
"""Style layers by what is matched: places, with one Gram matrix for all of them; patches, with a Gram matrix each; or
nothing, for the style of the whole painting."""


def loss(
    strength: float = 0.5, weights: Mapping[str, float] | None = None, match: str = "places", side: int = SIDE
) -> losses.Loss:
    """Content + style of what matches + coarse color + total variation, within the object.

    Args:
        strength: Strength of the style, above 0, where the object stays as it is, to 1, without content.
        weights: Weights that replace the recipe's, before the strength.
        match: A key of `LAYERS`.
        side: Side of the patches in positions, odd.

    Raises:
        InputError: The loss has no such term.
    """
    layers = LAYERS[match]
    style = losses.patch_style(*layers, side=side) if match == "patches" else losses.style(*layers, region=0)
    balanced = (
        0.5 * losses.content(MATCHING_LAYER, region=0)
        + 1.0 * style
        + 50.0 * losses.color(brightness=True, block=8)
        + 10.0 * losses.total_variation(region=0)
    ).reweighted(weights or {})
    return balanced.scaled({"content": (1 - strength) / strength})


def fitted(loss: losses.Loss, painting: np.ndarray, mask: np.ndarray) -> losses.Loss:
    """Adapt the loss to an object in a painting.

    Total variation is weighted by the painting's smoothness. Color is a mean over the whole crop, of which only the
    object can differ, so it is divided by the object's share.

    Args:
        loss: From `loss`.
        painting: (1, h, w, 3) in [0, 1].
        mask: The mask of the object in the crop, (1, y, x, 1).
    """
    return loss.scaled({"color": 1 / np.mean(mask > 0), "tv": smoothness(painting)})
