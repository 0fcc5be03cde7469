"""Tell pictures, clips and other files apart."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

PICTURES = ("apng", "avif", "bmp", "gif", "heic", "heif", "jpeg", "jpg", "png", "tif", "tiff", "webp")
"""Suffixes of pictures that can be read."""

CLIPS = ("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv")
"""Suffixes of clips that can be read."""

ANIMATED = {"apng": "PNG", "avif": "AVIF", "gif": "GIF", "png": "PNG", "webp": "WEBP"}
"""Suffixes of pictures that may be animated, with Pillow's names of the formats."""

_NAMED = 3  # Files that `left_out` names.


class Found(NamedTuple):
    """The files of a folder.

    Attributes:
        pictures: Pictures and animations, in the order of their names.
        clips: Clips, in the order of their names.
        others: All other files.
    """

    pictures: list[Path]
    clips: list[Path]
    others: list[Path]

    def left_out(self, folder: str | Path, others: list[Path]) -> str:
        """A message that some files are left out; "" if there are none.

        Args:
            folder: The folder, as the user named it.
            others: The files that are left out.
        """
        if not others:
            return ""
        names = ", ".join(path.name for path in others[:_NAMED]) + (" ..." if len(others) > _NAMED else "")
        return f"Left out of {folder}: {names} ({len(others)} of {sum(map(len, self))} files)."


def look_through(folder: str | Path, *, into: Callable[[Path], bool] | None = None) -> Found:
    """List the files of a folder by kind.

    Args:
        folder: The folder.
        into: Whether to include a subfolder that is neither hidden nor a link; None to include none.
    """
    return tell_apart(_files(Path(folder), into))


def tell_apart(paths: Iterable[Path]) -> Found:
    """Group files by kind. Hidden files and all but regular files are `others`."""
    found = Found([], [], [])
    for path in paths:
        suffix = "" if _is_hidden(path) or not os.path.isfile(path) else path.suffix.lower()[1:]
        (found.pictures if suffix in PICTURES else found.clips if suffix in CLIPS else found.others).append(path)
    return found


def is_clip(source: str | Path) -> bool:
    """Whether a path has a clip's suffix, or is an animation."""
    return Path(source).suffix.lower()[1:] in CLIPS or is_animation(source)


def is_animation(source: str | Path) -> bool:
    """Whether a path is a GIF, WebP, PNG or AVIF with several frames."""
    format = ANIMATED.get(Path(source).suffix.lower()[1:])
    try:
        if format is None or not os.path.isfile(source):
            return False
        with Image.open(source, formats=[format]) as image:
            return getattr(image, "is_animated", False)
    except Exception:  # The reader will report what is wrong.
        return False


def _files(folder: Path, into: Callable[[Path], bool] | None) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if os.path.isdir(path):
            if into and not path.is_symlink() and not _is_hidden(path) and into(path):
                yield from _files(path, into)
        else:
            yield path


def _is_hidden(path: Path) -> bool:
    """Whether the file is one that systems leave in folders, such as `._IMG_0001.JPG`."""
    return path.name.startswith(".")
