"""Liu et al. 2019: Image neural style transfer with preserving the salient regions.

The loss is lambda1 (mu1 content + mu2 style) + lambda2 (cam + epsilon category), eqs. (5), (9) and (10). The paper
gives mu1 1, mu2 20 and epsilon 40, and leaves the lambdas open; its published code has content 1, style 20, cam 80 and
category 10000. Those weigh means over features of one SqueezeNet and one VGG, in their units. The distances here have
no unit, so the tuned weights are others: what is kept costs style, and with these a net of The Starry Night comes as
near to the painting as Johnson's with his, so that the subject is not bought with less style. Other paintings need more
(docs/results.md).

The paper keeps one semantic and leaves several at once open: here each is one more term.
"""

import dataclasses

from keras_nst import losses
from keras_nst.losses.functional import mean_squared
from keras_nst.recipes import johnson2016
from keras_nst.recipes.kinds import Recipe


def semantics() -> dict[str, losses.Loss]:
    """What can be kept of the photograph: the region loss of eq. (9), its edges, its colors."""
    return {
        "cam": 2.0 * losses.cam() + 0.5 * losses.category(),
        "edge": 100.0 * losses.edge(),
        "color": 200.0 * losses.color(),
    }


def tuned() -> Recipe:
    """Johnson's loss, with more style, and the region loss."""
    johnson = johnson2016.tuned()
    return dataclasses.replace(
        johnson, perceptual=johnson.perceptual.reweighted({"style": 26.0}), semantics=semantics(), kept=("cam",)
    )


def printed() -> Recipe:
    """lambda1 (content + 20 style) + lambda2 (cam + 40 category)."""
    johnson = johnson2016.printed()
    return dataclasses.replace(
        johnson,
        semantics={"cam": 1.0 * losses.cam(distance=mean_squared) + 40.0 * losses.category()},
        kept=("cam",),
        left_open=(*johnson.left_open, "lambda1 and lambda2: 1 and 1"),
    )
