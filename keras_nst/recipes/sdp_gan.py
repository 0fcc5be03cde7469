"""Li et al. 2020: SDP-GAN, which gives photographs the style of a collection and keeps salient details.

The loss is L_GAN + w_con L_con + w_con_s L_con_s + w_sali L_sali, eq. (1). Here L_con is the sum of two terms:
"content", and "salient", which the mask S''_m adds (see `absolute_content`). So each ablation in the paper is a weight
of 0, of "salient" (the mask), "saliency_content" (L_con_s) or "saliency" (L_sali). Without "saliency" there is no
saliency net, as in the paper, and the mask is made from the reference map.

The paper's training has 10 epochs of initialization with only content and saliency, and then 200 epochs, in which eq.
(9) lowers w_con every 10. Here a training of any length is divided into these 210 epochs. But after a short
initialization from noise, a generator could not draw yet, and would never learn it from the discriminator. So the
initialization has at least 500 steps, or a quarter of the training if that is less.
"""

import dataclasses
import functools
from collections.abc import Mapping

from keras import ops

from keras_nst import losses
from keras_nst.fit.schedules import halfway
from keras_nst.recipes.kinds import AdversarialRecipe
from keras_nst.recipes.kolkin2019 import PLACE_LAYERS, SIZES

CONTENT_LAYERS = {"vgg16": "relu4_3", "vgg19": "relu4_4"}  # VGG16 does not have the paper's conv4_4 of VGG19.
INITIAL_EPOCHS, EPOCHS = 10, 200
INITIAL_STEPS = 500


def tuned() -> AdversarialRecipe:
    """Eq. (1), with a content distance that has no unit."""
    return AdversarialRecipe(
        generator=generator,
        content_layers=CONTENT_LAYERS,
        discriminator=discriminator,
        factors=factors,
        learning_rate=2e-4,
        schedule=halfway,
    )


def printed() -> AdversarialRecipe:
    """Eq. (1) with the content distance of eq. (5)."""
    return dataclasses.replace(
        tuned(),
        generator=functools.partial(generator, relative=False),
        left_open=(
            "the norm of eqs. (4) to (7): a mean over all elements",
            "the range of VGG's input: 0 to 255 minus the mean color, as it was trained",
            "the learning rate and its schedule: those of the published code",
        ),
    )


def generator(
    game: str = "log",
    weights: Mapping[str, float] | None = None,
    layer: str = CONTENT_LAYERS["vgg16"],
    *,
    relative: bool = True,
) -> losses.Loss:
    """The loss of generator and saliency net, eq. (1).

    A term with weight 0 is left out, with everything that only it needs. Two are not in the paper and have weight 0 by
    default: "color", like AnimeGAN's, prevents wrong colors; "transport", kolkin2019's, compares the places of a batch
    with those of the style's pictures in it, so that G paints before D has learned what to ask for.

    Args:
        game: One of `keras_nst.losses.GAMES`.
        weights: Weights that replace the paper's.
        layer: VGG layer of the content.
        relative: Whether the content distance has no unit; the paper's has one.

    Raises:
        InputError: The loss has no such term.
    """
    loss = (
        1.0 * losses.adversarial(game)
        + 0.25 * losses.absolute_content(layer, relative=relative)
        + 0.25 * losses.absolute_content(layer, salient=True, relative=relative)
        + 1.5 * losses.saliency_content()
        + 1.0 * losses.saliency()
        + 0.0 * losses.color(brightness=True)
        + 0.0 * losses.transport(*PLACE_LAYERS, sizes=SIZES)
    ).reweighted(weights or {})
    needless = {"saliency_content"} if not loss.weights["saliency"] else set()
    counted = (pair for pair in loss.terms if pair[0] and pair[1].name not in needless)
    return losses.Loss(tuple(counted))


def discriminator(game: str = "log") -> losses.Loss:
    """The discriminator's loss: eq. (3), negated, with its three kinds of samples."""
    samples = ("real", "blurred", "generated")
    return sum(losses.discrimination(sample, game) for sample in samples)


def factors(step, steps: int, schedule: str = "decay") -> dict[str, object]:
    """The factors of the weights at a step: the initialization and eq. (9).

    Args:
        step: The step, a tensor.
        steps: The number of steps of the training.
        schedule: "decay", eq. (9), or "fixed", with which figure 8 of the paper compares it.
    """
    initial = max(steps * INITIAL_EPOCHS // (INITIAL_EPOCHS + EPOCHS), min(INITIAL_STEPS, steps // 4))
    epoch = (ops.cast(step, "int32") - initial) * EPOCHS // (steps - initial)
    begun = ops.cast(epoch >= 0, "float32")
    rate = 0.96 if schedule == "decay" else 1.0
    decay = rate ** ops.cast(ops.maximum(epoch, 0) // 10, "float32")
    return {"adversarial": begun, "saliency_content": begun, "content": decay, "salient": decay}
