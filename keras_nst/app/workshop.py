"""Shared by the tabs: pictures in one folder, cached masks and nets, and limits."""

import contextlib
import functools
import queue
import re
import secrets
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.app.selection import Selection
from keras_nst.errors import InputError
from keras_nst.files import new_folder
from keras_nst.models import painter
from keras_nst.models.styles import styles
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.masks import overlay
from keras_nst.select.subject import MASKS, subject_mask

FEATHER = 2.0
"""Width of a restyled part's soft outline on each side, in pixels."""

_PICTURES, _MASKS, _PAINTED = 4, 16, 4  # Cached.
_PATIENCE, _GLANCE = 20.0, 0.2  # Seconds.
_TILE = 160  # Pixels of the longest side.
_PAINTING, _TILES, _WARMING = range(3)  # What comes first.
_AT_ONCE = {"net": 1, "camera": 1, "optimization": 1, "reading": 2, "mask": 2}  # Expensive work done at the same time.


@dataclass(frozen=True)
class Limits:
    """Limits for a visitor.

    Attributes:
        pixels: Largest number of pixels of a picture, checked before decoding.
        side: Longest side that pictures are shrunk to.
        file: Bytes of an uploaded file.
        uploads: Files uploaded from one address within `age`.
        uploaded: Bytes of these together.
        message: Bytes of a request that is not an upload.
        age: Seconds after which a file is deleted.
        kept: Bytes of all files together; the oldest are deleted.
        seconds: Time for an optimization, after which it only finishes its picture; longest wait for other work.
        waiting: Number of requests that may wait.
    """

    pixels: int = 50_000_000
    side: int = 1600
    file: int = 50_000_000
    uploads: int = 200
    uploaded: int = 200_000_000
    message: int = 5_000_000
    age: float = 6 * 3600.0
    kept: int = 4_000_000_000
    seconds: float = 300.0
    waiting: int = 60


class Workshop:
    """Reads, makes and keeps pictures.

    Args:
        folder: Folder of all files. Nothing is read from elsewhere.
        kept: Folder that results are also written to.
        limits: The limits for visitors.

    Attributes:
        closed: Set when the server ends.
    """

    def __init__(self, folder: Path, kept: Path | None = None, limits: Limits | None = None):
        self.limits = limits or Limits()
        self._folder, self._kept = folder.resolve(), kept
        self.closed = threading.Event()
        self._loading = threading.RLock()
        self._ranks: list[int] = []  # Of the work that others give way to.
        self._turns = {work: threading.BoundedSemaphore(count) for work, count in _AT_ONCE.items()}
        self.picture = functools.lru_cache(_PICTURES)(self._read)
        self.mask = functools.lru_cache(_MASKS)(self._select)
        self.painted = functools.lru_cache(_PAINTED)(self._paint)

    def take_in(self, path: str | None) -> tuple[str, str]:
        """Store an uploaded picture, upright, in sRGB and within the limits.

        Args:
            path: Path of the uploaded file.

        Returns:
            Path of the picture, and a note about it.

        Raises:
            InputError: There is no picture, it cannot be read, or it is too large or too small.
        """
        picture = self._read(path)
        height, width = picture.rgb.shape[1:3]
        return self._write(picture, _stem(path), "png"), f"{width} × {height} pixels"

    def show(self, rgb: np.ndarray) -> str:
        """The path of a JPEG of a picture (1, h, w, 3)."""
        return self._write(Picture(rgb), "preview", "jpg")

    def show_selection(self, selection: Selection) -> str:
        """The path of the picture with the selection marked, or of the picture itself if nothing is selected."""
        mask = self.mask(selection)
        return self.show(overlay(self.picture(selection.path).rgb, mask)) if mask.any() else selection.path

    def deliver(self, picture: Picture, path: str, method: str, record: dict, suffix: str = "png") -> str:
        """Write a result.

        Args:
            picture: The result.
            path: Path of the picture it was made from.
            method: How it was made, for the file's name.
            record: How it was made, for the metadata.
            suffix: "png" or "jpg".

        Returns:
            Path of the result.
        """
        if suffix not in ("png", "jpg"):
            raise InputError("A result is written as PNG or JPEG. Choose one of them.")
        name = f"{_stem(path)}-{method}"
        record = {"version": keras_nst.__version__, **record}
        if self._kept:
            with _for_visitors():
                write(self._kept / f"{name}-{secrets.token_hex(4)}.{suffix}", picture, record=record)
        return self._write(picture, name, suffix, record)

    def pack(self, paths: Sequence[str]) -> str:
        """The path of an archive of results."""

        def write(archive: Path) -> None:
            with zipfile.ZipFile(archive, "w") as packed:  # Pictures are compressed already.
                for number, path in enumerate(paths, 1):
                    packed.write(path, f"{number:02}-{Path(path).name}")

        return self._put("pictures.zip", write)

    def stylizer(self, style: str):
        """Load a style. It is cached.

        Args:
            style: The name of a style, or the path of a painting that a visitor has added.

        Raises:
            InputError: There is no such style.
        """
        self._check_style(style)
        from keras_nst.jobs.stylize import stylizer

        with self._loading:
            return stylizer((style,))

    def tiles(self, path: str, styles: Sequence[str]) -> Iterator[tuple[int, Picture]]:
        """A photograph in many styles, small: the place of each style and the picture, as they are finished."""
        for style in styles:
            self._check_style(style)
        from keras_nst.jobs.stylize import in_styles

        finished = in_styles(resize(self.picture(path), _TILE), styles)
        with self._at(_TILES):
            while not self.closed.wait(_GLANCE / 10):
                self._give_way(_TILES)
                with self.turn("net"), self._loading:
                    tile = next(finished, None)
                if tile is None:
                    return
                yield tile

    def tuned(self, painting: str, seconds: float) -> Iterator[float]:
        """Tune the style of a visitor's painting, and yield the part that is done."""
        self._check_style(painting)
        news: queue.SimpleQueue = queue.SimpleQueue()

        def work() -> None:
            from keras_nst.jobs.tune import tune

            try:
                with self.turn("optimization"):
                    tune(painting, seconds, progress=news.put)
                news.put(None)
            except Exception as error:
                news.put(error)

        threading.Thread(target=work, daemon=True).start()
        while (done := news.get()) is not None:
            if isinstance(done, Exception):
                raise done
            yield done
        from keras_nst.jobs.stylize import stylizer

        stylizer.cache_clear()
        self.painted.cache_clear()

    def warm_up(self) -> None:
        """Load the networks, so that no visitor waits for them: first what is seen first. Visitors come before it."""
        work = self._warming()
        while self._warm(work):
            self._give_way(_WARMING)

    def _warm(self, work: Iterator[object]) -> bool:
        """Do the next part of the work, which `close` waits for; false if there is none."""
        with self._loading:
            return not self.closed.is_set() and next(work, None) is not None

    def _warming(self) -> Iterator[object]:
        from keras_nst.jobs.stylize import in_styles

        flat, names = Picture(np.full((1, 64, 64, 3), 0.5, np.float32)), [*styles()]
        yield self.stylizer(names[0])(flat)
        finished = in_styles(flat, names)
        yield from finished
        for style in names:
            yield self.stylizer(style)(flat)
        for source in MASKS:
            yield [subject_mask(flat, source)]

    @contextlib.contextmanager
    def _at(self, rank: int) -> Iterator[None]:
        """Context of work to which work of higher ranks gives way."""
        self._ranks.append(rank)
        try:
            yield
        finally:
            self._ranks.remove(rank)

    def _give_way(self, rank: int) -> None:
        """Wait until no work of a lower rank is waiting or running."""
        while min(self._ranks, default=rank) < rank and not self.closed.wait(_GLANCE):
            pass

    @contextlib.contextmanager
    def turn(self, work: str) -> Iterator[None]:
        """Wait until few enough others do the same work.

        Args:
            work: A name of `_AT_ONCE`.

        Raises:
            InputError: It takes too long.
        """
        turn = self._turns[work]
        if not turn.acquire(timeout=self.limits.seconds):
            raise InputError("Too many visitors at once. Try again in a few minutes.")
        try:
            if self.closed.is_set():
                raise InputError("The server is ending. Try again later.")
            yield
        finally:
            turn.release()

    def close(self) -> None:
        """Begin no more work, and wait for what runs: a thread that is ended within TensorFlow crashes the process."""
        self.closed.set()
        for work, turn in self._turns.items():
            taken = sum(turn.acquire(timeout=_PATIENCE) for _ in range(_AT_ONCE[work]))
            if taken:
                turn.release(taken)
        with self._loading:
            pass

    def holds(self, path: str) -> bool:
        """Whether a path is a regular file of the workshop."""
        file = Path(path).resolve()
        return file.is_relative_to(self._folder) and file.is_file()

    def took_in(self, path: str) -> bool:
        """Whether a path is that of a picture in the workshop. Nobody can guess the name of its folder."""
        return bool(re.fullmatch(r"[0-9a-f]{32}", Path(path).parent.name)) and self.holds(path)

    def _check_style(self, style: str) -> None:
        if style not in styles() and not (painter.is_there() and self.took_in(style)):
            raise InputError("There is no such style any more. Choose another one.")

    def _paint(self, path: str, names: tuple[str, ...], shares: tuple[float, ...] | None) -> Picture:
        from keras_nst.jobs.stylize import stylizer

        for style in names:
            self._check_style(style)
        picture = self.picture(path)
        with self._at(_PAINTING):
            with self._loading:
                net = stylizer(names, shares)
            with self.turn("net"):
                return net(picture)

    def _read(self, path: str | None) -> Picture:
        if not path:
            raise InputError("There is no picture yet. Choose one first.")
        if not self.holds(path):
            raise InputError("That picture is not here any more. Choose it again.")
        with self.turn("reading"):
            content = Path(path).read_bytes()  # So that error messages do not contain the path.
            return read(content, max_pixels=self.limits.pixels, max_size=self.limits.side)

    def _select(self, selection: Selection) -> np.ndarray:
        """The mask of a selection, (1, h, w, 1); zeros if nothing is selected."""
        check_number(selection.tolerance, 0, 100, "The tolerance")
        picture = self.picture(selection.path)
        before = self.mask(selection.before()) if selection.steps else None
        with self.turn("mask"):
            return selection.mask(picture, before)

    def _write(self, picture: Picture, stem: str, suffix: str, record: dict | None = None) -> str:
        encoded = encode(picture, suffix, record=record)
        return self._put(f"{stem}.{suffix}", lambda path: path.write_bytes(encoded))

    def _put(self, name: str, write: Callable[[Path], object]) -> str:
        """Let a function write a file in a folder of its own, which is there once it is whole; the file's path."""
        place = self._folder / secrets.token_hex(16)
        with _for_visitors(), new_folder(place) as folder:
            write(folder / name)
        return str(place / name)


@contextlib.contextmanager
def _for_visitors() -> Iterator[None]:
    """Context whose errors tell visitors that a file cannot be written, but not where."""
    try:
        yield
    except InputError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise InputError("The server cannot keep the result. Try again later.") from error


def check_number(number: float, low: float, high: float, name: str) -> None:
    """Check that a value is a number from `low` to `high`.

    Args:
        number: What a visitor sent.
        low: The minimum.
        high: The maximum.
        name: Name of the value in messages.

    Raises:
        InputError: It is not.
    """
    if not isinstance(number, int | float) or not low <= number <= high:
        raise InputError(f"{name} is out of range. Expected a number from {low} to {high}.")


def _stem(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", Path(path).stem)[:40].strip("-") or "picture"
