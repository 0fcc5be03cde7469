"""Open files with FFmpeg, by PyAV."""

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_nst.errors import InputError
from keras_nst.files import check_file

# Files that hold frames themselves. Others, such as playlists, make FFmpeg open what they name.
_FORMATS = "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,m4v,ogg,asf"


def is_there() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def pyav() -> Any:
    """Import PyAV.

    Raises:
        InputError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError("Clips need PyAV. Install it: pip install 'keras_nst[video]'.") from error
    av.logging.set_level(None)  # Errors are raised as well.
    return av


def ffmpeg_name(path: str | Path) -> str:
    """A path in FFmpeg's form. Otherwise a colon would make it a URL, and a % a sequence of files.

    Raises:
        InputError: The path is not valid Unicode.
    """
    name = f"file:{path}"
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"FFmpeg cannot open {path}: its name is not valid Unicode. Rename it.") from None
    return name


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[Any]:
    """Open a clip to read, and close it.

    Yields:
        PyAV's container.

    Raises:
        InputError: There is no such file, or FFmpeg cannot read it, here or in the block.
    """
    av = pyav()
    check_file(path)
    try:
        with av.open(ffmpeg_name(path), options={"format_whitelist": _FORMATS}) as container:
            yield container
    except av.FFmpegError as error:
        raise InputError(f"Cannot read {path}: it is damaged, cut short or not a clip ({error.strerror}).") from error
