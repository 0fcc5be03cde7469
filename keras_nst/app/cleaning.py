"""Delete old files while the server runs."""

import contextlib
import threading
import time
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path

from keras_nst.app.limits import Limits

_EVERY = 60.0  # Seconds.
_MOST = 20_000  # Files.


@contextlib.contextmanager
def cleaning(folder: Path, limits: Limits, every: float = _EVERY) -> Iterator[None]:
    """Context in which a thread cleans a folder repeatedly. Files that are there at its beginning stay.

    Args:
        folder: The folder.
        limits: Maximum age and size.
        every: Seconds between cleanings.
    """
    stays, over = {path for path, *_ in _files(folder)}, threading.Event()

    def work() -> None:
        while not over.wait(every):
            try:
                clean_up(folder, limits, stays)
            except Exception as error:  # The next time may succeed.
                traceback.print_exception(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def clean_up(folder: Path, limits: Limits, stays: Collection[Path] = ()) -> None:
    """Delete files older than `limits.age`, and then the oldest until at most `limits.kept` bytes are left.

    Args:
        folder: The folder, with its subfolders.
        limits: Maximum age and size.
        stays: Files that are neither deleted nor counted.
    """
    now, bytes_left, files_left = time.time(), limits.kept, _MOST
    files = [file for file in _files(folder) if file[0] not in stays]
    for path, when, size in sorted(files, key=lambda file: file[1], reverse=True):
        bytes_left, files_left = bytes_left - size, files_left - 1
        if now - when > limits.age or min(bytes_left, files_left) < 0:
            with contextlib.suppress(OSError):  # It may be deleted already, or open.
                path.unlink()
            with contextlib.suppress(OSError):  # Not empty.
                for emptied in path.relative_to(folder).parents[:-1]:
                    (folder / emptied).rmdir()


def _files(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """The files below a folder, with the time of their last change and their size in bytes."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if not path.is_dir():
                yield path, max(status.st_mtime, status.st_ctime), status.st_size
