"""Chen, Lai, Liu 2018: CartoonGAN, as Li et al. 2020 compare with it: SDP-GAN without saliency net and mask.

Its content weight, learning rate, decay and initialization are those of SDP-GAN.
"""

import dataclasses
from collections.abc import Mapping

from keras_nst.errors import InputError
from keras_nst.losses import Loss
from keras_nst.recipes import sdp_gan
from keras_nst.recipes.kinds import AdversarialRecipe

TERMS = ("adversarial", "content", "color", "transport")


def tuned() -> AdversarialRecipe:
    """L_GAN + w_con L_con."""
    return dataclasses.replace(sdp_gan.tuned(), generator=generator)


def generator(
    game: str = "log", weights: Mapping[str, float] | None = None, layer: str = sdp_gan.CONTENT_LAYERS["vgg16"]
) -> Loss:
    """The generator's loss: SDP-GAN's without salient, saliency and saliency_content."""
    for term in weights or {}:
        if term not in TERMS:
            raise InputError(f"This loss has no {term} term: {', '.join(TERMS)}.")
    without = dict.fromkeys(("salient", "saliency", "saliency_content"), 0.0)
    return sdp_gan.generator(game, without | dict(weights or {}), layer)
