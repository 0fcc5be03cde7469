"""Measures of a harmonized object, and their report."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_nst.evaluation.measures import seam
from keras_nst.files import replacing
from keras_nst.jobs.harmonize import FEATHER
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import contact_sheet
from keras_nst.recipes import zhou
from keras_nst.recipes.zhou.matching import MATCHING_LAYER, STYLE_LAYERS, matched_style, surroundings
from keras_nst.select.masks import feather, overlay

SHEET, FACTS = "sheet.png", "report.json"


def measure(
    result: np.ndarray, painting: np.ndarray, composite: np.ndarray, mask: np.ndarray, observer: Observer
) -> dict[str, float]:
    """Measure one result.

    Args:
        result: (1, h, w, 3) in [0, 1].
        painting: The painting without the object, of the same shape.
        composite: The painting with the pasted object, of the same shape.
        mask: Mask of the object, (1, h, w, 1).
        observer: An observer with the network "vgg".

    Returns:
        changed_outside: Number of pixels outside the feathered mask that differ from the painting by more than 1/255.
        seam: See `measures.seam`.
        style: Relative squared distance of the Gram matrices under the mask from those of the painting's patches that
            match this result, averaged over `STYLE_LAYERS`.
        content: Relative squared distance of the features under the mask from the composite's.
    """
    outside = feather(mask, FEATHER)[0, ..., 0] == 0
    changed = np.abs(result - painting)[0].max(axis=-1) > 1.5 / 255
    here = slice(None), *surroundings(mask)
    own = region_weights(mask[here], [*STYLE_LAYERS, "image"])
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
    return {
        "changed_outside": int(np.sum(changed & outside)),
        "seam": seam(result[0], painting[0], mask[0, ..., 0]),
        "style": float(raw["style"]) / len(STYLE_LAYERS),
        "content": float(raw["content"]),
    }


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
    observer = Observer(vgg=vgg(STYLE_LAYERS))
    facts = {name: measure(result, painting, composite, mask, observer) for name, result in results.items()}
    sheet = contact_sheet(
        [[composite, overlay(composite, mask), *results.values()]], height=480, labels=["composite", "mask", *results]
    )
    write(Path(folder) / SHEET, Picture(sheet))
    with replacing(Path(folder) / FACTS) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return facts
