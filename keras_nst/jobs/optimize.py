"""Restyle a picture by optimizing its pixels, coarse to fine."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
import numpy as np

from keras_nst.errors import InputError, unknown
from keras_nst.fields import changed
from keras_nst.fit import precision
from keras_nst.fit.matching import OWN_SHARE, Places, columns, matches
from keras_nst.fit.optimizers import Progress, adam, lbfgs
from keras_nst.fit.pixels import PixelObjective
from keras_nst.fit.tiles import ALIGNMENT
from keras_nst.losses import Loss, blend
from keras_nst.losses.terms import GRID
from keras_nst.memory import check_memory
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, vgg
from keras_nst.models.weights import at_hand, vgg_weights
from keras_nst.options import PixelOptions, Region
from keras_nst.pictures.color import palette, recolored, with_colors
from keras_nst.pictures.compositing import blend as mix
from keras_nst.pictures.io import MIN_SIDE, read
from keras_nst.pictures.picture import Picture, longest_side, resize
from keras_nst.pictures.pyramid import finer, fit, sizes
from keras_nst.recipes import recipe

# Steps that L-BFGS remembers, without and with tiles. Each takes two pictures in double precision, most of the memory
# of a run with tiles.
HISTORY, HISTORY_IN_TILES = 16, 5
# Estimated memory of a run: fixed, per pixel, per pixel if places are matched, per pixel and remembered step, and per
# pixel of a window by precision.
FIXED_BYTES, PICTURE_BYTES, MATCH_BYTES, STEP_BYTES = 1_500_000_000, 600, 600, 48
WINDOW_BYTES = {"off": 5400, "float16": 3400, "bfloat16": 3400}
LEAST_TILE = 256
QUALITIES = {"draft": 1 / 3, "good": 1, "best": 3}
"""Factors of the recipe's number of steps."""

OF_OTHERS = {"lbfgs": {"learning_rate", "average"}, "adam": {"least_improvement"}}
"""Options that an optimizer does not have."""

NARROWEST = 32  # Least shorter side of a shrunk painting, in pixels.


def optimize(
    content: np.ndarray,
    regions: Sequence[Region],
    options: PixelOptions,
    *,
    progress: Callable[[int, Progress], None] | None = None,
) -> np.ndarray:
    """Restyle a picture.

    Args:
        content: The photograph, (1, H, W, 3) float32 in [0, 1].
        regions: The regions to restyle. Outside their masks the picture is exactly unchanged.
        options: The options.
        progress: Called after each step with the longest side of the scale and the progress. It may raise StopIteration
            to end the scale.

    Returns:
        The picture, (1, h, w, 3) float32 in [0, 1], with a longest side of at most `options.end_size`. Partly selected
        pixels are fully restyled; `restyle` mixes them.

    Raises:
        InputError: An option or mask cannot be used.
    """
    options = settled(options)
    full = resize(Picture(content), options.end_size).rgb
    check_size(full.shape[1:3], options)
    # A single region is also region 0, everything that is restyled.
    numbered = dict(enumerate(regions, 0 if len(regions) == 1 else 1))
    loss = _loss(numbered, options)
    network = vgg(
        _layers(loss.probes("output")),
        backbone=options.backbone,
        convolutions=vgg_weights(options.backbone, options.vgg_weights),
        pooling=options.pooling,
        dtype=precision.policy(options.mixed_precision),
    )
    image = coarser = None
    for side in scales(content.shape[1:3], options):
        sized = resize(Picture(full), side).rgb
        masks = {number: _fit_mask(region.mask, sized) for number, region in numbered.items()}
        masks[0] = _fit_mask(coverage(regions), sized)
        free = masks[0] > 0
        start = _start(options, sized, numbered, masks) if image is None else finer(image, coarser, sized)
        objective = _objective(loss, sized, start, numbered, masks, network, options)
        report = progress and functools.partial(progress, side)
        image, coarser = _minimize(objective, np.where(free, start, sized), free, options, report), sized
    return np.where(free, with_colors(image, sized, options.color), sized)


def restyle(
    picture: Picture,
    regions: Sequence[Region],
    options: PixelOptions,
    *,
    progress: Callable[[int, Progress], None] | None = None,
) -> Picture:
    """Restyle a picture as `optimize` does, partly selected pixels in part, and keep its alpha.

    Args:
        picture: The photograph.
        regions: As in `optimize`.
        options: As in `optimize`.
        progress: As in `optimize`.

    Returns:
        The picture, with a longest side of at most `options.end_size`.

    Raises:
        InputError: As from `optimize`.
    """
    options = settled(options)
    rgb = optimize(picture.rgb, regions, options, progress=progress)
    if (covered := coverage(regions)) is not None:
        rgb = mix(resize(Picture(picture.rgb), options.end_size).rgb, rgb, fit(covered, rgb))
    return Picture(rgb, resize(picture, options.end_size).alpha)


def scales(size: tuple[int, int], options: PixelOptions) -> dict[int, int]:
    """Longest side and greatest number of steps of each scale, from coarse to fine.

    The shorter side has at least 16 pixels at the first scale, as the network needs, unless the end has less.

    Args:
        size: Height and width of the photograph.
        options: Options from `settled`.
    """
    start = max(options.start_size, longest_side(size, MIN_SIDE))
    return dict.fromkeys(sizes(min(max(size), options.end_size), start), options.iterations)


def coverage(regions: Sequence[Region]) -> np.ndarray | None:
    """The mask of all regions together, (1, H, W, 1) in [0, 1]; None for the whole picture."""
    masks = [region.mask for region in regions]
    return None if any(mask is None for mask in masks) else np.minimum(sum(masks), 1)


def _minimize(objective: PixelObjective, start: np.ndarray, free: np.ndarray, options: PixelOptions, report):
    if options.optimizer == "adam":
        return adam(
            objective,
            start,
            free,
            iterations=options.iterations,
            learning_rate=options.learning_rate,
            average=options.average,
            progress=report,
        )
    return lbfgs(
        objective,
        start,
        free,
        iterations=options.iterations,
        tolerance=options.least_improvement,
        history=HISTORY_IN_TILES if options.tile else HISTORY,
        progress=report,
    )


def _loss(regions: Iterable[int], options: PixelOptions) -> Loss:
    """The recipe's loss; all regions have the same weights."""
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    loss = chosen.loss(options.content_layers, options.style_layers, list(regions), options.statistic)
    return loss.reweighted({term: options.weights[term.rstrip("0123456789")] for term in loss.weights})


def _layers(probes: Iterable[str]) -> list[str]:
    """The layers of VGG among some probes."""
    return [probe.removeprefix("vgg/") for probe in probes if probe.startswith("vgg/")]


def _objective(
    loss: Loss,
    sized: np.ndarray,
    start: np.ndarray,
    regions: Mapping[int, Region],
    masks: Mapping[int, np.ndarray],
    network: keras.Model,
    options: PixelOptions,
) -> PixelObjective:
    """The loss for a picture of this size, bound to the photograph and the paintings."""
    observer = Observer(vgg=network)
    # High-order statistics also read the neighboring position.
    halo = max(receptive_field(tap, options.backbone) for tap in network.output) // 2 + ALIGNMENT
    own = _weights(options, loss.probes("output"), masks)
    objective = PixelObjective(loss, observer, sized.shape[1:3], own, tile=options.tile, halo=halo)
    targets = objective.targets("content", sized, _weights(options, loss.probes("content"), masks))
    paintings = {number: _fitted(region, sized, options) for number, region in regions.items()}
    for number, pairs in paintings.items():
        role, shares = f"style{number or ''}", regions[number].shares
        measured = [
            objective.targets(role, painting, _weights(options, loss.probes(role), {number: mask}))
            for painting, mask in pairs
        ]
        targets |= blend(measured, [share / sum(shares) for share in shares])
    matched = [term.output.probes for _, term in loss.terms if term.name.startswith("match")]
    if matched:
        seen = functools.partial(columns, observer, _layers(matched[0]), tile=options.tile, halo=halo)
        looks = seen(sized)  # In place from here on, to save memory.
        looks *= OWN_SHARE
        looks += (1 - OWN_SHARE) * seen(start)
        for number, pairs in paintings.items():
            offered = [Places(seen(painting), _counted(options, number, mask)) for painting, mask in pairs]
            own = Places(looks, _counted(options, number, masks[number]))
            targets |= loss.targets(f"match{number or ''}", matches(own, offered, regions[number].shares))
    objective.bind(targets)
    return objective


def _fitted(region: Region, sized: np.ndarray, options: PixelOptions) -> list[tuple[np.ndarray, np.ndarray]]:
    """The region's paintings at the size for a picture, with their masks."""
    pairs = []
    for painting in region.styles:
        least = longest_side(painting.shape[1:3], NARROWEST)
        longest = max(round(max(sized.shape[1:3]) * options.style_scale), least)
        fitted = resize(Picture(painting), longest).rgb
        pairs.append((fitted, _fit_mask(region.style_mask, fitted)))
    return pairs


def _counted(options: PixelOptions, number: int, mask: np.ndarray) -> np.ndarray:
    """Which places of a picture are in the region, (places,) boolean."""
    (weights,) = _weights(options, [f"region{number}/{GRID}"], {number: mask}).values()
    return weights.ravel() > 0


def settled(options: PixelOptions) -> PixelOptions:
    """Replace None in the options by the recipe's choices, and check them.

    Raises:
        InputError: The options cannot be used together.
    """
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    if options.statistic not in (None, *chosen.statistics):
        raise unknown(f"statistic of {options.recipe}", options.statistic, chosen.statistics)
    optimizer = options.optimizer or chosen.settings["optimizer"]
    for name in changed(options, PixelOptions):
        if name in OF_OTHERS[optimizer]:
            raise InputError(f"The optimizer {optimizer} has no `{name}`. Leave it out, or choose another `optimizer`.")
    settings = {
        name: value
        for name, value in chosen.settings.items()
        if getattr(options, name) is None and name not in OF_OTHERS[optimizer]
    }
    if settings.get("backbone") == "vgg19" and not at_hand("vgg19", options.vgg_weights):
        settings["backbone"] = "vgg16"
    if "iterations" in settings:
        settings["iterations"] = math.ceil(QUALITIES[options.quality] * settings["iterations"])
    options = dataclasses.replace(options, **settings)
    return dataclasses.replace(
        options,
        weights=chosen.loss().reweighted(options.weights).weights,
        statistic=options.statistic or chosen.statistics[0],
        content_layers=options.content_layers or chosen.content_layers[options.backbone],
        style_layers=options.style_layers or chosen.style_layers,
        start_size=min(options.start_size, options.end_size),
        mixed_precision=precision.settled(options.mixed_precision),
    )


def check_size(size: tuple[int, int], options: PixelOptions) -> None:
    """Check that there is enough memory for a picture.

    Args:
        size: Height and width.
        options: The options, settled. Adam remembers no steps, and not every recipe matches places.

    Raises:
        InputError: There is not enough memory; the message suggests a tile if one helps.
    """
    height, width = size
    window_bytes = WINDOW_BYTES[options.mixed_precision]
    window = min(height, options.tile or height) * min(width, options.tile or width)
    picture_bytes = PICTURE_BYTES + MATCH_BYTES * ("match" in options.weights)
    without, in_tiles = (
        FIXED_BYTES + height * width * (picture_bytes + STEP_BYTES * history * (options.optimizer == "lbfgs"))
        for history in (HISTORY, HISTORY_IN_TILES)
    )

    def advice(free: int) -> str:
        affordable = math.isqrt(max(0, free - in_tiles) // window_bytes) // ALIGNMENT * ALIGNMENT
        return f"Try a `tile` of {affordable}." if affordable >= LEAST_TILE else "Try a smaller `end_size`."

    check_memory(size, (in_tiles if options.tile else without) + window * window_bytes, advice)


def _start(
    options: PixelOptions, sized: np.ndarray, regions: Mapping[int, Region], masks: Mapping[int, np.ndarray]
) -> np.ndarray:
    if options.init == "content":
        return sized
    if options.init == "noise":
        return np.random.default_rng(options.seed).uniform(0, 1, sized.shape).astype(np.float32)
    if options.init == "recolored":
        start = sized
        for number, region in regions.items():
            paintings = [resize(Picture(painting), max(sized.shape[1:3])).rgb for painting in region.styles]
            mask = None if region.style_mask is None else fit(region.style_mask, paintings[0])
            own, wanted = palette([sized], mask=masks[number]), palette(paintings, region.shares, mask)
            start = mix(start, recolored(sized, own, wanted), masks[number])
        return start
    return fit(read(options.init).rgb, sized)


def _fit_mask(mask: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones((*like.shape[:3], 1), np.float32) if mask is None else fit(mask, like)


def _weights(options: PixelOptions, probes: Sequence[str], masks: Mapping[int, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of masks that the probes of a loss read, by probe."""
    found = {}
    for number, mask in masks.items():
        prefix = f"region{number}/"
        layers = [probe.removeprefix(prefix) for probe in probes if probe.startswith(prefix)]
        if not layers:
            continue
        carried = region_weights(
            mask, layers, backbone=options.backbone, pooling=options.pooling, rule=options.mask_rule
        )
        found |= {prefix + layer: weights for layer, weights in carried.items()}
    return found
