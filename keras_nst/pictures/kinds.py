"""Which files are pictures and which are clips: one rule, for folders everywhere."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

PICTURES = ("apng", "avif", "bmp", "gif", "heic", "heif", "jpeg", "jpg", "png", "tif", "tiff", "webp")
"""Suffixes of pictures that are read."""

CLIPS = ("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv")
"""Suffixes of clips that are read."""

ANIMATED = {"apng": "PNG", "avif": "AVIF", "gif": "GIF", "png": "PNG", "webp": "WEBP"}
"""Suffixes of pictures that may move, and Pillow's format of each."""

_NAMED = 3  # Of those that are left out.


class Found(NamedTuple):
    """What a folder holds.

    Attributes:
        pictures: In the order of their names.
        clips: As well; animations are pictures that move, and among the pictures.
        others: All other files.
    """

    pictures: list[Path]
    clips: list[Path]
    others: list[Path]

    def left_out(self, folder: str | Path, others: list[Path]) -> str:
        """A line that says which files are not taken; "" where none is.

        Args:
            folder: As it was named.
            others: Those files.
        """
        if not others:
            return ""
        names = ", ".join(path.name for path in others[:_NAMED]) + (" ..." if len(others) > _NAMED else "")
        return f"Left out of {folder}: {names} ({len(others)} of {sum(map(len, self))} files)."


def look_through(folder: str | Path, *, deep: bool = False) -> Found:
    """Tell the files of a folder apart, one by one and by their names.

    Args:
        folder: The folder.
        deep: Whether to look into the folders in it that are not hidden.
    """
    return tell_apart(_files(Path(folder), deep))


def tell_apart(paths: Iterable[Path]) -> Found:
    """Tell files apart, one by one and by their names; what is hidden or no regular file is none of either kind."""
    found = Found([], [], [])
    for path in paths:
        suffix = "" if _is_hidden(path) or not os.path.isfile(path) else path.suffix.lower()[1:]
        (found.pictures if suffix in PICTURES else found.clips if suffix in CLIPS else found.others).append(path)
    return found


def is_clip(source: str | Path) -> bool:
    """Whether a path has the suffix of a clip, or is an animation."""
    return Path(source).suffix.lower()[1:] in CLIPS or is_animation(source)


def is_animation(source: str | Path) -> bool:
    """Whether a path is a picture that moves: GIF, WebP, PNG or AVIF of several frames."""
    format = ANIMATED.get(Path(source).suffix.lower()[1:])
    try:
        if format is None or not os.path.isfile(source):
            return False
        with Image.open(source, formats=[format]) as image:
            return getattr(image, "is_animated", False)
    except Exception:  # Whoever reads it says what is wrong.
        return False


def _files(folder: Path, deep: bool) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if os.path.isdir(path):
            if deep and not path.is_symlink() and not _is_hidden(path):
                yield from _files(path, deep)
        else:
            yield path


def _is_hidden(path: Path) -> bool:
    """Whether it is something that systems leave in folders, such as `._IMG_0001.JPG`."""
    return path.name.startswith(".")
