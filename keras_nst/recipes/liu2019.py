"""Liu et al. 2019: Image neural style transfer with preserving the salient regions.

The loss is lambda1 (mu1 content + mu2 style) + lambda2 (cam + epsilon category), eqs. (5), (9) and (10). The paper
gives mu1 1, mu2 20 and epsilon 40, and leaves the lambdas open; its published code has content 1, style 20, cam 80 and
category 10000. Those weigh means over features of one SqueezeNet and one VGG, in their units. The distances here have
no unit, so the default weights are others: what is kept costs style, and with these a net of The Starry Night comes as
near to the painting as Johnson's with his, so that the subject is not bought with less style. Other paintings need more
(docs/results.md).

The paper keeps one semantic and leaves several at once open: here each is one more term.
"""

from collections.abc import Mapping

from keras_nst import losses
from keras_nst.recipes import johnson2016

# What can be kept of the photograph, and by which terms of which weight.
SEMANTICS = {"cam": {"cam": 2.0, "category": 0.5}, "edge": {"edge": 100.0}, "color": {"color": 200.0}}
WEIGHTS = {**johnson2016.WEIGHTS, "style": 26.0, **SEMANTICS["cam"]}
# What lambda1 and lambda2 of eq. (10) multiply.
LAMBDAS = (tuple(johnson2016.WEIGHTS), tuple(term for terms in SEMANTICS.values() for term in terms))
LEARNING_RATE = johnson2016.LEARNING_RATE


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """The perceptual loss plus each semantic that has a weight."""
    return johnson2016.loss(weights) + kept(weights)


def kept(weights: Mapping[str, float]) -> losses.Loss:
    """The terms of the semantics that have a weight."""
    terms = {"cam": losses.cam, "category": losses.category, "edge": losses.edge, "color": losses.color}
    return sum((weights[name] * term() for name, term in terms.items() if name in weights), start=losses.Loss(()))
