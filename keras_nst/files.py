"""Write files and folders that are never incomplete."""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_nst.errors import InputError

# The process's mask of file permissions. It can only be read by setting it, which is safe while there is one thread.
_UMASK = os.umask(0)
os.umask(_UMASK)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it is renamed to `path` on success, and removed on failure.

    Missing parent folders are created. The temporary name keeps the suffixes, because many writers choose the format by
    them (Keras needs `.weights.h5`). If `path` is a link, its target is replaced.

    Args:
        path: The file to write.

    Yields:
        The path to write to, in the same folder, so that the rename is atomic.

    Raises:
        InputError: The path is a folder or a device, its folder cannot be created or written to, or the disk is full.
    """
    given, path = path, Path(os.path.realpath(path))  # `Path.resolve` raises at circular links.
    temporary = None
    try:
        with _told(given, lambda: temporary):
            if path.exists() and not path.is_file():
                raise OSError("it exists and is not a file")  # Renaming over /dev/null would replace it.
            path.parent.mkdir(parents=True, exist_ok=True)
            # 60 characters are at most 240 bytes; a name may have 255.
            handle, name = tempfile.mkstemp(prefix=".", suffix=f"-{path.name[-60:]}", dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            yield temporary
            temporary.chmod(0o666 & ~_UMASK)
            temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_file(path: str | Path) -> None:
    """Check that a path is a regular file before it is opened: opening a pipe would wait for a writer.

    Raises:
        InputError: There is no such file, or it is a folder, a pipe or a device.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error


def check_unpacked(path: str | Path, limit: int) -> None:
    """Check the size of a zip archive's contents before it is unpacked: a small file can hold many gigabytes.

    Args:
        path: The archive.
        limit: Maximum number of bytes of all its files together.

    Raises:
        InputError: They are larger.
        zipfile.BadZipFile: It is not a zip archive.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > limit:
        raise InputError(f"{path} unpacks to {size:,} bytes, and at most {limit:,} were expected. Copy it again.")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits.

    Raises:
        InputError: The file cannot be read.
    """
    check_file(path)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder; it is renamed to `path` on success, and removed on failure.

    Args:
        path: The folder to create. Missing parents are created as well.

    Yields:
        The folder to write to, in the nearest parent that exists.

    Raises:
        InputError: The path exists, the folder cannot be created, or the disk is full.
    """
    path = Path(path).absolute()
    temporary = None
    try:
        with _told(path, lambda: temporary):
            if path.exists():
                raise OSError("it exists")
            temporary = Path(tempfile.mkdtemp(prefix=".", dir=next(filter(Path.exists, path.parents))))
            yield temporary
            temporary.chmod(0o777 & ~_UMASK)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(path)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _told(path: str | Path, temporary: Callable[[], Path | None]) -> Iterator[None]:
    """Raise OSErrors as InputErrors about writing `path`, or about reading another file. Those of memory stay."""
    try:
        yield
    except OSError as error:
        named, begun = error.filename, temporary()
        if error.errno == errno.ENOMEM:
            raise
        # Before the block begins, all errors are about the output. FFmpeg names a file with a prefix.
        of_place = not isinstance(named, str) or str(begun) in named or Path(path).is_relative_to(named)
        if begun is not None and not of_place:
            raise InputError(f"Cannot read {named}: {error.strerror}.") from error
        message = f"Cannot write {path}: {error.strerror or error}. Choose another place."
        raise InputError(message) from error


def make_folder(path: str, option: str = "report") -> None:
    """Create a folder for results before the work starts.

    Args:
        path: The folder.
        option: The option that named it.

    Raises:
        InputError: The folder cannot be created.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot create the folder `{option}` {path}: {error.strerror}. Choose another.") from error
