"""Li et al. 2020: SDP-GAN, from photographs to the style of a collection, the salient details kept.

The loss is L_GAN + w_con L_con + w_con_s L_con_s + w_sali L_sali, eq. (1). L_con is two terms here: "content", and
"salient", what the mask S''_m adds to it (see `absolute_content`). So each of the paper's ablations is a weight of 0:
salient is the mask, saliency_content is L_con_s; without saliency, L_sali, there is no saliency net, as in the paper:
the reference takes its place in the mask.

The paper initializes for 10 epochs with content and saliency alone and trains for 200 more, with a w_con that eq. (9)
lowers each 10. Here a training of any number of steps has these 210 epochs, each as many steps as they then are; but in
a short one, a generator that starts from noise would meet the discriminator before it can draw, and never learn to. So
the initialization has at least 500 steps, or a quarter of the training where that is less.
"""

import dataclasses
from collections.abc import Mapping

from keras import ops

from keras_nst import losses
from keras_nst.fit.schedules import halfway
from keras_nst.recipes.kinds import AdversarialRecipe

CONTENT_LAYER = "relu4_3"  # The paper's conv4_4 of VGG19 does not exist in VGG16.
INITIAL_EPOCHS, EPOCHS = 10, 200
INITIAL_STEPS = 500


def tuned() -> AdversarialRecipe:
    """Eq. (1), with a content distance that has no unit."""
    return AdversarialRecipe(
        generator=generator,
        discriminator=discriminator,
        factors=factors,
        learning_rate=2e-4,
        schedule=halfway,
    )


def printed() -> AdversarialRecipe:
    """Eq. (1) with the content distance of eq. (5)."""
    return dataclasses.replace(
        tuned(),
        generator=lambda game="log", weights=None: generator(game, weights, relative=False),
        left_open=(
            "the norm of eqs. (4) to (7): a mean over all elements",
            "the range of VGG's input: 0 to 255 minus the mean color, as it was trained",
            "the learning rate and its schedule: those of the published code",
        ),
    )


def generator(game: str = "log", weights: Mapping[str, float] | None = None, *, relative: bool = True) -> losses.Loss:
    """What generator and saliency net minimize, eq. (1).

    A term of weight 0 is left out, with all that only it needs. "color", of weight 0 unless it is given one, is not in
    the paper; as AnimeGAN's, it is against colors that go astray.

    Args:
        game: Of `keras_nst.losses.GAMES`.
        weights: Weights of terms that take the place of the paper's.
        relative: Whether content has no unit; the paper's has.

    Raises:
        InputError: The loss has no such term.
    """
    loss = (
        1.0 * losses.adversarial(game)
        + 0.25 * losses.absolute_content(CONTENT_LAYER, relative=relative)
        + 0.25 * losses.absolute_content(CONTENT_LAYER, salient=True, relative=relative)
        + 1.5 * losses.saliency_content()
        + 1.0 * losses.saliency()
        + 0.0 * losses.color(brightness=True)
    ).reweighted(weights or {})
    needless = {"saliency_content"} if not loss.weights["saliency"] else set()
    counted = (pair for pair in loss.terms if pair[0] and pair[1].name not in needless)
    return losses.Loss(tuple(counted))


def discriminator(game: str = "log") -> losses.Loss:
    """What the discriminator minimizes: eq. (3), negated, with its three kinds of samples."""
    samples = ("real", "blurred", "generated")
    return sum(losses.discrimination(sample, game) for sample in samples)


def factors(step, steps: int) -> dict[str, object]:
    """What the weights of terms are multiplied by at a step of so many: eq. (9) and the initialization."""
    initial = max(steps * INITIAL_EPOCHS // (INITIAL_EPOCHS + EPOCHS), min(INITIAL_STEPS, steps // 4))
    epoch = (ops.cast(step, "int32") - initial) * EPOCHS // (steps - initial)
    begun = ops.cast(epoch >= 0, "float32")
    decay = 0.96 ** ops.cast(ops.maximum(epoch, 0) // 10, "float32")
    return {"adversarial": begun, "saliency_content": begun, "content": decay, "salient": decay}
