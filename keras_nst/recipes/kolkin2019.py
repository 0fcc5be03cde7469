"""Kolkin et al. 2019: Style Transfer by Relaxed Optimal Transport and Self-Similarity (STROTSS), for a net.

A statistic of a whole painting can be met by one even texture. Here every place of the result must look like some place
of the painting, and every place of the painting must be used. So strokes follow the forms, and light and
dark stay nearer to those of the photograph.

Differs from the source: the paper optimizes pixels, and this trains a net, with all crops of a batch as one set of
places. Content is that of VGG's features, normalized so that adopting the painting's light costs nothing, and not the
self-similarity. In place of the paper's moments and colors there are Gram matrices: those of the finest layers hold
colors and contrast, and those of `ghiasi2017` at three sizes ask for strokes and shapes, without which a net gives a
photograph in the painting's colors. A pattern that the net's own up-sampling repeats has a cost. The paper's scales are
measured at once: full, half and quarter size. The semantics of liu2019 can be kept as well. The weights are chosen by
eye.
"""

from keras_nst import losses
from keras_nst.recipes import ghiasi2017, johnson2016, liu2019
from keras_nst.recipes.kinds import Recipe

PLACE_LAYERS = ("relu1_2", "relu2_2", "relu3_1", "relu3_3", "relu4_1")
SIZES = (1, 2, 4)
STYLE_SHARES = {
    **dict.fromkeys(("relu1_1", "relu2_1", "relu3_1"), 2.5),
    **dict.fromkeys(ghiasi2017.STYLE_LAYERS, 1 / len(ghiasi2017.SIZES)),
}
"""Share of each layer's Gram distance in the style: much of the finest, so that contrast is kept."""


def tuned() -> Recipe:
    """0.2 content + 1.2 transport at three sizes + 0.6 style, also at three sizes + total variation + weave."""
    return Recipe(
        perceptual=0.2 * losses.content("relu4_1", normalized=True)
        + 1.2 * losses.transport(*PLACE_LAYERS, sizes=SIZES)
        + 0.6 * losses.style(*STYLE_SHARES, shares=list(STYLE_SHARES.values()), pooled=True)
        + 1.0 * losses.total_variation()
        + 1.0 * losses.weave(),
        # Here style, which they work against, counts a tenth as much as in liu2019.
        semantics={name: 0.1 * kept for name, kept in liu2019.semantics().items()},
        learning_rate=johnson2016.LEARNING_RATE,
    )
