"""Chen, Lai, Liu 2018: CartoonGAN, as Li et al. 2020 compare with it: SDP-GAN without saliency net and mask.

So it has SDP-GAN's weight of content, its decay and its initialization.
"""

from collections.abc import Mapping

from keras_nst.losses import Loss
from keras_nst.recipes import sdp_gan
from keras_nst.recipes.sdp_gan import LEARNING_RATE, discrimination, factors  # noqa: F401  (the same)

WEIGHTS = {term: sdp_gan.WEIGHTS[term] for term in ("adversarial", "content", "color")}


def loss(weights: Mapping[str, float] = WEIGHTS, game: str = "log") -> Loss:
    """What the generator minimizes: L_GAN + w_con L_con."""
    return sdp_gan.loss({**dict.fromkeys(sdp_gan.WEIGHTS, 0.0), **weights}, game)
