"""Make an object that is pasted into a painting look painted."""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from keras_nst.fit import precision
from keras_nst.fit.optimizers import Progress, lbfgs
from keras_nst.fit.pixels import PixelObjective
from keras_nst.losses import Loss
from keras_nst.memory import check_memory
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import HarmonizeOptions
from keras_nst.pictures.color import luma
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.pyramid import finer, fit, sizes
from keras_nst.recipes import zhou
from keras_nst.recipes.zhou.coloring import recolored
from keras_nst.recipes.zhou.matching import MATCHING_LAYER, matched_style, nearest_patch_grams, surroundings
from keras_nst.recipes.zhou.strokes import fitting_strength
from keras_nst.select.masks import bounding_box
from keras_nst.select.matting import object_colors
from keras_nst.select.paste import outline

QUALITIES = {"draft": (20, 0), "good": (24, 24), "best": (60, 60)}
"""Steps at the coarsest scale, and at each finer one."""

COARSEST = 300
"""Longest side of the painting at the first scale, in pixels, or up to twice as much."""

# Estimated memory of a run: fixed, per pixel of the painting, and per pixel around the object by precision.
FIXED_BYTES, PICTURE_BYTES = 700_000_000, 60
FEATURES_BYTES = 64  # For patches the features of one layer of the whole painting are held, at most those of relu3_1.
WINDOW_BYTES = {"off": 5000, "bfloat16": 3500}
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

    First the object is recolored: each place takes a color from the places of the painting that look most similar, such
    that areas of one color keep one color. Then its pixels are optimized, coarse to fine, for the style of the places
    that match it. The network computes the object's surroundings at every step, and the painting once per scale, in
    tiles.

    Args:
        painting: (1, h, w, 3) float32 in [0, 1].
        composite: The painting with the object, of the same shape.
        mask: The mask of the object, (1, h, w, 1) in [0, 1]: its share of each pixel of the composite.
        options: The options.
        progress: Called after each step with the longest side of the scale, and the progress with the whole picture,
            which the next step changes in place. It may raise StopIteration to end the scale.

    Returns:
        (1, h, w, 3) float32 in [0, 1]: the object blended with the painting by its `select.paste.outline`, so exactly
        the painting where that is 0. On a gray painting the object is gray.

    Raises:
        InputError: The mask selects nothing or everything, there is no such weight, or too little memory.

    Source: Zhou, sections 3.3 and 4.2.2.
    Differs from the source: see `keras_nst.recipes.zhou`.
    """
    options = options or HarmonizeOptions()
    soft = outline(mask)
    check_size(soft, precision.settled(options.mixed_precision), options.match)
    if options.style_strength is None:
        options = dataclasses.replace(options, style_strength=fitting_strength(painting))
    loss = zhou.loss(max(options.style_strength, 1e-6), options.weights, options.match, options.patch_size)
    layers = zhou.LAYERS[options.match]
    observer = Observer(
        vgg=vgg(
            layers,
            backbone=options.backbone,
            convolutions=vgg_weights(options.backbone, options.vgg_weights),
            dtype=precision.policy(options.mixed_precision),
        )
    )
    plan = scales(max(painting.shape[1:3]), options.quality)
    pasted, near = painting.copy(), (slice(None), *surroundings(soft))
    colors = object_colors(composite[near], mask[near], painting[near])
    pasted[near] = np.where(soft[near] > 0, colors, painting[near])
    if options.recolor:
        small = (_at(min(plan), picture) for picture in (painting, pasted, soft))
        here, colored = recolored(observer, *small, pasted)
        pasted[here] = blend(pasted[here], colored, min(1, 2 * options.style_strength) * (soft[here] > 0))
    image = coarser = None
    for side, steps in plan.items():
        sized, visible = _at(side, pasted), _at(side, soft)
        image = sized.copy() if image is None else finer(image, coarser, sized)
        here = slice(None), *surroundings(visible, options.backbone, layers[-1])
        coarser, original = sized, sized[here].copy()
        if side == max(plan):
            del pasted, sized, coarser  # Frees most of the memory of a large painting.
        if steps and options.style_strength:
            report = progress and functools.partial(progress, side)
            _restyle(loss, observer, _at(side, painting), original, visible[here], image, here, options, steps, report)
    if np.ptp(painting, axis=-1).max() <= GRAY:
        image = np.repeat(luma(image), 3, axis=-1)
    result, here = painting.copy(), (slice(None), *bounding_box(soft))
    result[here] = blend(painting[here], image[here], soft[here])
    return result


def scales(longest: int, quality: str) -> dict[int, int]:
    """Longest side and number of steps of each scale, from coarse to fine.

    Args:
        longest: Longest side of the painting.
        quality: As in `HarmonizeOptions`.
    """
    first, others = QUALITIES[quality]
    sides = sizes(longest, COARSEST)
    return {side: others if number else first for number, side in enumerate(sides)}


def check_size(mask: np.ndarray, precision: str, match: str = "places") -> None:
    """Check that there is enough memory for a painting.

    Args:
        mask: The mask of the object in the painting, (1, h, w, 1), not all zero.
        precision: "off" or "bfloat16".
        match: What is matched, see `HarmonizeOptions`.

    Raises:
        InputError: There is not enough memory.
    """
    size = mask.shape[1:3]
    each = PICTURE_BYTES + (FEATURES_BYTES if match == "patches" else 0)
    around = math.prod(span.stop - span.start for span in surroundings(mask))
    needed = FIXED_BYTES + each * math.prod(size) + WINDOW_BYTES[precision] * around
    check_memory(size, needed, lambda free: "Try a smaller painting, or a smaller object.")


def _at(side: int, picture: np.ndarray) -> np.ndarray:
    if side == max(picture.shape[1:3]):
        return picture
    height, width = (max(1, round(length * side / max(picture.shape[1:3]))) for length in picture.shape[1:3])
    return fit(picture, np.empty((1, height, width, 0)))


def _restyle(
    loss: Loss,
    observer: Observer,
    painting: np.ndarray,
    original: np.ndarray,
    mask: np.ndarray,
    image: np.ndarray,
    here: tuple[slice, slice, slice],
    options: HarmonizeOptions,
    steps: int,
    report: Callable[[Progress], None] | None,
) -> None:
    """Optimize `image[here]`, the object's surroundings, at one scale; `original` is their content."""
    loss = zhou.fitted(loss, painting, mask)
    own = region_weights(
        mask, [*zhou.LAYERS[options.match], "image"], backbone=options.backbone, rule=options.mask_rule
    )
    regions = {f"region0/{layer}": counts for layer, counts in own.items()}
    objective = PixelObjective(loss, observer, mask.shape[1:3], regions)
    seen, side = (loss, observer, painting, image[here]), options.patch_size
    if options.match == "patches":
        style = nearest_patch_grams(*seen, own, side)
    else:
        everywhere = options.match == "none"
        style = matched_style(*seen, own[MATCHING_LAYER], everywhere=everywhere, in_line=options.consistent, side=side)
    objective.bind(objective.targets("content", original, regions) | style)

    def step(now: Progress) -> None:
        image[here] = blend(painting[here], now.image, mask)
        report(now._replace(image=image))

    # Without smoothing: with it, the style loss is a tenth higher after as many steps, since patches fix each pixel.
    image[here] = lbfgs(objective, image[here], mask > 0, iterations=steps, smoothing=0.0, progress=report and step)
