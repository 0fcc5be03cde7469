"""Restyle one picture by optimizing its pixels, coarse to fine."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.fit.pixels import PixelObjective, Progress, adam, lbfgs
from keras_nst.images.color import keep_color
from keras_nst.images.io import read
from keras_nst.images.picture import Picture, resize
from keras_nst.losses import blend
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, vgg
from keras_nst.models.weights import at_hand, vgg_weights
from keras_nst.options import PixelOptions
from keras_nst.recipes import recipe, weights


class Region(NamedTuple):
    """A part of the picture and what it shall look like.

    Attributes:
        styles: Paintings, each (1, h, w, 3) in [0, 1].
        shares: How much each counts.
        mask: The part of the picture, (1, H, W, 1) in [0, 1]; None for all of it.
        style_mask: The part of the (first) painting; None for all of it.
    """

    styles: Sequence[np.ndarray]
    shares: Sequence[float] = (1.0,)
    mask: np.ndarray | None = None
    style_mask: np.ndarray | None = None


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
        regions: What is to be restyled; outside of all masks the picture stays as it is, bit for bit.
        options: How.
        progress: Called after each step with the longest side of the scale, and where it stands.

    Returns:
        The picture, its longest side at most `options.end_size`, (1, h, w, 3) float32 in [0, 1].

    Raises:
        InputError: Options or masks that cannot be used.
    """
    options = settled(options)
    network = vgg(
        [*options.style_layers, *options.content_layers],
        backbone=options.backbone,
        convolutions=vgg_weights(options.backbone, options.vgg_weights),
        pooling=options.pooling,
    )
    numbers = [0] if len(regions) == 1 else list(range(1, len(regions) + 1))
    extra = {"statistic": options.statistic} if options.statistic else {}
    loss = recipe(options.recipe).loss(
        weights(options.recipe, changed=options.weights), options.content_layers, options.style_layers, numbers, **extra
    )
    full = resize(Picture(content), options.end_size).rgb
    image = None
    for side in sizes(max(full.shape[1:3]), options.start_size):
        sized = resize(Picture(full), side).rgb
        image = _start(options, sized) if image is None else _fit(image, sized)
        masks = [_fit_mask(region.mask, sized) for region in regions]
        everything = np.max(masks, axis=0)
        objective = PixelObjective(
            loss,
            Observer(vgg=network),
            sized.shape[1:3],
            _weights(options, loss.probes("output"), dict(zip(numbers, masks, strict=True)) | {0: everything}),
            tile=options.tile,
            halo=max(receptive_field(tap, options.backbone) for tap in network.output) // 2,
        )
        _bind(objective, sized, regions, numbers, everything, options)
        free = everything > 0
        step = progress and (lambda now, side=side: progress(side, now))
        if options.optimizer == "lbfgs":
            image = lbfgs(
                objective,
                np.where(free, image, sized),
                free,
                iterations=options.iterations,
                tolerance=options.least_improvement,
                progress=step,
            )
        else:
            image = adam(
                objective,
                np.where(free, image, sized),
                free,
                iterations=options.iterations,
                learning_rate=options.learning_rate,
                average=options.average,
                progress=step,
            )
    if options.color == "keep":
        image = keep_color(image, sized)
    # Soft masks fade; where a mask is 0 or 1 nothing is computed, so that pixels stay bit for bit.
    return np.where(everything == 1, image, np.where(free, sized + everything * (image - sized), sized))


def settled(options: PixelOptions) -> PixelOptions:
    """The options with the recipe's choices in place of None, checked against one another.

    Raises:
        InputError: They cannot be used together.
    """
    chosen = recipe(options.recipe)
    if options.statistic and "statistic" not in chosen.SETTINGS:
        raise InputError(f"The recipe {options.recipe} has Gram matrices only. Choose --recipe chen2016.")
    settings = {name: value for name, value in chosen.SETTINGS.items() if getattr(options, name) is None}
    if settings.get("backbone") == "vgg19" and not at_hand("vgg19", options.vgg_weights):
        settings["backbone"] = "vgg16"
    options = dataclasses.replace(options, **settings)
    return dataclasses.replace(
        options,
        content_layers=options.content_layers or chosen.CONTENT_LAYERS[options.backbone],
        style_layers=options.style_layers or chosen.STYLE_LAYERS,
        start_size=min(options.start_size, options.end_size),
    )


def sizes(end: int, start: int) -> list[int]:
    """Longest sides from coarse to fine, each half of the next, none below `start`."""
    halvings = int(math.log2(end / min(start, end)))
    return [round(end / 2**halving) for halving in range(halvings, -1, -1)]


def _start(options: PixelOptions, sized: np.ndarray) -> np.ndarray:
    if options.init == "content":
        return sized
    if options.init == "noise":
        return np.random.default_rng(options.seed).uniform(0, 1, sized.shape).astype(np.float32)
    return _fit(read(options.init).rgb, sized)


def _fit(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A picture, or a mask, in the size of another."""
    height, width = like.shape[1:3]
    interpolation = cv2.INTER_AREA if height < image.shape[1] else cv2.INTER_CUBIC
    sized = cv2.resize(image[0], (width, height), interpolation=interpolation)
    return np.clip(sized, 0, 1).reshape(1, height, width, image.shape[3])


def _bind(
    objective: PixelObjective,
    sized: np.ndarray,
    regions: Sequence[Region],
    numbers: Sequence[int],
    everything: np.ndarray,
    options: PixelOptions,
) -> None:
    """Measure what the picture is compared with at this size."""
    targets = objective.targets("content", sized, _weights(options, objective.loss.probes("content"), {0: everything}))
    for region, number in zip(regions, numbers, strict=True):
        role, parts = f"style{number or ''}", []
        for painting in region.styles:
            side = round(max(sized.shape[1:3]) * options.style_scale)
            fitted = resize(Picture(painting), side).rgb
            mask = _fit_mask(region.style_mask, fitted)
            weighted = _weights(options, objective.loss.probes(role), {number: mask})
            parts.append(objective.targets(role, fitted, weighted))
        total = sum(region.shares)
        targets |= blend(parts, [share / total for share in region.shares])
    objective.bind(targets)


def _fit_mask(mask: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones((*like.shape[:3], 1), np.float32) if mask is None else _fit(mask, like)


def _weights(options: PixelOptions, probes: Sequence[str], masks: Mapping[int, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights that a loss reads of masks, by the names of its probes."""
    found = {}
    for number, mask in masks.items():
        prefix = f"region{number}/"
        layers = [probe.removeprefix(prefix) for probe in probes if probe.startswith(prefix)]
        carried = region_weights(mask, layers, backbone=options.backbone, pooling=options.pooling, rule=options.rule)
        found |= {prefix + layer: weights for layer, weights in carried.items()}
    return found
