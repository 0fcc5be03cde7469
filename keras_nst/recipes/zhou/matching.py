"""Match an object with places of a painting, and measure their style."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from keras import ops, tree

from keras_nst.fit.tiles import ALIGNMENT, Window, assemble, windows
from keras_nst.losses import Loss
from keras_nst.losses.patches import SIDE, consistent, nearest_grams, nearest_patches, patches
from keras_nst.models.observer import Observer
from keras_nst.models.vgg import receptive_field, stride
from keras_nst.select.masks import bounding_box

COLOR_LAYER = "relu3_1"
"""VGG layer at which colors are matched."""

MATCHING_LAYER = "relu4_1"
"""VGG layer at which style is matched."""

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

PATCH_LAYERS = ("relu3_1", "relu4_1", "relu5_1")
"""The paper's style layers, for patches with a Gram matrix each."""

UNLIKE = 60.0
"""Color distance, in units of CIELAB, that counts as much as a decrease of the features' cosine by 1."""

TILE = 512
"""Side, in pixels, of the windows in which the network computes a painting."""


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
    side: int = SIDE,
) -> dict[str, Any]:
    """The targets of the style term, as from `Loss.targets`: the painting's style at the places that match.

    Args:
        loss: A loss with a style term.
        observer: With the network "vgg".
        painting: (1, h, w, 3) in [0, 1].
        picture: The picture to match, (1, y, x, 3).
        own: Weights of its positions at `MATCHING_LAYER`; positions with weight 0 are not matched.
        everywhere: Whether to use the whole painting without matching.
        by_color: Whether places with another color match less.
        in_line: Whether to make matches consistent with their neighbors.
        side: Side of the patches in positions, odd.
    """
    layer = MATCHING_LAYER
    looks = block_means(painting, stride(layer))
    if everywhere:
        times = np.ones(looks[..., :1].shape, np.float32)
    else:
        features = features_of(observer, picture, layer)
        positions = np.flatnonzero(own)
        colors = block_means(picture, stride(layer)).reshape(-1, 3)[positions] if by_color else None
        places = matches(observer, layer, features, positions, painting, colors, side=side)
        if in_line:
            places = consistent(places, positions, features.shape[2], looks)
        times = np.bincount(places, minlength=looks[..., 0].size).reshape(looks[..., :1].shape)
    # The weight of a place is the number of its matches.
    regions = {f"region0/{name}": _counted(times, name, painting.shape[1:3]) for name in STYLE_LAYERS}
    probes = [probe for probe in loss.probes("style") if probe not in regions]
    parts = []
    for window in _windows(painting, layer):
        inside = window.weights(regions)
        if any(weights.any() for weights in inside.values()):
            targets = loss.targets("style", {**observer(window.crop(painting), probes), **inside})
            parts.append((window, tree.map_structure(ops.convert_to_numpy, targets)))
    return assemble(parts)


def nearest_patch_grams(
    loss: Loss,
    observer: Observer,
    painting: np.ndarray,
    picture: np.ndarray,
    own: Mapping[str, np.ndarray],
    side: int = SIDE,
) -> dict[str, Any]:
    """The targets of the style term, as from `Loss.targets`: for each patch, the patch with the nearest Gram matrix.

    Args:
        loss: A loss with the term `losses.patch_style` of `PATCH_LAYERS`.
        observer: With the network "vgg".
        painting: (1, h, w, 3) in [0, 1].
        picture: The picture to match, (1, y, x, 3).
        own: Weights of its positions at each layer; positions with weight 0 are not matched.
        side: Side of the patches in positions, odd.
    """
    given = {}
    for layer in PATCH_LAYERS:
        features, theirs = (features_of(observer, of, layer) for of in (picture, painting))
        positions = np.flatnonzero(own[layer])
        found, _ = nearest_grams(features, positions, theirs, side=side)
        nearest = np.zeros((*features.shape[:3], side**2 * features.shape[-1]), np.float32)
        nearest.reshape(-1, nearest.shape[-1])[positions] = patches(theirs, found, side).reshape(len(found), -1)
        given[f"patches/{layer}"] = nearest
    return loss.targets("style", given)


def surroundings(mask: np.ndarray, backbone: str = "vgg16", layer: str = MATCHING_LAYER) -> tuple[slice, slice]:
    """The part of a picture that the features of the selected part depend on, aligned with pooling.

    Args:
        mask: (1, h, w, 1), not all zero.
        backbone: "vgg16" or "vgg19", whose features see further.
        layer: The deepest layer that is measured.

    Returns:
        Rows and columns.
    """

    def span(selected: slice, length: int) -> slice:
        halo = receptive_field(layer, backbone) // 2
        begin = max(0, selected.start - halo) // ALIGNMENT * ALIGNMENT
        return slice(begin, min(length, -(-(selected.stop + halo) // ALIGNMENT) * ALIGNMENT))

    return tuple(map(span, bounding_box(mask), mask.shape[1:3]))


def matches(
    observer: Observer,
    layer: str,
    features: np.ndarray,
    positions: np.ndarray,
    painting: np.ndarray,
    colors: np.ndarray | None = None,
    *,
    side: int = SIDE,
) -> np.ndarray:
    """Find the nearest patches in a painting, with the features of one window in memory at a time.

    Args:
        observer: With the network "vgg".
        layer: Layer of VGG.
        features: Features of the picture to match.
        positions: Positions of its patches, (n,).
        painting: (1, h, w, 3) in [0, 1].
        colors: Colors at the positions, (n, 3); places with other colors match less. None to ignore colors.
        side: Side of the patches in positions, odd.

    Returns:
        Positions in the painting's features, (n,).
    """
    looks = block_means(painting, stride(layer))
    numbers = np.arange(looks[..., 0].size).reshape(looks[..., :1].shape)
    traits = None
    found, best = np.zeros(len(positions), int), np.full(len(positions), -np.inf)
    for window in _windows(painting, layer, side):
        seen = window.crop(painting)
        if colors is not None:
            traits = tuple(lab(each) / UNLIKE for each in (colors, window.crop(looks).reshape(-1, 3)))
        places = np.flatnonzero(window.weights({layer: np.ones(numbers.shape, bool)})[layer])
        theirs = features_of(observer, seen, layer)
        nearest, likeness = nearest_patches(features, positions, theirs, traits, places=places, side=side)
        better = likeness > best
        found[better] = window.crop(numbers).ravel()[nearest[better]]
        best[better] = likeness[better]
    return found


def features_of(observer: Observer, picture: np.ndarray, layer: str) -> np.ndarray:
    """VGG's features of a large picture, (1, h, w, channels) float32, computed in tiles."""
    probe, whole = f"vgg/{layer}", None
    for window in _windows(picture, layer):
        part = np.asarray(observer(window.crop(picture), [probe])[probe], np.float32)
        if whole is None:
            height, width = (side // stride(layer) for side in picture.shape[1:3])
            whole = np.empty((1, height, width, part.shape[-1]), np.float32)
        window.put(part, whole)
    return whole


def block_means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means over blocks of `factor` by `factor` pixels, (1, h, w, channels). A remainder is dropped."""
    height, width = (length // factor for length in picture.shape[1:3])
    whole = picture[:, : height * factor, : width * factor]
    return whole.reshape(1, height, factor, width, factor, -1).mean(axis=(2, 4))


def lab(colors: np.ndarray) -> np.ndarray:
    """Convert RGB colors (n, 3) in [0, 1] to CIELAB."""
    return cv2.cvtColor(np.float32(colors)[None], cv2.COLOR_RGB2LAB)[0]


def _windows(picture: np.ndarray, layer: str, side: int = SIDE) -> list[Window]:
    """The windows for a large picture and a layer. Each patch in a core is within one window."""
    # VGG19 has the larger receptive field.
    return windows(*picture.shape[1:3], TILE, receptive_field(layer, "vgg19") // 2 + side // 2 * stride(layer))


def _counted(times: np.ndarray, layer: str, size: tuple[int, int]) -> np.ndarray:
    """Counts of places (1, h, w, 1) as weights at a finer layer of a picture of this size, summing to 1."""
    factor = stride(MATCHING_LAYER) // stride(layer)
    fine = np.repeat(np.repeat(np.float32(times / (times.sum() * factor**2)), factor, axis=1), factor, axis=2)
    missing = ((0, side // stride(layer) - have) for side, have in zip(size, fine.shape[1:3], strict=True))
    return np.pad(fine, ((0, 0), *missing, (0, 0)))
