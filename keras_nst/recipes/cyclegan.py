"""Zhu et al. 2017: CycleGAN, as Li et al. 2020 compare with it.

A second generator leads from the collection back to photographs, and each is trained against a discriminator of its
own. A photograph that is painted and led back must be itself again.

Differs from the source: generators and discriminators are those of CartoonGAN (`models.sdp_gan`), so that the papers
are compared with equal nets, and both sides learn from the same forward pass. There is no buffer of earlier pictures.
"""

from collections.abc import Mapping

from keras_nst import losses
from keras_nst.fit.schedules import straight
from keras_nst.recipes.kinds import AdversarialRecipe


def tuned() -> AdversarialRecipe:
    """Eq. (3) with L_identity."""
    return AdversarialRecipe(
        generator=generator,
        discriminator=discriminator,
        factors=lambda step, steps, schedule: {"adversarial": 1.0},
        game="least-squares",
        cyclic=True,
        learning_rate=2e-4,
        schedule=straight,
    )


def generator(game: str, weights: Mapping[str, float] | None = None) -> losses.Loss:
    """The loss of one generator: L_GAN + 10 L_cyc + 5 L_identity.

    Source: Zhu et al. 2017, eq. (3), sections 4 and 5.2.
    """
    loss = 1.0 * losses.adversarial(game) + 10.0 * losses.cycle() + 5.0 * losses.identity()
    return loss.reweighted(weights or {})


def discriminator(game: str) -> losses.Loss:
    """The loss of one discriminator, divided by 2 as in section 7.1: it learns more slowly than the generators."""
    return 0.5 * losses.discrimination("real", game) + 0.5 * losses.discrimination("generated", game)
