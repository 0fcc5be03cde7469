"""Shared by the tabs: pictures, masks and nets, which are cached."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_nst.app.files import Files, signed, stem_of
from keras_nst.app.limits import Limits, check_number
from keras_nst.app.selection import Selection
from keras_nst.app.turns import LONG, PAINTING, TILES, WARMING, Turns
from keras_nst.errors import InputError
from keras_nst.models import painter
from keras_nst.models.styles import find_style, has_fast, styles
from keras_nst.options import StylizeOptions
from keras_nst.pictures.io import MIN_SIDE, read, read_painting
from keras_nst.pictures.picture import Picture, longest_side, resize
from keras_nst.select.masks import overlay
from keras_nst.select.subject import MASKS, subject_mask
from keras_nst.video.clips import inspect
from keras_nst.video.stylized import stylize_clip
from keras_nst.video.writing import CODECS

FEATHER = 2.0
"""Width of a restyled part's soft outline on each side, in pixels."""

TILE = 160
"""Longest side in pixels of a photograph as a tile."""

_PICTURES, _MASKS, _PAINTED = 4, 16, 4  # Cached.
_PAUSE = 0.02  # Seconds between two tiles, in which others may begin.


class Workshop:
    """Reads, makes and keeps pictures.

    Args:
        folder: Folder of all files. Nothing is read from elsewhere.
        kept: Folder that results are also written to.
        limits: The limits for visitors.

    Attributes:
        limits: The limits for visitors.
        files: Its files.
        turns: Who works when.
    """

    def __init__(self, folder: Path, kept: Path | None = None, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.files, self.turns = Files(folder, kept), Turns(self.limits.seconds)
        self._loading = threading.RLock()
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
        return self.files.write(picture, stem_of(path), "png"), f"{width} × {height} pixels"

    def take_in_painting(self, path: str | None) -> str:
        """Store an uploaded painting as `take_in` does; returns its path.

        Raises:
            InputError: As from `take_in`, or it has one color everywhere, and so no style.
        """
        return self.files.write(self._read(path, read_painting), stem_of(path), "png")

    def has_style(self, style: str) -> bool:
        """Whether there is a style of this name, or of the painting at this path."""
        return style in styles() or (painter.is_there() and self.files.took_in(style))

    def show_selection(self, selection: Selection) -> str:
        """The path of the picture with the selection marked, or of the picture itself if nothing is selected."""
        mask = self.mask(selection)
        return self.files.show(overlay(self.picture(selection.path).rgb, mask)) if mask.any() else selection.path

    def stylizer(self, style: str, *, fast: bool = False) -> Callable[..., Picture]:
        """Load a style. It is cached.

        Args:
            style: The name of a style, or the path of a painting that a visitor has added.
            fast: Whether to load its fast net if it has one.

        Raises:
            InputError: There is no such style.
        """
        return self._net((style,), fast=fast)

    def painted(self, path: str, options: StylizeOptions) -> Picture:
        """A photograph in the full style, or in a blend of several. It is kept until the style is tuned.

        Args:
            path: The photograph.
            options: Style, blend and size of strokes.

        Raises:
            InputError: The photograph cannot be read, or there is no such style.
        """
        with self.turns.at(PAINTING):
            return self._painted(path, self._net(options.style, options.blend), options.stroke)

    def tiles(self, path: str, styles: Sequence[str], side: int = TILE) -> Iterator[tuple[int, Picture]]:
        """A photograph in many styles, small: the place of each style and the picture, as they are finished.

        Args:
            path: The photograph.
            styles: Names, or paths of paintings. Those that are gone, or are deleted meanwhile, are left out.
            side: Longest side in pixels; that of a strip is longer, so that it can be painted.
        """
        picture = self.picture(path)
        side = max(side, longest_side(picture.rgb.shape[1:3], MIN_SIDE))
        finished = self._in_styles(resize(picture, side), styles)
        with self.turns.at(TILES):
            while not self.turns.closed.wait(_PAUSE):
                self.turns.give_way(TILES)
                with self.turns.turn("net"), self._loading, self._own_styles():
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

        with self.turns.at(LONG), self._own_styles():
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
        if not self.files.holds(path):
            raise InputError("That clip is not here any more. Choose it again.")
        net = self._net(options.style, options.blend)
        with self.files.for_visitors(), self.turns.turn("reading"):
            clip = inspect(path, max_frames=self.limits.frames, max_pixels=self.limits.pixels)

        def frame(rgb: np.ndarray, grain: np.ndarray) -> np.ndarray:
            self.turns.give_way(LONG)
            with self.turns.turn("net"):
                return net(Picture(rgb), strength=options.strength, color=options.color, grain=grain).rgb

        def write(output: Path) -> None:
            stylize_clip(
                clip,
                output,
                frame,
                max_size=self.limits.clip,
                record=signed(record),
                progress=lambda frames: progress(frames / clip.frames),
            )

        suffix = Path(path).suffix.lower()
        name = f"{stem_of(path)}-{method}{suffix if suffix[1:] in CODECS else '.mp4'}"
        with self.turns.at(LONG):
            return self.files.keep(self.files.put(name, write))

    def warm_up(self) -> None:
        """Load the networks, so that no visitor waits for them: first what is seen first. Visitors come before it."""
        work = self._warming()
        while self._warm(work):
            self.turns.give_way(WARMING)

    def close(self) -> None:
        """Begin no more work, and wait for what runs."""
        self.turns.close()
        with self._loading:
            pass

    def _warm(self, work: Iterator[object]) -> bool:
        """Do the next part of the work, which `close` waits for; false if there is none."""
        with self._loading:
            return not self.turns.closed.is_set() and next(work, None) is not None

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

    def _net(
        self, styles: Sequence[str], shares: Sequence[float] | None = None, *, fast: bool = False
    ) -> Callable[..., Picture]:
        for style in styles:
            self._check_style(style)
        from keras_nst.jobs.stylize import stylizer

        with self._loading, self._own_styles():
            if fast:
                styles = [str(find_style(style, fast=has_fast(style))) for style in styles]
            return stylizer(tuple(styles), shares and tuple(shares))

    @contextlib.contextmanager
    def _own_styles(self) -> Iterator[None]:
        """Context in which the styles of visitors' paintings lie beside them, and errors do not tell where."""
        with painter.kept_beside(self.files.folder), self.files.for_visitors():
            yield

    def _in_styles(self, picture: Picture, styles: Sequence[str]) -> Iterator[tuple[int, Picture]]:
        """As `in_styles`, but without styles that are gone or are deleted meanwhile."""
        from keras_nst.jobs.stylize import in_styles

        left = {place: style for place, style in enumerate(styles) if self.has_style(style)}
        while left:
            places = [*left]
            try:
                for number, small in in_styles(picture, [*left.values()]):
                    del left[places[number]]
                    yield places[number], small
            except (InputError, OSError):
                there = {place: style for place, style in left.items() if self.has_style(style)}
                if len(there) == len(left):
                    raise
                left = there

    def _check_style(self, style: str) -> None:
        if not self.has_style(style):
            raise InputError("There is no such style any more. Choose another one.")

    def _paint(self, path: str, net: Callable[..., Picture], stroke: str | float) -> Picture:
        from keras_nst.jobs.stylize import painted_size

        picture = self.picture(path)
        with self.turns.turn("net"):
            return net(picture, painted_size=painted_size(picture, stroke), alone=True)  # Warming up makes it fast.

    def _read(self, path: str | None, reader: Callable[..., Picture] = read) -> Picture:
        if not path:
            raise InputError("There is no picture yet. Choose one first.")
        if not self.files.holds(path):
            raise InputError("That picture is not here any more. Choose it again.")
        with self.turns.turn("reading"):
            content = Path(path).read_bytes()  # So that error messages do not contain the path.
            return reader(content, max_pixels=self.limits.pixels, max_size=self.limits.side)

    def _select(self, selection: Selection) -> np.ndarray:
        """The mask of a selection, (1, h, w, 1); zeros if nothing is selected."""
        check_number(selection.tolerance, 0, 100, "The tolerance")
        picture = self.picture(selection.path)
        before = self.mask(selection.before()) if selection.steps else None
        with self.turns.turn("mask"):
            return selection.mask(picture, before)
