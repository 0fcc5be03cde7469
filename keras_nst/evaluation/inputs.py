"""The inputs of an evaluation: photographs, and models or folders of results."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.models.saved import MODEL
from keras_nst.models.styles import find_style, is_style, styles
from keras_nst.pictures.io import read
from keras_nst.pictures.kinds import look_through
from keras_nst.pictures.picture import fit_short_side


@dataclass(frozen=True, eq=False)
class Photographs:
    """The photographs of an evaluation.

    Attributes:
        size: Side of the photographs in pixels.
        images: Photographs (1, size, size, 3) in [0, 1], by file stem.
        skipped: One line for each file that could not be read, with the reason.
    """

    size: int
    images: dict[str, np.ndarray]
    skipped: tuple[str, ...]


def read_photographs(folder: str | Path, size: int, limit: int | None = None) -> Photographs:
    """Read the photographs of a folder as squares.

    Args:
        folder: The folder.
        size: Side of the squares in pixels.
        limit: Maximum number of photographs, in the order of their names; None for all.

    Raises:
        InputError: No such folder, two files with the same stem, or fewer than two photographs that can be read.
    """
    if not os.path.isdir(folder):
        raise InputError(f"The photographs must be a folder. Received: {folder}.")
    images, skipped = {}, []
    for stem, path in picture_files(folder).items():
        if len(images) == limit:
            break
        try:
            images[stem] = read_square(path, size)
        except InputError as error:
            skipped.append(str(error))
    if len(images) < 2:
        reason = f" The first one that cannot be read: {skipped[0]}" if skipped else ""
        raise InputError(f"An evaluation needs at least two photographs. {folder} holds {len(images)}.{reason}")
    return Photographs(size, images, tuple(skipped))


def read_square(path: Path | bytes, size: int) -> np.ndarray:
    """Read the largest square in the middle of a picture, resized to (1, size, size, 3) in [0, 1].

    Args:
        path: The picture's file, or the file's content.
        size: Side of the result in pixels.

    Raises:
        InputError: The picture cannot be read.
    """
    rgb = fit_short_side(read(path).rgb, size)
    top, left = ((side - size) // 2 for side in rgb.shape[1:3])
    return rgb[:, top : top + size, left : left + size]


def picture_files(folder: str | Path) -> dict[str, Path]:
    """List the pictures of a folder by file stem, in order.

    Raises:
        InputError: Two files have the same stem.
    """
    files: dict[str, Path] = {}
    for path in look_through(folder).pictures:
        if path.stem in files:
            raise InputError(f"{files[path.stem]} and {path.name} differ only by their suffix. Rename or remove one.")
        files[path.stem] = path
    return files


def find_models(chosen: Sequence[str], stems: Collection[str]) -> dict[str, Path]:
    """Find the folders of the models to compare, by label.

    Args:
        chosen: Names or folders of styles, or folders of results; the prefix "LABEL=" sets another label than the
            folder's name.
        stems: File stems of the photographs. A folder of results must have a picture for each.

    Returns:
        {label: folder}; `is_style` tells whether a folder is a style or holds results.

    Raises:
        InputError: No such style, a folder without a result for each photograph, or two models with the same label.
    """
    models: dict[str, Path] = {}
    for text in chosen:
        label, folder = _labeled(text)
        if label in models:
            raise InputError(f"Two models are called {label!r}. Label one of them in `model`: LABEL={folder}.")
        if not is_style(folder):
            _check_results(folder, stems)
        models[label] = folder
    return models


def _labeled(text: str) -> tuple[str, Path]:
    label, labels, place = text.partition("=")
    if not labels or os.path.isdir(text):
        label, place = "", text
    folder = Path(place) if place not in styles() and os.path.isdir(place) else find_style(place)
    return label or folder.resolve().name, folder


def _check_results(folder: Path, stems: Collection[str]) -> None:
    missing = sorted(set(stems) - set(picture_files(folder)))
    if missing:
        some = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise InputError(
            f"{folder} holds neither a {MODEL} nor the results of all photographs: {len(missing)} of {len(stems)} are "
            f"missing ({some}). A result must have the name of its photograph; the suffix may differ."
        )
