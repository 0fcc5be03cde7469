"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_nst.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well, and is removed when it does not.

    Missing parent folders are made. The temporary name keeps the suffixes, because many writers choose a format by
    them (Keras wants `.weights.h5`). A link keeps pointing where it did, and its target is replaced.

    Args:
        path: The file to be written.

    Yields:
        The path to write to, in the same folder, so that the rename is atomic.

    Raises:
        InputError: The path is a folder or a device, its folder cannot be made or written to, or the disk is full.
    """
    given, path = path, Path(path).resolve()
    temporary = None
    try:
        if path.exists() and not path.is_file():
            raise OSError("it exists and is no file")  # Renaming over /dev/null would replace it.
        path.parent.mkdir(parents=True, exist_ok=True)
        # 60 characters are at most 240 bytes, and a name may have 255.
        handle, name = tempfile.mkstemp(prefix=".", suffix=f"-{path.name[-60:]}", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files private; an output should be as readable as any other file of this user.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"Cannot write {given}: {reason}. Choose another place.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def make_folder(path: str) -> None:
    """Make a report's folder, before the work that would be lost without one.

    Raises:
        InputError: It cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder --report {path}: {error.strerror}. Choose another.") from error
