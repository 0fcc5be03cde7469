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

from collections.abc import Mapping

from keras import ops

from keras_nst import losses

CONTENT_LAYER = "relu4_3"  # The paper's conv4_4 of VGG19 does not exist in VGG16.
WEIGHTS = {
    "adversarial": 1.0,
    "content": 0.25,
    "salient": 0.25,
    "saliency_content": 1.5,
    "saliency": 1.0,
    "color": 0.0,  # Not in the paper; as AnimeGAN's, against colors that go astray.
}
LEARNING_RATE = 2e-4
INITIAL_EPOCHS, EPOCHS = 10, 200
INITIAL_STEPS = 500


def loss(weights: Mapping[str, float] = WEIGHTS, game: str = "log") -> losses.Loss:
    """What generator and saliency net minimize, eq. (1); a term without weight is left out, with all only it needs."""
    terms = {
        "adversarial": losses.adversarial(game),
        "content": losses.absolute_content(CONTENT_LAYER),
        "salient": losses.absolute_content(CONTENT_LAYER, salient=True),
        "color": losses.color(brightness=True),
    }
    if weights["saliency"]:
        terms |= {"saliency_content": losses.saliency_content(), "saliency": losses.saliency()}
    return sum((weights[name] * term for name, term in terms.items() if weights[name]), start=losses.Loss(()))


def discrimination(game: str = "log") -> losses.Loss:
    """What the discriminator minimizes: eq. (3), negated, with its three kinds of samples."""
    samples = ("real", "blurred", "generated")
    return sum((losses.discrimination(sample, game) for sample in samples), start=losses.Loss(()))


def factors(step, steps: int) -> dict[str, object]:
    """What the weights of terms are multiplied by at a step of so many: eq. (9) and the initialization."""
    initial = max(steps * INITIAL_EPOCHS // (INITIAL_EPOCHS + EPOCHS), min(INITIAL_STEPS, steps // 4))
    epoch = (ops.cast(step, "int32") - initial) * EPOCHS // (steps - initial)
    begun = ops.cast(epoch >= 0, "float32")
    decay = 0.96 ** ops.cast(ops.maximum(epoch, 0) // 10, "float32")
    return {"adversarial": begun, "saliency_content": begun, "content": decay, "salient": decay}
