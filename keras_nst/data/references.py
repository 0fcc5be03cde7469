"""Saliency maps of photographs: made once and kept beside them, or given."""

import functools
import hashlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from keras_nst.console import Console, track
from keras_nst.errors import InputError
from keras_nst.pictures.color import luma
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.saliency import WORKING_SIDE, saliency

# Of the folders. To be changed with the maps, so that no old one is taken for a new one.
_COLORS, _FOUND = "saliency-2", "subject-1"
_AT_ONCE = 16  # Photographs for each process that are handed out, and held in memory, together.


class References:
    """What a saliency network is taught, by the content of a photograph's file.

    A map has the name of its photograph's SHA-256. So a photograph that changes gets a new map, one that moves keeps
    its own, and a preparation that was killed goes on where it was.

    Attributes:
        folder: Where the maps are, PNG files of the size that subjects are looked for at.

    Source:
        Li et al. 2020, "SDP-GAN", section IV.A: the mean of RBD and MBD.

    Differs from the source:
        Anything else that finds subjects may take its place.
    """

    def __init__(self, beside: Path | None, find: Callable[[np.ndarray], np.ndarray] | None = None):
        """Keeps the maps in a hidden folder of `beside`, or, where nothing can be written there, of the user's cache.

        Args:
            beside: A folder.
            find: The subject net's, from a photograph (1, h, w, 3) to its map (1, h, w, 1); None for the mean of RBD
                and MBD.

        Raises:
            InputError: Neither can be written to.
        """
        self._find = find
        kind = _FOUND if find else _COLORS
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "keras_nst")
        places = [cache] if beside is None else [beside / ".keras_nst", cache]
        folder = next((place / kind for place in places if _writable(place / kind)), None)
        if folder is None:
            raise InputError(f"Cannot write saliency maps to {' or '.join(map(str, places))}. Set XDG_CACHE_HOME.")
        self.folder = folder

    def prepare(
        self, sources: Iterable[tuple[str, Path | bytes]], count: int, *, console: Console | None = None
    ) -> None:
        """Make the maps that are missing: those of colors in a process for each core, a net's here, on all cores.

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
            small = self._small(rgb)
        else:
            path = self._path(source)
            try:
                small = read(path).rgb[0, ..., 0]
            except InputError:  # Not there, or damaged.
                small = self._small(rgb)
                _keep(path, small)
        return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]

    def _small(self, rgb: np.ndarray) -> np.ndarray:
        """The map at the size at which it is found, (h, w) float32 in steps of a 255th."""
        find = self._find or saliency
        found = find(resize(Picture(rgb[None]), WORKING_SIDE).rgb)[0, ..., 0]
        return np.rint(255 * found) / np.float32(255)

    def _path(self, source: Path | bytes) -> Path:
        content = source if isinstance(source, bytes) else source.read_bytes()
        return self.folder / f"{hashlib.sha256(content).hexdigest()}.png"

    def _made(self, sources: Iterator[Path | bytes]) -> Iterator[None]:
        """Takes up a photograph for each item."""
        if self._find:
            for source in sources:
                if not self._at_hand(source):
                    _make(self, source)
                yield
            return
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


class GivenReferences:
    """Maps that somebody made, in a folder: of holiday.jpg that is holiday.png, or of another format.

    Args:
        folder: Of the maps; how bright they are counts.

    Raises:
        InputError: It is no folder.
    """

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise InputError(f"No saliency maps in {folder}. Expected subject, rbd+mbd, or a folder of maps.")
        self._folder = folder
        self._maps = {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}

    def prepare(
        self, sources: Iterable[tuple[str, Path | bytes]], count: int, *, console: Console | None = None
    ) -> None:
        """Check that each photograph has a map that can be read; the arguments are those of `References`.

        Raises:
            InputError: A map is missing or damaged, or the photographs are from a dataset and so have no names.
        """
        for name, source in sources:
            if isinstance(source, bytes) or source.stem not in self._maps:
                raise InputError(
                    f"No saliency map of {name} in {self._folder}. Expected a picture of the same name for each "
                    "photograph of a folder; add it, or take the `saliency` subject."
                )
            read(self._maps[source.stem])  # A damaged map would end the training.

    def __call__(self, source: Path | bytes | None, rgb: np.ndarray) -> np.ndarray:
        """The map of a photograph, brought to its size; arguments are those of `References`.

        Returns:
            (h, w, 1) float32 in [0, 1]; zeros for a picture of no file.

        Raises:
            InputError: It cannot be read.
        """
        if source is None:
            return np.zeros_like(rgb[..., :1])
        brightness = luma(read(self._maps[source.stem]).rgb)[0]
        return np.clip(cv2.resize(brightness, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)[..., None]


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


def _keep(path: Path, small: np.ndarray) -> None:
    write(path, Picture(np.repeat(small[None, ..., None], 3, axis=-1)))
