"""The style of any painting: a code for the shipped net of many styles, predicted once and cached.

The style is a folder like any other, in the user's cache or beside the painting. So whatever takes a style also takes a
painting.
"""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.models import saved
from keras_nst.pictures.io import read_painting
from keras_nst.pictures.picture import fit_short_side

NAME = "unet"
"""Name of the net of many saved."""

_MAX_ASPECT = 2  # Longer side by shorter side. Of a longer painting the net sees the middle.

_uncached: ContextVar[Path | None] = ContextVar("uncached", default=None)


@contextlib.contextmanager
def kept_beside(folder: str | Path) -> Iterator[None]:
    """Context in which the styles of paintings below a folder are kept beside them, not in the user's cache."""
    token = _uncached.set(Path(folder).resolve())
    try:
        yield
    finally:
        _uncached.reset(token)


def style_of(painting: str | Path) -> Path:
    """The folder of a painting's style, which is predicted unless it is there.

    Args:
        painting: File of a picture.

    Raises:
        InputError: The file cannot be read or has one color everywhere, there is no net of many styles, or the folder
            cannot be written.
    """
    folder = folder_of(painting)
    if not (folder / saved.CODE).is_file():
        read_painting(painting)  # Report a wrong one before the net loads.
        keep(folder, CodePredictor(home())(painting), painting, tuned=0)
    return folder


class CodePredictor:
    """Predicts the codes of paintings for a net of many styles.

    Args:
        home: The net's folder.

    Raises:
        InputError: As `saved.load_painter`.
    """

    def __init__(self, home: Path):
        from keras_nst.models.observer import Observer
        from keras_nst.models.predictor import STATISTICS, parts
        from keras_nst.models.vgg import vgg

        self._home, self._statistics = home, STATISTICS
        _, self._predictor = parts(saved.load_painter(home))
        self._observer = Observer(vgg=vgg())

    def __call__(self, painting: str | Path) -> np.ndarray:
        """The code of a painting, (n,).

        Raises:
            InputError: The file cannot be read, or has one color everywhere.
        """
        seen = self._observer(seen_of(painting, self._home), self._statistics.probes)
        return np.asarray(self._predictor(*self._statistics(seen)))[0]


def home() -> Path:
    """The folder of the net of many styles, in the working directory or shipped.

    Raises:
        InputError: There is no such net.
    """
    folders = saved.TRAINED / NAME, saved.SHIPPED / NAME
    if found := next((folder for folder in folders if (folder / saved.PAINTER).is_file()), None):
        return found
    raise InputError(
        f"The style of a painting needs a net of many styles, and there is none at {folders[0]}. Learn one with "
        "train.py --net unet, learn this painting with train.py --style, or see keras-nst optimize."
    )


def is_there() -> bool:
    """Whether there is a net of many saved."""
    return any((folder / NAME / saved.PAINTER).is_file() for folder in (saved.TRAINED, saved.SHIPPED))


def folder_of(painting: str | Path) -> Path:
    """The folder of a painting's style; its path depends on the contents of the painting and the net."""
    painting = Path(painting)
    if (above := _uncached.get()) and painting.resolve().is_relative_to(above):
        kept = painting.parent
    else:
        kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "keras_nst", "styles")
    return kept / sha256(home() / saved.PAINTER)[:16] / sha256(painting)[:16] / painting.stem


def tuned_seconds(painting: str | Path) -> float:
    """For how long the style of a painting has been tuned, in seconds."""
    return float(saved.read_facts(folder_of(painting)).get("tuned_seconds", 0))


def seen_of(painting: str | Path, home: Path) -> np.ndarray:
    """Read a painting and resize it as in the net's training, (1, height, width, 3); of a strip, only the middle."""
    size = int(saved.read_facts(home).get("style_size", 384))
    rgb = fit_short_side(read_painting(painting).rgb, size)
    height, width = rgb.shape[1:3]
    top, left = max(0, height - _MAX_ASPECT * size) // 2, max(0, width - _MAX_ASPECT * size) // 2
    return rgb[:, top : top + _MAX_ASPECT * size, left : left + _MAX_ASPECT * size]


def keep(folder: Path, code: np.ndarray, painting: str | Path, *, tuned: float) -> None:
    """Write the style of a painting.

    Args:
        folder: From `folder_of`.
        code: (n,).
        painting: File of the painting.
        tuned: Seconds for which the code has been tuned.

    Raises:
        InputError: The folder cannot be written.
    """
    painting = Path(painting)
    card = {
        "name": painting.stem,
        "painter": NAME,
        saved.PAINTER_HASH: saved.read_facts(home()).get(saved.HASH),
        "style_image": painting.name,
        "style_sha256": sha256(painting),
        "tuned_seconds": tuned,
    }
    saved.save_code(folder, code, card)
