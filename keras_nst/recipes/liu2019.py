"""Liu et al. 2019: Image neural style transfer with preserving the salient regions.

The loss is lambda1 (mu1 content + mu2 style) + lambda2 (cam + epsilon category), eqs. (5), (9) and (10). In the paper
mu1 is 1, mu2 20 and epsilon 40, and the lambdas are left open; in the published code content is 1, style 20, cam 80 and
category 10000. Those weights are for means of features of one SqueezeNet and one VGG. Here distances have no unit, so
the tuned weights differ: keeping semantics costs style, and they are chosen such that a net of The Starry Night comes
as near to the painting as johnson2016. Other paintings need more style (docs/results.md).

The paper keeps one semantic and leaves several at once open. Here each is another term.
"""

import dataclasses

from keras_nst import losses
from keras_nst.losses.functional import mean_squared
from keras_nst.recipes import johnson2016
from keras_nst.recipes.kinds import Recipe


def semantics() -> dict[str, losses.Loss]:
    """What can be kept of the photograph: the region loss of eq. (9), edges, colors, light, a subject."""
    return {
        "cam": 2.0 * losses.cam() + 0.5 * losses.category(),
        "edge": 100.0 * losses.edge(),
        "color": 200.0 * losses.color(),
        "light": 3.0 * losses.light(),
        "subject": 2.5 * losses.subject("relu3_1", "relu4_1"),
    }


def tuned() -> Recipe:
    """Johnson's loss with more style, and the region loss."""
    johnson = johnson2016.tuned()
    return dataclasses.replace(
        johnson, perceptual=johnson.perceptual.reweighted({"style": 26.0}), semantics=semantics(), kept=("cam",)
    )


def printed() -> Recipe:
    """lambda1 (content + 20 style) + lambda2 (cam + 40 category), by SqueezeNet's maps of each picture's own class."""
    johnson = johnson2016.printed()
    return dataclasses.replace(
        johnson,
        semantics={"cam": 1.0 * losses.cam(distance=mean_squared, own_class=True) + 40.0 * losses.category()},
        kept=("cam",),
        classifier="squeezenet1_1",
        left_open=(*johnson.left_open, "lambda1 and lambda2: 1 and 1"),
    )
