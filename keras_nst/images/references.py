"""Saliency maps of photographs, made once on all cores and kept beside them."""

import functools
import hashlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from keras_nst.console import Console, track
from keras_nst.errors import InputError
from keras_nst.images.io import read, write
from keras_nst.images.picture import Picture, resize
from keras_nst.images.saliency import WORKING_SIDE, saliency

# Part of the folder's name. To be changed with the maps, so that no old one is taken for a new one.
_KIND = "saliency-2"
_AT_ONCE = 16  # Photographs for each process that are handed out, and held in memory, together.


class References:
    """What a saliency network is taught: the mean of RBD and MBD, by the content of a photograph's file.

    A map has the name of its photograph's SHA-256. So a photograph that changes gets a new map, one that moves keeps
    its own, and a preparation that was killed goes on where it was.

    Attributes:
        folder: Where the maps are, PNG files of the size that subjects are looked for at.

    Source:
        Li et al. 2020, "SDP-GAN", section IV.A.
    """

    def __init__(self, beside: Path | None):
        """Keeps the maps in a hidden folder of `beside`, or, where nothing can be written there, of the user's cache.

        Raises:
            InputError: Neither can be written to.
        """
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "keras_nst")
        places = [cache] if beside is None else [beside / ".keras_nst", cache]
        folder = next((place / _KIND for place in places if _writable(place / _KIND)), None)
        if folder is None:
            raise InputError(f"Cannot write saliency maps to {' or '.join(map(str, places))}. Set XDG_CACHE_HOME.")
        self.folder = folder

    def prepare(
        self, sources: Iterable[tuple[str, Path | bytes]], count: int, *, console: Console | None = None
    ) -> None:
        """Make the maps that are missing, in a process for each core.

        Photographs that cannot be read are passed over.

        Args:
            sources: Names, which do not count, and files or what these hold.
            count: How many, for the progress.
            console: Where that is shown; None for nowhere.

        Raises:
            InputError: A map cannot be written.
        """
        made = self._made(source for _, source in sources)
        for _ in track(made, "Saliency", count, console=console or Console(quiet=True)):
            pass

    def __call__(self, source: Path | bytes | None, rgb: np.ndarray) -> np.ndarray:
        """The map of a photograph, made and kept if it is missing.

        Args:
            source: The photograph's file or what that holds; None for a picture of no file, whose map is not kept.
            rgb: Its colors, (h, w, 3) float32 in [0, 1].

        Returns:
            (h, w, 1) float32 in [0, 1], in steps of a 255th before it is enlarged.

        Raises:
            InputError: The map cannot be written.
        """
        if source is None:
            small = _small(rgb)
        else:
            path = self._path(source)
            try:
                small = read(path).rgb[0, ..., 0]
            except InputError:  # Not there, or damaged.
                small = _small(rgb)
                _keep(path, small)
        return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]

    def _path(self, source: Path | bytes) -> Path:
        content = source if isinstance(source, bytes) else source.read_bytes()
        return self.folder / f"{hashlib.sha256(content).hexdigest()}.png"

    def _made(self, sources: Iterator[Path | bytes]) -> Iterator[None]:
        """Takes up a photograph for each item."""
        workers = os.cpu_count() or 1
        # A forked process would inherit TensorFlow's locks without its threads. None is started before it has work.
        processes = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=processes, initializer=_alone) as pool:
            while some := list(itertools.islice(sources, _AT_ONCE * workers)):
                missing = list(itertools.filterfalse(self._at_hand, some))
                yield from itertools.repeat(None, len(some) - len(missing))
                yield from pool.map(functools.partial(_make, self), missing)

    def _at_hand(self, source: Path | bytes) -> bool:
        try:
            return self._path(source).is_file()
        except OSError:  # The photograph cannot be read; the process that tries will tell nobody either.
            return False


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _alone() -> None:
    """Sets up a process of many: one thread, and what ends it is left to the process that hands out the work."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends a process whose parent was killed, which would wait for work forever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _make(references: References, source: Path | bytes) -> None:
    try:
        rgb = read(source).rgb[0]
    except InputError:
        return
    references(source, rgb)


def _small(rgb: np.ndarray) -> np.ndarray:
    """The map at the size at which it is found, (h, w) float32 in steps of a 255th."""
    found = saliency(resize(Picture(rgb[None]), WORKING_SIDE).rgb)[0, ..., 0]
    return np.rint(255 * found) / np.float32(255)


def _keep(path: Path, small: np.ndarray) -> None:
    write(path, Picture(np.repeat(small[None, ..., None], 3, axis=-1)))
