"""Reference saliency maps of photographs, computed once and stored, or given."""

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

# Names of folders. Change them when the maps change, so that old maps are not used.
_COLORS, _FOUND = "saliency-2", "subject-1"
_AT_ONCE = 16  # Photographs per process that are in memory at once.


class References:
    """Reference maps for a saliency net, by the content of a photograph's file.

    A map's name is the SHA-256 of its photograph. So a changed photograph gets a new map, a moved one keeps its map,
    and an interrupted preparation can be resumed.

    Attributes:
        folder: The folder of the maps, PNG files of at most `WORKING_SIDE` pixels.

    Source: Li et al. 2020, "SDP-GAN", section IV.A: the mean of RBD and MBD.
    Differs from the source: another method can be used instead.
    """

    def __init__(self, beside: Path | None, find: Callable[[np.ndarray], np.ndarray] | None = None):
        """Store the maps in a hidden folder of `beside` or, if that is not writable, in the user's cache.

        Args:
            beside: A folder.
            find: A subject net's function from a photograph (1, h, w, 3) to its map (1, h, w, 1); None for the mean of
                RBD and MBD.

        Raises:
            InputError: Neither folder is writable.
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
        """Compute the missing maps: RBD and MBD in one process per core, a net in this process on all cores.

        Photographs that cannot be read are skipped.

        Args:
            sources: Names, which are not used, and paths or encoded bytes.
            count: Their number, for the progress bar.
            console: Shows the progress bar; None for no bar.

        Raises:
            InputError: A map cannot be written.
        """
        made = self._made(source for _, source in sources)
        for _ in track(made, "Saliency", count, console=console or Console(quiet=True)):
            pass

    def __call__(self, source: Path | bytes | None, rgb: np.ndarray) -> np.ndarray:
        """The map of a photograph, computed and stored if it is missing.

        Args:
            source: The photograph's path or encoded bytes; None for a picture without a file, whose map is not stored.
            rgb: Its colors, (h, w, 3) float32 in [0, 1].

        Returns:
            (h, w, 1) float32 in [0, 1], with 8 bits before it is enlarged.

        Raises:
            InputError: The map cannot be written.
        """
        if source is None:
            small = self._small(rgb)
        else:
            path = self._path(source)
            try:
                small = read(path).rgb[0, ..., 0]
            except InputError:  # Missing or damaged.
                small = self._small(rgb)
                _keep(path, small)
        return cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]

    def _small(self, rgb: np.ndarray) -> np.ndarray:
        """The map at the size at which it is computed, (h, w) float32 with 8 bits."""
        find = self._find or saliency
        found = find(resize(Picture(rgb[None]), WORKING_SIDE).rgb)[0, ..., 0]
        return np.rint(255 * found) / np.float32(255)

    def _path(self, source: Path | bytes) -> Path:
        content = source if isinstance(source, bytes) else source.read_bytes()
        return self.folder / f"{hashlib.sha256(content).hexdigest()}.png"

    def _made(self, sources: Iterator[Path | bytes]) -> Iterator[None]:
        """Prepare one photograph for each item."""
        if self._find:
            for source in sources:
                if not self._at_hand(source):
                    _make(self, source)
                yield
            return
        workers = os.cpu_count() or 1
        # A forked process would inherit TensorFlow's locks without its threads.
        processes = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=processes, initializer=_alone) as pool:
            while some := list(itertools.islice(sources, _AT_ONCE * workers)):
                missing = list(itertools.filterfalse(self._at_hand, some))
                yield from itertools.repeat(None, len(some) - len(missing))
                yield from pool.map(functools.partial(_make, self), missing)

    def _at_hand(self, source: Path | bytes) -> bool:
        try:
            return self._path(source).is_file()
        except OSError:  # The photograph cannot be read, and will be skipped.
            return False


class GivenReferences:
    """Given maps in a folder: holiday.png, or another format, for holiday.jpg.

    Args:
        folder: The folder of the maps; their luma is the saliency.

    Raises:
        InputError: It is not a folder.
    """

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise InputError(f"No saliency maps in {folder}. Expected subject, rbd+mbd, or a folder of maps.")
        self._folder = folder
        self._maps = {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}

    def prepare(
        self, sources: Iterable[tuple[str, Path | bytes]], count: int, *, console: Console | None = None
    ) -> None:
        """Check that each photograph has a map that can be read. The arguments are those of `References`.

        Raises:
            InputError: A map is missing or damaged, or the photographs are from a dataset and have no names.
        """
        named: dict[str, str] = {}
        for name, source in sources:
            if isinstance(source, Path) and (other := named.setdefault(source.stem, name)) != name:
                raise InputError(f"The photographs {other} and {name} would share a saliency map. Rename one of them.")
            if isinstance(source, bytes) or source.stem not in self._maps:
                raise InputError(
                    f"No saliency map of {name} in {self._folder}. Expected a picture of the same name for each "
                    "photograph of a folder; add it, or use `saliency` subject."
                )
            read(self._maps[source.stem])  # A damaged map would end the training.

    def __call__(self, source: Path | bytes | None, rgb: np.ndarray) -> np.ndarray:
        """The map of a photograph, resized to it. The arguments are those of `References`.

        Returns:
            (h, w, 1) float32 in [0, 1]; zeros for a picture without a file.

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
    """Set up a worker process: one thread; interruptions are left to the parent."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would wait for work forever."""
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
