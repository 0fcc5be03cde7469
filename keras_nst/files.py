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

    Missing parent folders are made. The temporary name keeps the suffix, because many writers choose a format by it.

    Args:
        path: The file to be written.

    Yields:
        The path to write to, in the same folder, so that the rename is atomic.

    Raises:
        InputError: The folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
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
        raise InputError(f"Cannot write {path}: {reason}. Choose another place with --output.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
