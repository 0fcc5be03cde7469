"""Chen, Lai, Liu 2018: CartoonGAN, as Li et al. 2020 compare with it: SDP-GAN without saliency net and mask.

So it has SDP-GAN's weight of content, its decay and its initialization.
"""

from collections.abc import Mapping

from keras_nst import losses
from keras_nst.recipes.sdp_gan import CONTENT_LAYER, LEARNING_RATE, discrimination, factors  # noqa: F401  (the same)
from keras_nst.recipes.sdp_gan import WEIGHTS as _WEIGHTS

WEIGHTS = {term: _WEIGHTS[term] for term in ("adversarial", "content")}


def loss(weights: Mapping[str, float] = WEIGHTS) -> losses.Loss:
    """What the generator minimizes: L_GAN + w_con L_con."""
    return weights["adversarial"] * losses.adversarial() + weights["content"] * losses.absolute_content(CONTENT_LAYER)
