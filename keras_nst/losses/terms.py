"""The papers' terms, each a row: what is measured, of which role, by which distance.

Each function returns a `Loss` of one term with weight 1. The default distances have no unit (see `relative_squared`);
the papers' own are passed as `distance`.
"""

from collections.abc import Callable, Sequence

from keras import ops

from keras_nst.losses.algebra import Loss, Measurement, Term
from keras_nst.losses.functional import (
    coarse_chroma,
    cross_entropy,
    gram_matrix,
    mean_squared,
    relative_squared,
    soft_edges,
    squared_variation,
)


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


def _top_class(logits):
    """The class of the largest logit, one-hot (batch, classes)."""
    return ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1])


def _map_of(maps, one_hot):
    """The activation map (batch, h, w) of a class for each item."""
    return ops.sum(maps * one_hot[:, None, None], axis=-1)


def cam(*, distance: Callable = relative_squared) -> Loss:
    """Distance of the output's class activation map from the content's, both of the content's top class.

    Args:
        distance: Of two maps (batch, h, w), to (batch,). `mean_squared` is the paper's.

    Source: Liu et al. 2019, eq. (7). Differs from the source: divided by the mean square of the content's map. The
    published code takes the output's map of the output's own top class: while the two classes differ, so do the maps.
    """

    def of_top_class(maps, logits):
        one_hot = _top_class(logits)
        return _map_of(maps, one_hot), one_hot

    def compared(output, target):
        (maps,), (wanted, one_hot) = output, target
        return distance(_map_of(maps, one_hot), wanted)

    output = Measurement(("cam/maps",), lambda maps: (maps,))
    target = Measurement(("cam/maps", "cam/logits"), of_top_class)
    return Loss(((1.0, Term("cam", compared, output, "content", target)),))


def category() -> Loss:
    """Cross-entropy of the output's classification against the content's top class.

    Source: Liu et al. 2019, eq. (8). Differs from the source: see `cross_entropy`.
    """
    output = Measurement(("cam/logits",), lambda logits: (logits,))
    target = Measurement(("cam/logits",), lambda logits: (_top_class(logits),))
    return Loss(((1.0, Term("category", _summed(cross_entropy), output, "content", target)),))


def edge() -> Loss:
    """Mean squared difference of the output's soft edges from the content's (see `soft_edges`).

    Not divided by the content's, since a photograph may have no edge at all.
    """
    edges = Measurement(("image",), lambda image: (soft_edges(image),))
    return Loss(((1.0, Term("edge", _summed(mean_squared), edges, "content")),))


def color() -> Loss:
    """Mean squared difference of the output's coarse chroma from the content's (see `coarse_chroma`).

    Not divided by the content's, since a photograph may be gray.
    """
    chroma = Measurement(("image",), lambda image: (coarse_chroma(image),))
    return Loss(((1.0, Term("color", _summed(mean_squared), chroma, "content")),))


def total_variation() -> Loss:
    """Roughness of the output: the mean squared difference of neighboring pixels.

    Source: Johnson et al. 2016, section 3.2. Differs from the source: see `squared_variation`.
    """
    image = Measurement(("image",), lambda image: (image,))
    return Loss(((1.0, Term("tv", lambda output: squared_variation(*output), image)),))
