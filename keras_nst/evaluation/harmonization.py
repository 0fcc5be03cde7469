"""Measures of a harmonized object, and their report."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_nst.evaluation.measures import seam
from keras_nst.files import replacing
from keras_nst.fit.tiles import windows
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, stride, vgg
from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import contact_sheet
from keras_nst.recipes import zhou
from keras_nst.recipes.zhou.matching import MATCHING_LAYER, STYLE_LAYERS, TILE, matched_style, surroundings
from keras_nst.select.masks import overlay
from keras_nst.select.paste import outline

SHEET, FACTS = "sheet.png", "report.json"

UNSEEN = ("relu2_2", "relu3_3")
"""Layers that no method compared here minimizes anything at: neither ours nor that of Luan et al. 2018."""


def measure(
    result: np.ndarray, painting: np.ndarray, composite: np.ndarray, mask: np.ndarray, observer: Observer
) -> dict[str, float]:
    """Measure one result.

    Args:
        result: (1, h, w, 3) in [0, 1].
        painting: The painting without the object, of the same shape.
        composite: The painting with the pasted object, of the same shape.
        mask: Mask of the object, (1, h, w, 1); under the mask is where it is above one half.
        observer: An observer with the network "vgg".

    Returns:
        changed_outside: Number of pixels where the object's `paste.outline` is 0 that differ from the painting by more
            than 1/255.
        seam: See `measures.seam`.
        style: Relative squared distance of the Gram matrices under the mask from those of the painting's patches that
            match this result, averaged over `STYLE_LAYERS`.
        moments: Relative squared distance of the means and standard deviations of the features under the mask from
            those of the whole painting, averaged over `UNSEEN`.
        content: Relative squared distance of the features under the mask from the composite's.
    """
    outside = outline(mask)[0, ..., 0] == 0
    changed = np.abs(result - painting)[0].max(axis=-1) > 1.5 / 255
    inside = np.float32(mask > 0.5)
    here = slice(None), *surroundings(inside)
    own = region_weights(inside[here], [*STYLE_LAYERS, *UNSEEN, "image"])
    loss = zhou.loss()
    probes = [probe for probe in loss.probes("output") if not probe.startswith("region")]
    regions = {f"region0/{layer}": weights for layer, weights in own.items()}
    scene = {
        "output": {**observer(result[here], probes), **regions},
        "content": {**observer(composite[here], probes), **regions},
    }
    matching = own[MATCHING_LAYER]
    style = matched_style(loss, observer, painting, result[here], matching, by_color=False, in_line=False)
    _, raw = loss.with_constants(style)(scene)
    apart = []
    for layer in UNSEEN:
        theirs = _moments(observer, painting, layer)
        apart.append(
            np.sum(np.square(_moments(observer, result[here], layer, own[layer]) - theirs)) / np.sum(theirs**2)
        )
    return {
        "changed_outside": int(np.sum(changed & outside)),
        "seam": seam(result[0], painting[0], mask[0, ..., 0]),
        "style": float(raw["style"]) / len(STYLE_LAYERS),
        "moments": float(np.mean(apart)),
        "content": float(raw["content"]),
    }


def _moments(observer: Observer, picture: np.ndarray, layer: str, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean and standard deviation of each channel of a layer, (2, channels), of a picture that is seen in tiles."""
    probe, height, width = f"vgg/{layer}", *(length // stride(layer) for length in picture.shape[1:3])
    weights = np.full((1, height, width, 1), 1 / (height * width)) if weights is None else weights
    sums = 0
    for window in windows(*picture.shape[1:3], TILE, receptive_field(layer) // 2):
        seen = np.asarray(observer(window.crop(picture), [probe])[probe], np.float64)
        shares = window.weights({layer: weights})[layer]
        sums = sums + np.stack([(shares * seen**power).sum((0, 1, 2)) for power in (1, 2)])
    mean, square = sums
    return np.stack([mean, np.sqrt(np.maximum(square - mean**2, 0))])


def write_report(
    folder: str | Path,
    painting: np.ndarray,
    composite: np.ndarray,
    mask: np.ndarray,
    results: Mapping[str, np.ndarray],
) -> dict[str, dict[str, float]]:
    """Measure results, and write the numbers and a sheet of the pictures.

    Args:
        folder: Folder to write to.
        painting: The painting without the object, (1, h, w, 3) in [0, 1].
        composite: The painting with the pasted object, of the same shape.
        mask: Mask of the object, (1, h, w, 1).
        results: Results by name.

    Returns:
        The values of `measure` for each result, by name.

    Raises:
        InputError: The folder cannot be written.
    """
    observer = Observer(vgg=vgg([*STYLE_LAYERS, *UNSEEN]))
    facts = {name: measure(result, painting, composite, mask, observer) for name, result in results.items()}
    sheet = contact_sheet(
        [[composite, overlay(composite, mask), *results.values()]], height=480, labels=["composite", "mask", *results]
    )
    write(Path(folder) / SHEET, Picture(sheet))
    with replacing(Path(folder) / FACTS) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return facts
