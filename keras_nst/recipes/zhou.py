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

from keras_nst import losses

COLOR_LAYER = "relu3_1"
MATCHING_LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
WEIGHTS = {"content": 0.5, "style": 1.0, "color": 50.0, "tv": 10.0}


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """Content + style of the matched places + coarse color + total variation, all where the object is."""
    return (
        weights["content"] * losses.content(MATCHING_LAYER, region=0)
        + weights["style"] * losses.style(*STYLE_LAYERS, region=0)
        + weights["color"] * losses.color(brightness=True, block=8)
        + weights["tv"] * losses.total_variation(region=0)
    )
