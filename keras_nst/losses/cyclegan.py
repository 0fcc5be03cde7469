"""The terms of CycleGAN, Zhu et al. 2017: a picture that is translated and back is itself again."""

from keras_nst.losses.algebra import Loss, Measurement, Term
from keras_nst.losses.functional import mean_absolute

RESTORED, SAME, GIVEN = "restored", "same", "image"


def cycle() -> Loss:
    """L1 distance of a picture that was translated and back from the picture.

    Source: Zhu et al. 2017, eq. (2).
    """
    return _kept(RESTORED, "cycle")


def identity() -> Loss:
    """L1 distance of a picture that a generator made of one that already has its style from that picture.

    Source: Zhu et al. 2017, section 5.2, L_identity.
    """
    return _kept(SAME, "identity")


def _kept(probe: str, name: str) -> Loss:
    # The paper's pictures have the range -1 to 1, twice that of ours.
    output = Measurement((probe,), lambda image: (2.0 * image,))
    target = Measurement((GIVEN,), lambda image: (2.0 * image,))
    return Loss(((1.0, Term(name, lambda made, kept: mean_absolute(*made, *kept), output, "content", target)),))
