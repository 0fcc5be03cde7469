"""The papers' terms, each a row: what is measured, of which role, by which distance.

Each function returns a `Loss` of one term with weight 1. By default the distances have no unit (see
`relative_squared`); the papers' own are a choice.
"""

from collections.abc import Callable, Sequence

from keras import ops

from keras_nst.losses.algebra import Loss, Measurement, Term
from keras_nst.losses.functional import (
    chroma,
    coarse,
    cross_entropy,
    hinge,
    instance_normalized,
    least_squares,
    log_loss,
    mean_absolute,
    mean_squared,
    relative_squared,
    salience,
    signed,
    soft_edges,
    squared_difference,
    squared_variation,
    weighted_mean,
)
from keras_nst.losses.statistics import Statistic, gram


def _probes(layers: Sequence[str], region: int | None) -> tuple[str, ...]:
    """VGG's features, and behind them the weights of a region at each of them."""
    weights = () if region is None else (f"region{region}/{layer}" for layer in layers)
    return (*(f"vgg/{layer}" for layer in layers), *weights)


def _features_and_weights(observed: Sequence, layers: Sequence[str]) -> tuple[Sequence, Sequence]:
    """What `_probes` reads, with a None for each layer where there is no region."""
    return observed[: len(layers)], observed[len(layers) :] or [None] * len(layers)


def content(
    *layers: str, relative: bool = True, unit: float = 1.0, normalized: bool = False, region: int | None = None
) -> Loss:
    """Distance of the output's VGG features from the content image's, summed over `layers`.

    Args:
        *layers: VGG's taps, "relu3_3".
        relative: Whether to divide by the mean square of the content's features, so that the distance has no unit and
            one weight serves all layers and networks. The paper does not.
        unit: Of the features, where it is not relative: they are divided by it.
        normalized: Whether features are compared after `instance_normalized`, so that a style may change a picture's
            brightness and contrast at no cost, and what is left is its structure.
        region: Where; see `style`.

    Source: Liu et al. 2019, eq. (2); Huang & Belongie 2017, section 5, for the normalization. Differs from the source:
    `relative`.
    """

    def seen(*observed):
        features, weights = observed[: len(layers)], observed[len(layers) :]
        return (*map(instance_normalized, features), *weights) if normalized else observed

    def measured(*observed):
        features, weights = _features_and_weights(seen(*observed), layers)
        squares = (weighted_mean(squared_difference(f, 0), w) for f, w in zip(features, weights, strict=True))
        return tuple(features), tuple(squares)

    def distance(output, target):
        parts = zip(*_features_and_weights(output, layers), *target, strict=True)
        return sum(
            weighted_mean(squared_difference(f, kept), w) / (square + 1e-12 if relative else unit**2)
            for f, w, kept, square in parts
        )

    output = Measurement(_probes(layers, region), seen)
    target = Measurement(_probes(layers, region), measured)
    return Loss(((1.0, Term("content", distance, output, "content", target, additive="distance")),))


def style(
    *layers: str,
    statistic: Statistic | None = None,
    shares: Sequence[float] | None = None,
    pooled: bool = False,
    region: int | None = None,
) -> Loss:
    """Distance of a statistic of the output's VGG features from the style image's, summed over `layers`.

    Args:
        *layers: VGG's taps, "relu1_2", "relu2_2" ...
        statistic: From `statistics`; None for Gram matrices.
        shares: What each layer's distance is multiplied by in the sum; None for 1 each.
        pooled: Whether the statistic is that of all crops in a batch that share a painting, in place of each one's. A
            crop of a painting is not its average: where each crop of a result must be, the style is an even weave.
        region: Number of the region that it is about, 0 for all that is painted; None for the whole picture. Of a
            region, the scene gives the weights of its positions at each layer, "region1/relu1_2", summing to 1. Region
            k > 0 is compared with the role "style<k>", the others with "style".

    Source: Liu et al. 2019, eqs. (3) and (4); for regions Chen & Hsu 2016. Differs from the source: each layer's
    distance is divided by the squared norm of the style's Gram, so that layers and paintings count alike.
    """
    statistic = statistic or gram()
    factors = shares or [1.0] * len(layers)

    def measured(*observed):
        return tuple(map(statistic.measure, *_features_and_weights(observed, layers)))

    def distance(output, target):
        return sum(share * statistic.distance(*pair) for share, *pair in zip(factors, output, target, strict=True))

    role = f"style{region or ''}"
    measurement = Measurement(_probes(layers, region), measured)
    term = Term(role, distance, measurement, role, additive="statistic", pooled=pooled)
    return Loss(((1.0, term),))


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
    return Loss(
        ((1.0, Term("category", lambda output, target: cross_entropy(*output, *target), output, "content", target)),)
    )


def edge() -> Loss:
    """Mean squared difference of the output's soft edges from the content's (see `soft_edges`).

    Not divided by the content's, since a photograph may have no edge at all.
    """
    edges = Measurement(("image",), lambda image: (soft_edges(image),))
    return Loss(((1.0, Term("edge", lambda output, target: mean_squared(*output, *target), edges, "content")),))


def color(*, brightness: bool = False, block: int = 16) -> Loss:
    """Mean squared difference of the output's colors from the content's, without detail (see `coarse`).

    Not divided by the content's, since a photograph may be gray.

    Args:
        brightness: Whether RGB is compared; else chroma alone, so that light and shade are free.
        block: Side in pixels of what counts as detail.
    """
    colors = Measurement(("image",), lambda image: (coarse(image if brightness else chroma(image), block),))
    return Loss(((1.0, Term("color", lambda output, target: mean_squared(*output, *target), colors, "content")),))


def total_variation(*, variation: Callable = squared_variation, region: int | None = None) -> Loss:
    """Roughness of the output: the difference of neighboring pixels.

    Args:
        variation: `squared_variation`, or `absolute_variation` as in Jin 2020.
        region: Where; see `style`.

    Source: Johnson et al. 2016, section 3.2. Differs from the source: see `squared_variation`.
    """
    probes = ("image",) if region is None else ("image", f"region{region}/image")
    measured = Measurement(probes, lambda *observed: observed)
    return Loss(((1.0, Term("tv", lambda output: variation(*output), measured, additive="distance")),))


def absolute_content(layer: str, *, salient: bool = False, relative: bool = True) -> Loss:
    """L1 distance of the output's VGG features from the content image's.

    The paper multiplies features by a mask S''_m from 1 to 2. Here that is two rows: this one, "content", counts all
    positions once, and with `salient`, "salient" counts them S''_m - 1 times more. With one weight their sum is the
    paper's, and without the second it is the paper without the mask.

    Args:
        layer: VGG's tap, "relu4_3".
        salient: Whether positions count by how salient they are in the content image, by its map "saliency/map".
        relative: Whether to divide by the mean of the content's features, so that the distance has no unit. The paper
            does not.

    Source: Li et al. 2020, eqs. (4) and (5). Differs from the source: `relative`; the mask is a constant, since S could
    lower the loss by calling nothing salient.
    """

    def measured(features, *maps):
        features = ops.cast(features, "float32")
        return features, *(salience(map, features) for map in maps), ops.mean(ops.abs(features), axis=(1, 2, 3))

    def distance(output, target):
        (features,), (kept, *more, size) = output, target
        factor = more[0] if more else 1.0
        return mean_absolute(factor * features, factor * kept) / (size + 1e-12 if relative else 1.0)

    probe = f"vgg/{layer}"
    output = Measurement((probe,), lambda features: (ops.cast(features, "float32"),))
    target = Measurement((probe, "saliency/map") if salient else (probe,), measured)
    return Loss(((1.0, Term("salient" if salient else "content", distance, output, "content", target)),))


def saliency_content() -> Loss:
    """L1 distance of the output's saliency, as the net sees it, from the content's.

    Source: Li et al. 2020, eq. (6). Differs from the source: the content's is a constant, and the net that sees is
    frozen, as all that observes is.
    """
    seen = Measurement(("saliency/map",), lambda map: (map,))
    return Loss(
        ((1.0, Term("saliency_content", lambda output, target: mean_absolute(*output, *target), seen, "content")),)
    )


def saliency() -> Loss:
    """L1 distance of the map that the net gives of the photograph from the reference.

    Source: Li et al. 2020, eq. (7). Differs from the source: nothing.
    """
    given = Measurement(("map",), lambda map: (map,))
    return Loss(((1.0, Term("saliency", lambda output, target: mean_absolute(*output, *target), given, "reference")),))


GAMES = {"log": (log_loss, log_loss), "least-squares": (least_squares, least_squares), "hinge": (signed, hinge)}
"""How generator and discriminator play: what the one and the other minimize of the logits."""


def adversarial(game: str = "log") -> Loss:
    """What the generator loses where the discriminator sees through its output: -log D(G(x)).

    Args:
        game: Of `GAMES`.

    Source: Li et al. 2020, eq. (3). Differs from the source: log (1 - D(G(x))) has hardly a gradient where D is sure;
    this has the same minimum (Goodfellow et al. 2014, section 3).
    """
    loss, _ = GAMES[game]
    judged = Measurement(("discriminator/logits",), lambda logits: (logits,))
    return Loss(((1.0, Term("adversarial", lambda output: loss(*output, real=True), judged)),))


def discrimination(sample: str, game: str = "log") -> Loss:
    """What the discriminator loses on one kind of pictures.

    Args:
        sample: "real", the style's, where the loss is -log D; or "blurred", these without edges, or "generated", where
            it is -log (1 - D).
        game: Of `GAMES`.

    Source: Li et al. 2020, eq. (3). Differs from the source: nothing.
    """
    _, loss = GAMES[game]
    real = sample == "real"
    judged = Measurement((f"{sample}/logits",), lambda logits: (logits,))
    return Loss(((1.0, Term(sample, lambda output: loss(*output, real=real), judged)),))
