"""What a person names for an evaluation: photographs, and models or folders of their results."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.images.io import read
from keras_nst.images.kinds import look_through
from keras_nst.images.picture import fit_short_side
from keras_nst.models.styles import MODEL, find_style, is_style, styles


@dataclass(frozen=True, eq=False)
class Photographs:
    """The photographs of an evaluation.

    Attributes:
        size: Their side in pixels.
        images: (1, size, size, 3) in [0, 1] by file stem.
        skipped: Why a file could not be read, one line each.
    """

    size: int
    images: dict[str, np.ndarray]
    skipped: tuple[str, ...]


def read_photographs(folder: str | Path, size: int, limit: int | None = None) -> Photographs:
    """Read the photographs of a folder as squares.

    Args:
        folder: The folder.
        size: The side of the squares in pixels.
        limit: Stop after so many, in the order of their names; None for all.

    Raises:
        InputError: No such folder, two files of one stem, or fewer than two photographs that can be read.
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
        reason = f" The first that cannot be read: {skipped[0]}" if skipped else ""
        raise InputError(f"A mean needs at least two photographs. {folder} holds {len(images)}.{reason}")
    return Photographs(size, images, tuple(skipped))


def read_square(path: Path | bytes, size: int) -> np.ndarray:
    """The middle of a picture, (1, size, size, 3) in [0, 1]: as much of it as fits.

    Args:
        path: The picture's file or what that holds.
        size: Side of the square in pixels.

    Raises:
        InputError: The picture cannot be read.
    """
    rgb = fit_short_side(read(path).rgb, size)
    top, left = ((side - size) // 2 for side in rgb.shape[1:3])
    return rgb[:, top : top + size, left : left + size]


def picture_files(folder: str | Path) -> dict[str, Path]:
    """The pictures of a folder by their stems, in order.

    Raises:
        InputError: Two have the same stem.
    """
    files: dict[str, Path] = {}
    for path in look_through(folder).pictures:
        if path.stem in files:
            raise InputError(f"{files[path.stem]} and {path.name} differ by their suffix only. Rename or remove one.")
        files[path.stem] = path
    return files


def find_models(chosen: Sequence[str], stems: Collection[str]) -> dict[str, Path]:
    """The folders of the models to compare, by label.

    Args:
        chosen: Names or folders of styles, or folders of results; "LABEL=" before one gives it another label than the
            folder's name.
        stems: File stems of the photographs, which a folder of results must have a picture for.

    Returns:
        {label: folder}; `is_style` tells the two kinds apart.

    Raises:
        InputError: No such style, a folder without a result for each photograph, or two models of one label.
    """
    models: dict[str, Path] = {}
    for text in chosen:
        label, folder = _labeled(text)
        if label in models:
            raise InputError(f"Two models are called {label!r}. Label one of them: --model LABEL={folder}.")
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
            f"{folder} holds neither a {MODEL} nor results of all photographs: {len(missing)} of {len(stems)} are "
            f"missing ({some}). A result has the name of its photograph; the suffix may be another."
        )
