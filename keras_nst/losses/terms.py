"""The papers' terms, each a row: what is measured, of which role, by which distance.

Each function returns a `Loss` of one term with weight 1. The default distances have no unit (see `relative_squared`);
the papers' own are passed as `distance`.
"""

from collections.abc import Callable, Sequence

from keras_nst.losses.algebra import Loss, Measurement, Term
from keras_nst.losses.functional import gram_matrix, relative_squared, squared_variation


def _summed(distance: Callable, shares: Sequence[float] | None = None) -> Callable:
    """The distance of two tuples: the sum over their places, each times its share."""

    def summed(output, target):
        factors = [1.0] * len(output) if shares is None else shares
        return sum(share * distance(*pair) for share, *pair in zip(factors, output, target, strict=True))

    return summed


def _vgg(layers: tuple[str, ...], statistic: Callable) -> Measurement:
    return Measurement(tuple(f"vgg/{layer}" for layer in layers), lambda *features: tuple(map(statistic, features)))


def content(*layers: str, distance: Callable = relative_squared) -> Loss:
    """Distance of the output's VGG features from the content image's, summed over `layers`.

    Args:
        *layers: VGG's taps, "relu3_3".
        distance: Of two feature maps (batch, h, w, channels), to (batch,). `mean_squared` is the paper's.

    Source: Liu et al. 2019, eq. (2). Differs from the source: divided by the mean square of the content's features.
    """
    return Loss(((1.0, Term("content", _summed(distance), _vgg(layers, lambda features: features), "content")),))


def style(*layers: str, shares: Sequence[float] | None = None, distance: Callable = relative_squared) -> Loss:
    """Distance of the Gram matrices of the output's VGG features from the style image's, summed over `layers`.

    Args:
        *layers: VGG's taps, "relu1_2", "relu2_2" ...
        shares: What each layer's distance is multiplied by in the sum; None for 1 each.
        distance: Of two Gram matrices (batch, channels, channels), to (batch,). `sum_squared` is the paper's.

    Source: Liu et al. 2019, eqs. (3) and (4). Differs from the source: each layer's distance is divided by the squared
    norm of the style's Gram, so that layers and paintings count alike.
    """
    return Loss(((1.0, Term("style", _summed(distance, shares), _vgg(layers, gram_matrix), "style")),))


def total_variation() -> Loss:
    """Roughness of the output: the mean squared difference of neighboring pixels.

    Source: Johnson et al. 2016, section 3.2. Differs from the source: see `squared_variation`.
    """
    image = Measurement(("image",), lambda image: (image,))
    return Loss(((1.0, Term("tv", lambda output: squared_variation(*output), image)),))
