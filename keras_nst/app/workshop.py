"""Shared by the tabs: pictures in one folder, cached masks and nets, and limits."""

import contextlib
import functools
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.app.limits import Limits, check_number
from keras_nst.app.selection import Selection
from keras_nst.errors import InputError
from keras_nst.files import new_folder, replacing
from keras_nst.models import painter
from keras_nst.models.styles import find_style, has_fast, styles
from keras_nst.options import StylizeOptions
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.io import MIN_SIDE, read
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.masks import overlay
from keras_nst.select.subject import MASKS, subject_mask
from keras_nst.video.clips import inspect
from keras_nst.video.stylized import stylize_clip
from keras_nst.video.writing import CODECS

FEATHER = 2.0
"""Width of a restyled part's soft outline on each side, in pixels."""

_PICTURES, _MASKS, _PAINTED = 4, 16, 4  # Cached.
_PATIENCE, _GLANCE = 20.0, 0.2  # Seconds.
_TILE = 160  # Pixels of the longest side.
_PAINTING, _TILES, _LONG, _WARMING = range(4)  # What comes first.
# Expensive work done at the same time.
_AT_ONCE = {"net": 1, "camera": 1, "optimization": 1, "tuning": 1, "several": 1, "reading": 2, "mask": 2}


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
        self._painted = functools.lru_cache(_PAINTED)(self._paint)

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
        return self._keep(self._write(picture, name, suffix, _signed(record)))

    def pack(self, paths: Sequence[str]) -> str:
        """The path of an archive of results."""

        def write(archive: Path) -> None:
            with zipfile.ZipFile(archive, "w") as packed:  # Pictures are compressed already.
                for number, path in enumerate(paths, 1):
                    packed.write(path, f"{number:02}-{Path(path).name}")

        return self._put("pictures.zip", write)

    def stylizer(self, style: str, *, fast: bool = False) -> Callable[..., Picture]:
        """Load a style. It is cached.

        Args:
            style: The name of a style, or the path of a painting that a visitor has added.
            fast: Whether to load its fast net if it has one.

        Raises:
            InputError: There is no such style.
        """
        return self._net((style,), fast=fast)

    def painted(self, path: str, styles: Sequence[str], shares: Sequence[float] | None = None) -> Picture:
        """A photograph in a style, or in a blend of several. It is kept until the style is tuned.

        Raises:
            InputError: The photograph cannot be read, or there is no such style.
        """
        with self._at(_PAINTING):
            return self._painted(path, self._net(styles, shares))

    def tiles(self, path: str, styles: Sequence[str], side: int = _TILE) -> Iterator[tuple[int, Picture]]:
        """A photograph in many styles, small: the place of each style and the picture, as they are finished.

        Args:
            path: The photograph.
            styles: Names, or paths of paintings.
            side: Longest side in pixels.
        """
        for style in styles:
            self._check_style(style)
        from keras_nst.jobs.stylize import in_styles

        finished = in_styles(resize(self.picture(path), side), styles)
        with self._at(_TILES):
            while not self.closed.wait(_GLANCE / 10):
                self._give_way(_TILES)
                with self.turn("net"), self._loading:
                    tile = next(finished, None)
                if tile is None:
                    return
                yield tile

    def tune(self, painting: str, progress: Callable[[float, None], None]) -> None:
        """Bring the style of a visitor's painting nearer to it, for `limits.tuning` seconds.

        Args:
            painting: Path of the painting.
            progress: Called with the part that is done and None; an error that it raises ends the work.

        Raises:
            InputError: There is no such painting, or it has no style.
        """
        self._check_style(painting)
        from keras_nst.jobs.tune import tune

        with self._at(_LONG), self._for_visitors():
            tune(painting, self.limits.tuning, progress=lambda done: progress(done, None))

    def stylize_clip(
        self, path: str, options: StylizeOptions, method: str, record: dict, progress: Callable[[float], None]
    ) -> str:
        """Stylize an uploaded clip, and keep its sound.

        Args:
            path: Path of the uploaded file.
            options: Style, blend, strength and color.
            method: How it is made, for the file's name.
            record: How it is made, for the metadata.
            progress: Called with the part that is done; an error that it raises ends the work, and nothing is written.

        Returns:
            Path of the result, which has the format of the clip where that can be written, else MP4.

        Raises:
            InputError: The file is no clip, damaged or beyond the limits, or there is no such style.
        """
        if not self.holds(path):
            raise InputError("That clip is not here any more. Choose it again.")
        net = self._net(options.style, options.blend)
        with self._for_visitors(), self.turn("reading"):
            clip = inspect(path, max_frames=self.limits.frames, max_pixels=self.limits.pixels)
        if min(clip.size) * self.limits.clip < MIN_SIDE * max(clip.size):
            raise InputError("The clip is too narrow to be painted. Cut it to another shape.")

        def frame(rgb: np.ndarray, grain: np.ndarray) -> np.ndarray:
            self._give_way(_LONG)
            with self.turn("net"):
                return net(Picture(rgb), strength=options.strength, color=options.color, grain=grain).rgb

        def write(output: Path) -> None:
            stylize_clip(
                clip,
                output,
                frame,
                max_size=self.limits.clip,
                record=_signed(record),
                progress=lambda frames: progress(frames / clip.frames),
            )

        suffix = Path(path).suffix.lower()
        name = f"{_stem(path)}-{method}{suffix if suffix[1:] in CODECS else '.mp4'}"
        with self._at(_LONG):
            return self._keep(self._put(name, write))

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
            yield self.stylizer(style, fast=True)(flat)
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

    def _net(
        self, styles: Sequence[str], shares: Sequence[float] | None = None, *, fast: bool = False
    ) -> Callable[..., Picture]:
        for style in styles:
            self._check_style(style)
        if fast:
            styles = [str(find_style(style, fast=has_fast(style))) for style in styles]
        from keras_nst.jobs.stylize import stylizer

        with self._loading, self._for_visitors():
            return stylizer(tuple(styles), shares and tuple(shares))

    def _check_style(self, style: str) -> None:
        if style not in styles() and not (painter.is_there() and self.took_in(style)):
            raise InputError("There is no such style any more. Choose another one.")

    def _paint(self, path: str, net: Callable[[Picture], Picture]) -> Picture:
        picture = self.picture(path)
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

    def _keep(self, path: str) -> str:
        """Copy a result to the folder of results, if there is one; returns its path here."""
        if self._kept:
            name = f"{Path(path).stem}-{secrets.token_hex(4)}{Path(path).suffix}"
            with self._for_visitors(), replacing(self._kept / name) as temporary:
                shutil.copyfile(path, temporary)
        return path

    @contextlib.contextmanager
    def _for_visitors(self) -> Iterator[None]:
        """Context whose errors do not tell visitors where files lie."""
        try:
            yield
        except InputError as error:
            if isinstance(error.__cause__, OSError):
                raise InputError("The server cannot keep the result. Try again later.") from error
            raise InputError(re.sub(rf"{re.escape(str(self._folder))}\S*/", "", str(error))) from error

    def _put(self, name: str, write: Callable[[Path], object]) -> str:
        """Let a function write a file in a folder of its own, which is there once it is whole; the file's path."""
        place = self._folder / secrets.token_hex(16)
        with self._for_visitors(), new_folder(place) as folder:
            write(folder / name)
        return str(place / name)


def _stem(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", Path(path).stem)[:40].strip("-") or "picture"


def _signed(record: dict) -> dict:
    return {"version": keras_nst.__version__, **record}
