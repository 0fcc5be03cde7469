"""The papers' terms: what each measures, against which role, with which distance.

Each function returns a `Loss` of one term with weight 1. By default distances have no unit (see `relative_squared`);
the papers' own distances are options.
"""

from collections.abc import Callable, Sequence

from keras import ops

from keras_nst.losses.algebra import Loss, Measurement, Term, averaged, joined
from keras_nst.losses.functional import (
    chroma,
    coarse,
    cross_entropy,
    gram_product,
    hypercolumns,
    instance_normalized,
    luma,
    mean_squared,
    periodic_share,
    relative_squared,
    salience,
    soft_edges,
    squared_difference,
    squared_variation,
    surrounding,
    unit_vectors,
    weighted_mean,
)
from keras_nst.losses.statistics import Statistic, gram

# Of a painting and of a collection, that `transport` compares. STROTSS draws as many of a painting.
_PLACES, _MOST_PLACES = 1024, 8192

GRID = "relu3_1"
"""A layer with a quarter of the picture's height and width, as hypercolumns have."""


def _probes(layers: Sequence[str], region: int | None) -> tuple[str, ...]:
    """Probes of the VGG features at `layers`, followed by those of the region's weights at each layer."""
    weights = () if region is None else (f"region{region}/{layer}" for layer in layers)
    return (*(f"vgg/{layer}" for layer in layers), *weights)


def _features_and_weights(observed: Sequence, layers: Sequence[str]) -> tuple[Sequence, Sequence]:
    """Split the values of `_probes` into features and weights; the weights are None if there is no region."""
    return observed[: len(layers)], observed[len(layers) :] or [None] * len(layers)


def content(
    *layers: str, relative: bool = True, unit: float = 1.0, normalized: bool = False, region: int | None = None
) -> Loss:
    """Distance of the output's VGG features from the content image's, summed over `layers`.

    Args:
        *layers: VGG layers, such as "relu3_3".
        relative: Whether to divide by the mean square of the content's features, so that the distance has no unit and
            one weight serves all layers and networks.
        unit: What the features are divided by if the distance is not relative.
        normalized: Whether to compare features after `instance_normalized`. A style may then change brightness and
            contrast at no cost; only structure counts.
        region: Number of the region; see `style`.

    Source: Liu et al. 2019, eq. (2); for the normalization Huang & Belongie 2017, section 5.
    Differs from the source: the papers' distance is not `relative`.
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
        *layers: VGG layers, such as "relu1_2" and "relu2_2".
        statistic: One of `statistics`; None for Gram matrices.
        shares: The weight of each layer's distance in the sum; None for 1 each.
        pooled: Whether to average the statistic over all crops of the batch that share a painting. A crop of a painting
            differs from the painting's average: forcing every crop of the result to that average gives an even weave.
        region: Number of the region, 0 for everything that is restyled; None for the whole picture. The scene gives the
            weights of a region's positions at each layer, such as "region1/relu1_2", which sum to 1. Region k > 0 is
            compared with the role "style<k>", region 0 and the whole picture with "style".

    Source: Liu et al. 2019, eqs. (3) and (4); for regions Chen & Hsu 2016.
    Differs from the source: each layer's distance is divided by the squared norm of the style's Gram matrix, so that
    all layers and paintings count equally.
    """
    statistic = statistic or gram()
    factors = shares or [1.0] * len(layers)

    def measured(*observed):
        return tuple(map(statistic.measure, *_features_and_weights(observed, layers)))

    def distance(output, target):
        return sum(share * statistic.distance(*pair) for share, *pair in zip(factors, output, target, strict=True))

    role = f"style{region or ''}"
    measurement = Measurement(_probes(layers, region), measured)
    term = Term(role, distance, measurement, role, additive="statistic", pooled=averaged if pooled else None)
    return Loss(((1.0, term),))


def patch_style(*layers: str, side: int = 3, region: int = 0) -> Loss:
    """Distance of each patch's Gram matrix from that of a patch of the style image, summed over `layers`.

    Args:
        *layers: VGG layers, such as "relu3_1".
        side: Side of the patches in positions, odd.
        region: Number of the region; see `style`. The scene has the patches of the style image that the output's are
            compared with, such as "patches/relu3_1", (batch, h, w, side^2 channels).

    Source: Zhou, section 3.3.2.
    Differs from the source: a mean over patches, not a sum, divided by the mean squared norm of the style's Gram
    matrices. The nearest patches are given, and not found anew for each output.
    """

    def shaped(patches):
        *place, size = patches.shape
        return ops.reshape(ops.cast(patches, "float32"), (*place, side**2, size // side**2))

    def measured(*given):
        norms = [gram_product(shaped(patches), shaped(patches)) for patches in given]
        sizes = [
            ops.sum(norm, axis=(1, 2, 3)) / (ops.sum(ops.cast(norm > 0, "float32"), axis=(1, 2, 3)) + 1e-12)
            for norm in norms
        ]
        return tuple(zip(given, norms, sizes, strict=True))

    def distance(output, target):
        total = 0
        for features, weights, (nearest, norms, size) in zip(
            *_features_and_weights(output, layers), target, strict=True
        ):
            own, theirs = surrounding(features, side), shaped(nearest)
            apart = gram_product(own, own) - 2 * gram_product(own, theirs) + norms
            total += weighted_mean(apart, weights) / (size + 1e-12)
        return total

    output = Measurement(_probes(layers, region), lambda *observed: observed)
    target = Measurement(tuple(f"patches/{layer}" for layer in layers), measured)
    return Loss(((1.0, Term("style", distance, output, "style", target, additive="distance")),))


def match(*layers: str, region: int | None = None) -> Loss:
    """Distance of the output's features at each place from those of the place in the style image that it matches.

    The distance of two places is 1 - the cosine of their hypercolumns, minus the style's mean: from 0 to 2.

    Args:
        *layers: VGG layers, the first of block 1. At each place their features are taken together (`hypercolumns`).
        region: Number of the region; see `style`. The matches are those of the role "match", or "match<k>" for a
            region k > 0: "columns" (places, channels), centered, of length 1; "mean" (1, channels); and "places"
            (1, h, w, 1), the row of "columns" for each place of the output (see `keras_nst.fit.matching`).

    Source: Kolkin et al. 2022, "Neural Neighbor Style Transfer".
    Differs from the source: the matches are those found at the start of a scale.
    """
    role = f"match{region or ''}"
    weights = () if region is None else (f"region{region}/{GRID}",)

    def measured(*observed):
        return (hypercolumns(observed[: len(layers)]), *observed[len(layers) :])

    def distance(output, target):
        (found, *counted), (places, columns, mean) = output, target
        wanted = ops.take(columns, ops.cast(places[..., 0], "int32"), axis=0)
        cosine = ops.sum(unit_vectors(found - mean[:, None, None]) * wanted, axis=-1, keepdims=True)
        return weighted_mean(1 - cosine, *counted)

    output = Measurement((*(f"vgg/{layer}" for layer in layers), *weights), measured)
    target = Measurement(("places", "columns", "mean"), lambda *given: given)
    return Loss(((1.0, Term(role, distance, output, role, target, additive="distance")),))


def transport(*layers: str, sizes: Sequence[int] = (1,)) -> Loss:
    """Relaxed earth mover's distance of the output from the style image, as sets of places; the mean over `sizes`.

    Each place of the output should look like some place of the painting, and each place of the painting should be
    used: the mean distance from the nearest place of the other is taken both ways, and the larger one counts. The
    distance of two places is 1 - the cosine of their hypercolumns, minus the style's mean: from 0 to 2. The places are
    a grid of an eighth of the picture's height and width. All crops of a batch that share a painting are one set, and
    so are all paintings of a collection. At most 1,024 places of a painting are used and 8,192 of a collection, evenly
    spread. They are kept, and the nearest ones found, in the dtype of the features; distances are float32.

    Args:
        *layers: VGG layers, the first of block 1. At each place their features are taken together (`hypercolumns`).
        sizes: What the pictures' sides are divided by before they are measured: 2 for half the size, where a place
            sees twice as far.

    Source: Kolkin et al. 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity" (STROTSS).
    Differs from the source: the features are averages over a grid, not values at random places.
    """

    def measured(*observed):
        steps = range(0, len(observed), len(layers))
        grids = (coarse(hypercolumns(observed[begin : begin + len(layers)]), 2) for begin in steps)
        places = (ops.reshape(grid, (grid.shape[0], -1, grid.shape[-1])) for grid in grids)
        return tuple(ops.cast(each, observed[0].dtype) for each in places)

    def offered(*observed):
        return tuple(_thinned(places, _PLACES) for places in measured(*observed))

    def apart(found, offered):
        dtype, offered = found.dtype, ops.cast(_thinned(offered, _MOST_PLACES), "float32")
        mean = ops.mean(offered, axis=1, keepdims=True)
        found, offered = unit_vectors(ops.cast(found, "float32") - mean), unit_vectors(offered - mean)
        # Only the distances from the nearest places have a gradient.
        both = ops.stop_gradient(found), ops.swapaxes(offered, 1, 2)
        cosines = ops.matmul(*(ops.cast(places, dtype) for places in both))
        nearest, used = (ops.argmax(cosines, axis=axis)[..., None] for axis in (2, 1))
        there = ops.sum(found * ops.take_along_axis(offered, nearest, axis=1), axis=-1)
        back = ops.sum(ops.take_along_axis(found, used, axis=1) * offered, axis=-1)
        return 1 - ops.minimum(ops.mean(there, axis=1), ops.mean(back, axis=1))

    def distance(output, target):
        return sum(map(apart, output, target)) / len(sizes)

    probes = tuple(f"vgg/{layer}" if size == 1 else f"vgg/{layer}@{size}" for size in sizes for layer in layers)
    output, target = Measurement(probes, measured), Measurement(probes, offered)
    return Loss(((1.0, Term("transport", distance, output, "style", target, pooled=joined)),))


def _thinned(places, most: int):
    """At most so many places (batch, places, channels), evenly spread."""
    return places[:, :: -(-places.shape[1] // most)]


def _top_class(logits):
    """The class with the largest logit, one-hot (batch, classes)."""
    return ops.one_hot(ops.argmax(ops.stop_gradient(logits), axis=-1), logits.shape[-1])


def _map_of(maps, one_hot):
    """The activation map (batch, h, w) of each item's class."""
    return ops.sum(maps * one_hot[:, None, None], axis=-1)


def cam(*, distance: Callable = relative_squared, own_class: bool = False) -> Loss:
    """Distance of the output's class activation map from the content's.

    Args:
        distance: Function of two maps (batch, h, w) to (batch,). The paper uses `mean_squared`.
        own_class: Whether each map is for the top class of its own picture, as in the paper; otherwise both are for the
            content's. While the classes differ, the maps show different things, and the distance hardly decreases: the
            paper's reason for the category loss (figure 8).

    Source: Liu et al. 2019, eq. (7).
    Differs from the source: the distance is divided by the mean square of the content's map.
    """

    def of_top_class(maps, logits):
        one_hot = _top_class(logits)
        return _map_of(maps, one_hot), one_hot

    def compared(output, target):
        (maps, *own), (wanted, one_hot) = output, target
        return distance(_map_of(maps, *own or [one_hot]), wanted)

    def with_own(maps, logits):
        return maps, _top_class(logits)

    target = Measurement(("cam/maps", "cam/logits"), of_top_class)
    own = Measurement(target.probes, with_own)
    output = own if own_class else Measurement(("cam/maps",), lambda maps: (maps,))
    return Loss(((1.0, Term("cam", compared, output, "content", target)),))


def category() -> Loss:
    """Cross-entropy of the output's classification against the content's top class.

    Source: Liu et al. 2019, eq. (8).
    Differs from the source: see `cross_entropy`.
    """
    output = Measurement(("cam/logits",), lambda logits: (logits,))
    target = Measurement(("cam/logits",), lambda logits: (_top_class(logits),))
    return Loss(
        ((1.0, Term("category", lambda output, target: cross_entropy(*output, *target), output, "content", target)),)
    )


def edge() -> Loss:
    """Mean squared difference of the output's soft edges from the content's (see `soft_edges`).

    It is not relative to the content's edges, since a photograph may have none.
    """
    edges = Measurement(("image",), lambda image: (soft_edges(image),))
    return Loss(((1.0, Term("edge", lambda output, target: mean_squared(*output, *target), edges, "content")),))


def color(*, brightness: bool = False, block: int = 16) -> Loss:
    """Mean squared difference of the output's block colors from the content's (see `coarse`).

    It is not relative to the content's colors, since a photograph may be gray.

    Args:
        brightness: Whether to compare RGB. Otherwise only chroma is compared, and brightness may change at no cost.
        block: Side of the blocks in pixels; smaller detail may change at no cost.
    """
    colors = Measurement(("image",), lambda image: (coarse(image if brightness else chroma(image), block),))
    return Loss(((1.0, Term("color", lambda output, target: mean_squared(*output, *target), colors, "content")),))


def light(*, block: int = 16, least: float = 0.05) -> Loss:
    """Mean squared difference of the output's light and shade from the content's: what is dark should stay dark.

    Light and shade are the luma, averaged over blocks, less its mean, divided by its deviation: between 0, if they
    agree, and 4, if they are exchanged. A picture that as a whole becomes lighter, or of less contrast, costs nothing.

    Args:
        block: Side of the blocks in pixels; smaller detail may change at no cost.
        least: Deviation of the luma below which an area counts as plain.
    """

    def shade(image):
        blocks = coarse(luma(image), block)
        mean, variance = ops.moments(blocks, axes=(1, 2), keepdims=True)
        return ((blocks - mean) * ops.rsqrt(variance + least**2),)

    shades = Measurement(("image",), shade)
    return Loss(((1.0, Term("light", lambda output, target: mean_squared(*output, *target), shades, "content")),))


def subject(*layers: str, elsewhere: float = 0.01) -> Loss:
    """Distance of the subject's normalized VGG features from those in the content image, summed over `layers`.

    A place counts by its `salience` in the content image's map of the subject, its probe "subject". The features
    are normalized over the subject (`instance_normalized`): its structure counts, while its brightness and contrast may
    change at no cost, and so may everything around it.

    Args:
        *layers: VGG layers, such as "relu3_1".
        elsewhere: What a place elsewhere counts beside 1 for the subject's, so that a picture without a subject has no
            cost, and one with a tiny subject little.

    Source: the masked content of Li et al. 2020, eqs. (4) and (5).
    Differs from the source: only the subject counts, whatever its size, and features are normalized.
    """

    def seen(map, features):
        share = salience(map, features)
        total = ops.sum(share + elsewhere, axis=(1, 2), keepdims=True)
        weights = (share + elsewhere) / total
        return instance_normalized(features, weights), weights, share / total

    def measured(map, *features):
        return tuple(seen(map, each) for each in features)

    def distance(output, target):
        return sum(
            weighted_mean(squared_difference(instance_normalized(features, weights), kept), counted)
            for features, (kept, weights, counted) in zip(output, target, strict=True)
        )

    probes = tuple(f"vgg/{layer}" for layer in layers)
    output = Measurement(probes, lambda *features: features)
    target = Measurement(("subject", *probes), measured)
    return Loss(((1.0, Term("subject", distance, output, "content", target)),))


def total_variation(*, variation: Callable = squared_variation, region: int | None = None) -> Loss:
    """Total variation of the output: the difference of neighboring pixels.

    Args:
        variation: `squared_variation`, or `absolute_variation` as in Jin 2020.
        region: Number of the region; see `style`.

    Source: Johnson et al. 2016, section 3.2.
    Differs from the source: see `squared_variation`.
    """
    probes = ("image",) if region is None else ("image", f"region{region}/image")
    measured = Measurement(probes, lambda *observed: observed)
    return Loss(((1.0, Term("tv", lambda output: variation(*output), measured, additive="distance")),))


def weave(*, period: int = 4) -> Loss:
    """Share of the output's variance that repeats every few pixels (see `periodic_share`).

    A net paints plain areas with what its up-sampling repeats, an even hatch. The features of VGG hardly see it, since
    their pooling repeats alike.

    Args:
        period: In pixels; that of a net with features at a quarter of the size is 4.
    """
    image = Measurement(("image",), lambda image: (image,))
    return Loss(((1.0, Term("weave", lambda output: periodic_share(*output, period), image)),))
