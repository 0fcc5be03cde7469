"""The terms of SDP-GAN, Li et al. 2020: salient content, saliency maps, adversarial losses."""

from keras import ops

from keras_nst.losses.algebra import Loss, Measurement, Term
from keras_nst.losses.functional import hinge, hinge_generator, least_squares, log_loss, mean_absolute, salience


def absolute_content(layer: str, *, salient: bool = False, relative: bool = True) -> Loss:
    """L1 distance of the output's VGG features from the content image's.

    The paper multiplies the features by a mask S''_m from 1 to 2. Here this is the sum of two terms: "content" gives
    all positions the weight 1, and "salient" (with `salient`) gives them the weight S''_m - 1. With equal weights
    their sum is the paper's loss; "content" alone is the paper's loss without the mask.

    Args:
        layer: VGG layer, such as "relu4_3".
        salient: Whether to weight positions by their saliency in the content image, its probe "saliency/map".
        relative: Whether to divide by the mean of the content's features, so that the distance has no unit.

    Source: Li et al. 2020, eqs. (4) and (5).
    Differs from the source: the paper's distance is not `relative`. The mask is a constant, since the saliency net
    could otherwise lower the loss by calling nothing salient.
    """

    def measured(features, *maps):
        features = ops.cast(features, "float32")
        return features, *(salience(map, features) for map in maps), ops.mean(ops.abs(features), axis=(1, 2, 3))

    def distance(output, target):
        (features,), (kept, *extra, size) = output, target
        factor = extra[0] if extra else 1.0
        return mean_absolute(factor * features, factor * kept) / (size + 1e-12 if relative else 1.0)

    probe = f"vgg/{layer}"
    output = Measurement((probe,), lambda features: (ops.cast(features, "float32"),))
    target = Measurement((probe, "saliency/map") if salient else (probe,), measured)
    return Loss(((1.0, Term("salient" if salient else "content", distance, output, "content", target)),))


def saliency_content() -> Loss:
    """L1 distance of the output's saliency map from the content's.

    Source: Li et al. 2020, eq. (6).
    Differs from the source: the content's map is a constant, and the saliency net is frozen like every observer.
    """
    seen = Measurement(("saliency/map",), lambda map: (map,))
    return Loss(
        ((1.0, Term("saliency_content", lambda output, target: mean_absolute(*output, *target), seen, "content")),)
    )


def saliency() -> Loss:
    """L1 distance of the saliency net's map from the reference map of the photograph.

    Source: Li et al. 2020, eq. (7).
    """
    given = Measurement(("map",), lambda map: (map,))
    return Loss(((1.0, Term("saliency", lambda output, target: mean_absolute(*output, *target), given, "reference")),))


GAMES = {
    "log": (log_loss, log_loss),
    "least-squares": (least_squares, least_squares),
    "hinge": (hinge_generator, hinge),
}
"""Adversarial losses of the logits: the generator's, and the discriminator's."""


def adversarial(game: str = "log") -> Loss:
    """The generator's adversarial loss; for the game "log", -log D(G(x)).

    Args:
        game: One of `GAMES`.

    Source: Li et al. 2020, eq. (3).
    Differs from the source: the paper's log (1 - D(G(x))) has almost no gradient where D is sure. This loss has the
    same minimum (Goodfellow et al. 2014, section 3).
    """
    loss, _ = GAMES[game]
    judged = Measurement(("discriminator/logits",), lambda logits: (logits,))
    return Loss(((1.0, Term("adversarial", lambda output: loss(*output, real=True), judged)),))


def discrimination(sample: str, game: str = "log") -> Loss:
    """The discriminator's loss on one kind of picture.

    Args:
        sample: "real" for style pictures, with the loss -log D; "blurred" for style pictures without edges, or
            "generated", with the loss -log (1 - D). These are the losses of the game "log".
        game: One of `GAMES`.

    Source: Li et al. 2020, eq. (3).
    """
    _, loss = GAMES[game]
    real = sample == "real"
    judged = Measurement((f"{sample}/logits",), lambda logits: (logits,))
    return Loss(((1.0, Term(sample, lambda output: loss(*output, real=real), judged)),))
