"""An object pasted into a painting, made to look painted there."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from keras_nst.errors import unknown
from keras_nst.fit import precision
from keras_nst.fit.optimizers import Progress, lbfgs
from keras_nst.fit.pixels import PixelObjective
from keras_nst.fit.tiles import ALIGNMENT, assemble, windows
from keras_nst.images.color import agreed_colors, luma, spread_changes
from keras_nst.images.masks import bounding_box, feather
from keras_nst.images.paste import check_object
from keras_nst.images.pyramid import finer, fit, sizes
from keras_nst.losses.patches import blocks, consistent, nearest_patches
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, stride, vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import HarmonizeOptions
from keras_nst.recipes import weights, zhou

QUALITIES = {"draft": (20, 0), "good": (24, 24), "best": (60, 60)}
"""Steps at the coarsest scale, and at each finer one."""

COARSEST = 300
"""Pixels of the painting's longer side that are worked on first, or up to twice as many."""

FEATHER = 2.0
"""Pixels on either side of the outline in which object and painting mix."""

UNLIKE = 60.0
"""Distance of colors, in units of CIELAB, that counts like features of which the cosine is lower by 1."""

TILE = 768
GRAY = 1 / 255


def harmonize(
    painting: np.ndarray,
    composite: np.ndarray,
    mask: np.ndarray,
    options: HarmonizeOptions | None = None,
    *,
    progress: Callable[[int, Progress], None] | None = None,
) -> np.ndarray:
    """Give a pasted object the colors and strokes of the painting.

    First the object takes colors of the painting: of those at the places that look most alike, the ones that parts of
    one color agree on. Then its pixels are optimized, coarse to fine, for the style of the places that match it. Only
    the object's surroundings go through the network again and again; the painting does so once a scale, in tiles.

    Args:
        painting: (1, h, w, 3) float32 in [0, 1].
        composite: The painting with the object, of the same shape.
        mask: Where the object is, (1, h, w, 1) in [0, 1].
        options: How.
        progress: Called after each step with the longest side of the scale, and where it stands, with the whole
            picture; it may raise StopIteration to end the scale.

    Returns:
        (1, h, w, 3) float32 in [0, 1]; where the feathered mask is 0 the painting bit for bit. On a gray painting the
        object is gray.

    Raises:
        InputError: The mask selects nothing or everything, or there is no such quality or weight.

    Source: Zhou, sections 3.3 and 4.2.2; `recipes.zhou` has what differs.
    """
    options = options or HarmonizeOptions()
    check_object(mask)
    if options.quality not in QUALITIES:
        raise unknown("quality", options.quality, QUALITIES)
    observer = Observer(
        vgg=vgg(
            zhou.STYLE_LAYERS,
            backbone=options.backbone,
            convolutions=vgg_weights(options.backbone, options.vgg_weights),
            dtype=precision.policy(options.mixed_precision),
        )
    )
    soft = feather(mask, FEATHER)
    if options.style_strength is None:
        options = dataclasses.replace(options, style_strength=fitting_strength(painting))
    first, others = QUALITIES[options.quality]
    scales = sizes(max(painting.shape[1:3]), COARSEST)
    pasted = np.where(soft > 0, composite, painting)
    if options.recolor:
        recolored = _recolored(observer, *(_at(scales[0], picture) for picture in (painting, pasted, mask)), pasted)
        pasted = pasted + min(1, 2 * options.style_strength) * mask * (recolored - pasted)
    image = coarser = None
    for side in scales:
        sized = _at(side, pasted)
        image = sized if image is None else finer(image, coarser, sized)
        steps = first if coarser is None else others
        if steps and options.style_strength:
            report = progress and functools.partial(progress, side)
            image = _restyled(observer, _at(side, painting), sized, fit(soft, sized), image, options, steps, report)
        coarser = sized
    if np.ptp(painting, axis=-1).max() <= GRAY:
        image = np.repeat(luma(image), 3, axis=-1)
    return np.where(soft > 0, painting + soft * (image - painting), painting)


def matched_style(
    observer: Observer,
    painting: np.ndarray,
    picture: np.ndarray,
    own: np.ndarray,
    *,
    everywhere: bool = False,
    by_color: bool = True,
    in_line: bool = True,
) -> dict[str, np.ndarray]:
    """What style is compared with, as if an observer had seen it: the painting's features at the places that match.

    Args:
        observer: With the network "vgg".
        painting: (1, h, w, 3) in [0, 1].
        picture: What is matched, (1, y, x, 3).
        own: Weights of its positions at `zhou.MATCHING_LAYER`; where they are 0 nothing is matched.
        everywhere: Whether all of the painting is taken, whatever matches.
        by_color: Whether places of another color match less.
        in_line: Whether matches are brought into line with their neighbors.

    Returns:
        Features (1, 1, n, channels) of each layer of style, and the weights of region 0 there. A place counts as often
        as it is matched.
    """
    layer = zhou.MATCHING_LAYER
    theirs = _features(observer, painting, zhou.STYLE_LAYERS)
    deepest = theirs[layer]
    if everywhere:
        matches = np.arange(deepest[..., 0].size)
    else:
        features = _features(observer, picture, [layer])[layer]
        positions = np.flatnonzero(own)
        looks = _means(painting, stride(layer))
        traits = None
        if by_color:
            colors = _means(picture, stride(layer)).reshape(-1, 3)[positions]
            traits = _lab(colors) / UNLIKE, _lab(looks.reshape(-1, 3)) / UNLIKE
        matches = nearest_patches(features, positions, deepest, traits)
        if in_line:
            matches = consistent(matches, positions, features.shape[2], looks)
    places, times = np.unique(matches, return_counts=True)
    style = {}
    for name, features in theirs.items():
        factor = stride(layer) // stride(name)
        rows, columns = blocks(places, deepest.shape[2], factor)
        counts = np.repeat(times, factor**2).reshape(1, 1, -1, 1)
        style[f"vgg/{name}"] = features[:, rows, columns][:, None]
        style[f"region0/{name}"] = np.float32(counts / counts.sum())
    return style


def surroundings(mask: np.ndarray, backbone: str = "vgg16") -> tuple[slice, slice]:
    """The part of a picture that the features of what is selected see, beginning where pooling does.

    Args:
        mask: (1, h, w, 1), not all zero.
        backbone: "vgg16" or "vgg19", whose features see more.

    Returns:
        Rows and columns.
    """

    def span(selected: slice, length: int) -> slice:
        halo = receptive_field(zhou.MATCHING_LAYER, backbone) // 2
        begin = max(0, selected.start - halo) // ALIGNMENT * ALIGNMENT
        return slice(begin, min(length, -(-(selected.stop + halo) // ALIGNMENT) * ALIGNMENT))

    return tuple(map(span, bounding_box(mask), mask.shape[1:3]))


def variation(painting: np.ndarray) -> float:
    """Median over the pixels of a painting (1, h, w, 3) of the mean squared difference from their neighbors."""
    down, right = np.diff(painting, axis=1)[:, :, :-1], np.diff(painting, axis=2)[:, :-1]
    return float(np.median(np.square(down).mean(axis=-1) + np.square(right).mean(axis=-1)) / 2)


def fitting_strength(painting: np.ndarray) -> float:
    """The strength of style that suits a painting: 0.5 for visible strokes, less for smooth surfaces, at least 0.3."""
    return 0.5 - 0.2 * math.exp(-variation(painting) / 1e-4)


def smoothness(painting: np.ndarray) -> float:
    """From 0 for a painting (1, h, w, 3) that is rough everywhere to 1 for one with smooth surfaces.

    Source: Luan et al. 2018, section 3.3, a tenth of their weight of total variation.
    """
    return 1 / (1 + math.exp(min(1e4 * variation(painting) - 25, 50)))


def _at(side: int, picture: np.ndarray) -> np.ndarray:
    height, width = (max(1, round(length * side / max(picture.shape[1:3]))) for length in picture.shape[1:3])
    return fit(picture, np.empty((1, height, width, 0)))


def _features(observer: Observer, picture: np.ndarray, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """VGG's features of a large picture, {layer: (1, h, w, channels)}, computed in tiles."""
    halo = max(receptive_field(layer, "vgg19") for layer in layers) // 2  # The larger of both networks'.
    probes = [f"vgg/{layer}" for layer in layers]
    parts = []
    for window in windows(*picture.shape[1:3], TILE, halo):
        observed = observer(window.crop(picture), probes)
        parts.append((window, {layer: np.asarray(observed[f"vgg/{layer}"], np.float32) for layer in layers}))
    return assemble(parts)


def _means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of `factor` pixels a side, (1, h, w, channels); what is left over at the end is dropped."""
    height, width = (length // factor for length in picture.shape[1:3])
    whole = picture[:, : height * factor, : width * factor]
    return whole.reshape(1, height, factor, width, factor, -1).mean(axis=(2, 4))


def _recolored(
    observer: Observer, painting: np.ndarray, pasted: np.ndarray, mask: np.ndarray, full: np.ndarray
) -> np.ndarray:
    """The composite `full` with colors of the painting under the mask, found at the scale of the other pictures."""
    layer = zhou.COLOR_LAYER
    rows, columns = surroundings(mask)
    window, inside = pasted[:, rows, columns], mask[:, rows, columns]
    theirs, own = (_features(observer, picture, [layer])[layer] for picture in (painting, window))
    factor = stride(layer)
    covered = _means(inside, factor)
    positions = np.flatnonzero(covered)
    places = np.stack(np.divmod(positions, own.shape[2]), axis=1)
    colors = _means(window * inside, factor).reshape(-1, 3)[positions] / covered.reshape(-1, 1)[positions]
    palette = _lab(_means(painting, factor).reshape(-1, 3))
    matches = nearest_patches(own, positions, theirs, (_lab(colors) / UNLIKE, palette / UNLIKE))
    agreed = _rgb(agreed_colors(_lab(colors), palette[matches], places))
    small, changes = np.zeros((2, *own.shape[1:3], 3), np.float32)
    small[places[:, 0], places[:, 1]], changes[places[:, 0], places[:, 1]] = colors, agreed - colors
    known = covered[0, ..., 0] > 0
    result = full.copy()
    # The same part of the large picture: of what the scale's size was rounded to, positions tell the shares.
    down, right = (large / few for large, few in zip(full.shape[1:3], pasted.shape[1:3], strict=True))
    down_to = slice(round(rows.start * down), round((rows.start + factor * own.shape[1]) * down))
    right_to = slice(round(columns.start * right), round((columns.start + factor * own.shape[2]) * right))
    result[:, down_to, right_to] = spread_changes(full[:, down_to, right_to], small, changes, known)
    return result


def _lab(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_RGB2LAB)[0]


def _rgb(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_LAB2RGB)[0]


def _restyled(
    observer: Observer,
    painting: np.ndarray,
    pasted: np.ndarray,
    mask: np.ndarray,
    start: np.ndarray,
    options: HarmonizeOptions,
    steps: int,
    report: Callable[[Progress], None] | None,
) -> np.ndarray:
    """The composite `pasted` after so many steps from a picture `start`, all at one scale."""
    here = slice(None), *surroundings(mask, options.backbone)
    pasted, mask = pasted[here], mask[here]
    chosen = weights("zhou", changed=options.weights)
    chosen["content"] *= (1 - options.style_strength) / options.style_strength
    chosen["color"] /= np.mean(mask > 0)  # It is a mean over all that is seen, and only the object differs.
    chosen["tv"] *= smoothness(painting)
    loss = zhou.loss(chosen)
    own = region_weights(mask, [*zhou.STYLE_LAYERS, "image"], backbone=options.backbone)
    regions = {f"region0/{layer}": counts for layer, counts in own.items()}
    objective = PixelObjective(loss, observer, pasted.shape[1:3], regions)
    style = matched_style(
        observer,
        painting,
        start[here],
        own[zhou.MATCHING_LAYER],
        everywhere=not options.matched,
        in_line=options.consistent,
    )
    objective.bind(objective.targets("content", pasted, regions) | loss.targets("style", style))

    def whole(part: np.ndarray) -> np.ndarray:
        result = start.copy()
        result[here] = part
        return result

    def step(now: Progress) -> None:
        report(now._replace(image=whole(now.image)))

    # On pixels: after as many steps in frequencies the style is a tenth further, for patches say what each pixel is.
    found = lbfgs(objective, start[here], mask > 0, iterations=steps, smoothing=0.0, progress=report and step)
    return whole(found)
