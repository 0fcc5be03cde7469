"""An object pasted into a painting, made to look painted there."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from keras import ops, tree

from keras_nst.errors import unknown
from keras_nst.fit import precision
from keras_nst.fit.optimizers import Progress, lbfgs
from keras_nst.fit.pixels import PixelObjective
from keras_nst.fit.tiles import ALIGNMENT, Window, assemble, windows
from keras_nst.images.color import agreed_colors, luma, spread_changes
from keras_nst.images.compositing import blend
from keras_nst.images.masks import bounding_box, feather
from keras_nst.images.paste import check_object
from keras_nst.images.pyramid import finer, fit, sizes
from keras_nst.losses import Loss
from keras_nst.losses.patches import SIDE, consistent, nearest_patches
from keras_nst.memory import check_memory
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

TILE = 512
# Estimates of what a run takes beyond what is loaded: at least, for each pixel of the painting, and for each around the
# object, by the precision.
FIXED_BYTES, PICTURE_BYTES = 700_000_000, 80
WINDOW_BYTES = {"off": 3000, "bfloat16": 2000}
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
            picture, which the next step changes; it may raise StopIteration to end the scale.

    Returns:
        (1, h, w, 3) float32 in [0, 1]; where the feathered mask is 0 the painting bit for bit. On a gray painting the
        object is gray.

    Raises:
        InputError: The mask selects nothing or everything, there is no such quality or weight, or too little memory.

    Source: Zhou, sections 3.3 and 4.2.2; `recipes.zhou` has what differs.
    """
    options = options or HarmonizeOptions()
    check_object(mask)
    if options.quality not in QUALITIES:
        raise unknown("quality", options.quality, QUALITIES)
    soft = feather(mask, FEATHER)
    check_size(soft, precision.settled(options.mixed_precision))
    observer = Observer(
        vgg=vgg(
            zhou.STYLE_LAYERS,
            backbone=options.backbone,
            convolutions=vgg_weights(options.backbone, options.vgg_weights),
            dtype=precision.policy(options.mixed_precision),
        )
    )
    if options.style_strength is None:
        options = dataclasses.replace(options, style_strength=fitting_strength(painting))
    first, others = QUALITIES[options.quality]
    scales = sizes(max(painting.shape[1:3]), COARSEST)
    pasted = np.where(soft > 0, composite, painting)
    if options.recolor:
        small = (_at(scales[0], picture) for picture in (painting, pasted, mask))
        here, recolored = _recolored(observer, *small, pasted)
        pasted[here] = blend(pasted[here], recolored, min(1, 2 * options.style_strength) * mask[here])
    image = coarser = None
    for side in scales:
        sized = _at(side, pasted)
        image = sized.copy() if image is None else finer(image, coarser, sized)
        steps = first if coarser is None else others
        if steps and options.style_strength:
            report = progress and functools.partial(progress, side)
            _restyle(observer, _at(side, painting), sized, _at(side, soft), image, options, steps, report)
        coarser = sized
    if np.ptp(painting, axis=-1).max() <= GRAY:
        image = np.repeat(luma(image), 3, axis=-1)
    result, here = painting.copy(), (slice(None), *bounding_box(soft))
    result[here] = blend(painting[here], image[here], soft[here])
    return result


def check_size(mask: np.ndarray, precision: str) -> None:
    """Refuse a picture that the memory at hand will not hold.

    Args:
        mask: Where the object is in it, (1, h, w, 1), not all zero.
        precision: "off" or "bfloat16".

    Raises:
        InputError: It will not.
    """
    size = mask.shape[1:3]
    around = math.prod(span.stop - span.start for span in surroundings(mask))
    needed = FIXED_BYTES + PICTURE_BYTES * math.prod(size) + WINDOW_BYTES[precision] * around
    check_memory(size, needed, lambda free: "Try a smaller painting, or a smaller object.")


def matched_style(
    loss: Loss,
    observer: Observer,
    painting: np.ndarray,
    picture: np.ndarray,
    own: np.ndarray,
    *,
    everywhere: bool = False,
    by_color: bool = True,
    in_line: bool = True,
) -> dict[str, Any]:
    """What style is compared with, as `Loss.targets` gives it: the painting's at the places that match.

    Args:
        loss: With the term of style.
        observer: With the network "vgg".
        painting: (1, h, w, 3) in [0, 1].
        picture: What is matched, (1, y, x, 3).
        own: Weights of its positions at `zhou.MATCHING_LAYER`; where they are 0 nothing is matched.
        everywhere: Whether all of the painting is taken, whatever matches.
        by_color: Whether places of another color match less.
        in_line: Whether matches are brought into line with their neighbors.
    """
    layer = zhou.MATCHING_LAYER
    looks = _means(painting, stride(layer))
    if everywhere:
        times = np.ones(looks[..., :1].shape, np.float32)
    else:
        features = _features(observer, picture, layer)
        positions = np.flatnonzero(own)
        colors = _means(picture, stride(layer)).reshape(-1, 3)[positions] if by_color else None
        matches = _matches(observer, layer, features, positions, painting, colors)
        if in_line:
            matches = consistent(matches, positions, features.shape[2], looks)
        times = np.bincount(matches, minlength=looks[..., 0].size).reshape(looks[..., :1].shape)
    # A place counts as often as it is matched, as a region of the painting would.
    regions = {f"region0/{name}": _counted(times, name, painting.shape[1:3]) for name in zhou.STYLE_LAYERS}
    probes = [probe for probe in loss.probes("style") if probe not in regions]
    parts = []
    for window in _windows(painting, layer):
        inside = window.weights(regions)
        if any(weights.any() for weights in inside.values()):
            targets = loss.targets("style", {**observer(window.crop(painting), probes), **inside})
            parts.append((window, tree.map_structure(ops.convert_to_numpy, targets)))
    return assemble(parts)


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
    if side == max(picture.shape[1:3]):
        return picture
    height, width = (max(1, round(length * side / max(picture.shape[1:3]))) for length in picture.shape[1:3])
    return fit(picture, np.empty((1, height, width, 0)))


def _windows(picture: np.ndarray, layer: str) -> list[Window]:
    """Windows in which a large picture goes through the network down to a layer, each patch of a core in one."""
    # The larger of both networks' fields.
    return windows(*picture.shape[1:3], TILE, receptive_field(layer, "vgg19") // 2 + SIDE // 2 * stride(layer))


def _features(observer: Observer, picture: np.ndarray, layer: str) -> np.ndarray:
    """VGG's features of a large picture, (1, h, w, channels) float32, computed in tiles."""
    probe, whole = f"vgg/{layer}", None
    for window in _windows(picture, layer):
        part = np.asarray(observer(window.crop(picture), [probe])[probe], np.float32)
        if whole is None:
            height, width = (side // stride(layer) for side in picture.shape[1:3])
            whole = np.empty((1, height, width, part.shape[-1]), np.float32)
        window.put(part, whole)
    return whole


def _matches(
    observer: Observer,
    layer: str,
    features: np.ndarray,
    positions: np.ndarray,
    painting: np.ndarray,
    colors: np.ndarray | None = None,
) -> np.ndarray:
    """Where a painting has the nearest patches of a layer, its features held one window at a time.

    Args:
        observer: With the network "vgg".
        layer: Of VGG.
        features: The layer's, of the picture that is matched.
        positions: Where the patches of `features` are, (n,).
        painting: (1, h, w, 3) in [0, 1].
        colors: Of the positions, (n, 3), where places of another color match less.

    Returns:
        Positions in the painting's features, (n,).
    """
    looks = _means(painting, stride(layer))
    numbers = np.arange(looks[..., 0].size).reshape(looks[..., :1].shape)
    traits = None
    found, best = np.zeros(len(positions), int), np.full(len(positions), -np.inf)
    for window in _windows(painting, layer):
        seen = window.crop(painting)
        if colors is not None:
            traits = tuple(_lab(each) / UNLIKE for each in (colors, window.crop(looks).reshape(-1, 3)))
        places = np.flatnonzero(window.weights({layer: np.ones(numbers.shape, bool)})[layer])
        theirs = _features(observer, seen, layer)
        nearest, likeness = nearest_patches(features, positions, theirs, traits, places=places)
        better = likeness > best
        found[better] = window.crop(numbers).ravel()[nearest[better]]
        best[better] = likeness[better]
    return found


def _counted(times: np.ndarray, layer: str, size: tuple[int, int]) -> np.ndarray:
    """How often places (1, h, w, 1) count, as weights of a finer layer of a picture of this size, summing to 1."""
    factor = stride(zhou.MATCHING_LAYER) // stride(layer)
    fine = np.repeat(np.repeat(np.float32(times / (times.sum() * factor**2)), factor, axis=1), factor, axis=2)
    missing = ((0, side // stride(layer) - have) for side, have in zip(size, fine.shape[1:3], strict=True))
    return np.pad(fine, ((0, 0), *missing, (0, 0)))


def _means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of `factor` pixels a side, (1, h, w, channels); what is left over at the end is dropped."""
    height, width = (length // factor for length in picture.shape[1:3])
    whole = picture[:, : height * factor, : width * factor]
    return whole.reshape(1, height, factor, width, factor, -1).mean(axis=(2, 4))


def _recolored(
    observer: Observer, painting: np.ndarray, pasted: np.ndarray, mask: np.ndarray, full: np.ndarray
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Where the object is in the composite `full`, and that with colors of the painting, found at the others' scale."""
    layer = zhou.COLOR_LAYER
    rows, columns = surroundings(mask)
    window, inside = pasted[:, rows, columns], mask[:, rows, columns]
    own, factor = _features(observer, window, layer), stride(layer)
    covered = _means(inside, factor)
    positions = np.flatnonzero(covered)
    places = np.stack(np.divmod(positions, own.shape[2]), axis=1)
    colors = _means(window * inside, factor).reshape(-1, 3)[positions] / covered.reshape(-1, 1)[positions]
    palette = _lab(_means(painting, factor).reshape(-1, 3))
    matches = _matches(observer, layer, own, positions, painting, colors)
    agreed = _rgb(agreed_colors(_lab(colors), palette[matches], places))
    small, changes = np.zeros((2, *own.shape[1:3], 3), np.float32)
    small[places[:, 0], places[:, 1]], changes[places[:, 0], places[:, 1]] = colors, agreed - colors
    known = covered[0, ..., 0] > 0
    # The same part of the large picture: of what the scale's size was rounded to, positions tell the shares.
    down, right = (large / few for large, few in zip(full.shape[1:3], pasted.shape[1:3], strict=True))
    down_to = slice(round(rows.start * down), round((rows.start + factor * own.shape[1]) * down))
    right_to = slice(round(columns.start * right), round((columns.start + factor * own.shape[2]) * right))
    here = slice(None), down_to, right_to
    return here, spread_changes(full[here], small, changes, known)


def _lab(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_RGB2LAB)[0]


def _rgb(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_LAB2RGB)[0]


def _restyle(
    observer: Observer,
    painting: np.ndarray,
    pasted: np.ndarray,
    mask: np.ndarray,
    image: np.ndarray,
    options: HarmonizeOptions,
    steps: int,
    report: Callable[[Progress], None] | None,
) -> None:
    """Take the object in `image`, the composite `pasted` as it is so far, so many steps on, all at one scale."""
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
        loss,
        observer,
        painting,
        image[here],
        own[zhou.MATCHING_LAYER],
        everywhere=not options.matched,
        in_line=options.consistent,
    )
    objective.bind(objective.targets("content", pasted, regions) | style)

    def step(now: Progress) -> None:
        image[here] = now.image
        report(now._replace(image=image))

    # On pixels: after as many steps in frequencies the style is a tenth further, for patches say what each pixel is.
    image[here] = lbfgs(objective, image[here], mask > 0, iterations=steps, smoothing=0.0, progress=report and step)
