"""Zhou: a pasted object restyled by the patches of the painting that look like it.

The paper is "Partial Style Transferring and Feature Optimization for Style Transfer Network".

Content is measured at relu4_1 and style at the matched places of the painting, both under the mask. The paper matches
at relu3_1, relu4_1 and relu5_1, each layer for itself, and compares the Gram matrix of each patch with that of its
match, with weights 0.05 and 1.

Differs from the source, after Luan, Paris, Shechtman and Bala 2018, "Deep painterly harmonization": one match at
`MATCHING_LAYER`, brought into line with its neighbors, serves all layers, and the matched features have one Gram matrix
a layer. Before, the object takes colors of the painting, found at `COLOR_LAYER`; the term of color holds them.
Distances have no unit here, so the weights are others.
"""

from collections.abc import Mapping

import numpy as np

from keras_nst import losses
from keras_nst.recipes.zhou.matching import MATCHING_LAYER, STYLE_LAYERS
from keras_nst.recipes.zhou.strokes import smoothness


def loss(strength: float = 0.5, weights: Mapping[str, float] | None = None) -> losses.Loss:
    """Content + style of the matched places + coarse color + total variation, all where the object is.

    Args:
        strength: Of the style, above 0, where the object stays as it is, to 1, where its content does not count.
        weights: Weights of terms that take the place of the recipe's, before the strength.

    Raises:
        InputError: The loss has no such term.
    """
    balanced = (
        0.5 * losses.content(MATCHING_LAYER, region=0)
        + 1.0 * losses.style(*STYLE_LAYERS, region=0)
        + 50.0 * losses.color(brightness=True, block=8)
        + 10.0 * losses.total_variation(region=0)
    ).reweighted(weights or {})
    return balanced.scaled({"content": (1 - strength) / strength})


def fitted(loss: losses.Loss, painting: np.ndarray, mask: np.ndarray) -> losses.Loss:
    """The loss for an object in a painting.

    Total variation counts by how smooth the painting is. Color is a mean over all that is seen, of which only the
    object differs, so it counts by the inverse of the object's share.

    Args:
        loss: As `loss` gives it.
        painting: (1, h, w, 3) in [0, 1].
        mask: Of the object in what is seen of the picture, (1, y, x, 1).
    """
    return loss.scaled({"color": 1 / np.mean(mask > 0), "tv": smoothness(painting)})
