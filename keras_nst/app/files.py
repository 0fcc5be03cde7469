"""The files of the workshop: uploaded pictures, previews and results, in one folder."""

import contextlib
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.errors import InputError
from keras_nst.files import new_folder, replacing
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.picture import Picture


class Files:
    """Writes files, each in a folder whose name nobody can guess, and tells which are its own.

    Args:
        folder: Folder of all files.
        kept: Folder that results are also written to; None for no other.

    Attributes:
        folder: Folder of all files.
    """

    def __init__(self, folder: Path, kept: Path | None = None):
        self.folder, self._kept = folder.resolve(), kept

    def holds(self, path: str) -> bool:
        """Whether a path is a regular file of the workshop."""
        file = Path(path).resolve()
        return file.is_relative_to(self.folder) and file.is_file()

    def took_in(self, path: object) -> bool:
        """Whether this is the path of a picture in the workshop. Nobody can guess the name of its folder."""
        return (
            isinstance(path, str) and bool(re.fullmatch(r"[0-9a-f]{32}", Path(path).parent.name)) and self.holds(path)
        )

    def show(self, rgb: np.ndarray) -> str:
        """The path of a JPEG of a picture (1, h, w, 3)."""
        return self.write(Picture(rgb), "preview", "jpg")

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
        name = f"{stem_of(path)}-{method}"
        return self.keep(self.write(picture, name, suffix, signed(record)))

    def pack(self, paths: Sequence[str]) -> str:
        """The path of an archive of results."""

        def write(archive: Path) -> None:
            with zipfile.ZipFile(archive, "w") as packed:  # Pictures are compressed already.
                for number, path in enumerate(paths, 1):
                    packed.write(path, f"{number:02}-{Path(path).name}")

        return self.put("pictures.zip", write)

    def write(self, picture: Picture, name: str, suffix: str, record: dict | None = None) -> str:
        """Write a picture as NAME.SUFFIX; returns its path."""
        encoded = encode(picture, suffix, record=record)
        return self.put(f"{name}.{suffix}", lambda path: path.write_bytes(encoded))

    def keep(self, path: str) -> str:
        """Copy a result to the folder of results, if there is one; returns its path here."""
        if self._kept:
            name = f"{Path(path).stem}-{secrets.token_hex(4)}{Path(path).suffix}"
            with self.for_visitors(), replacing(self._kept / name) as temporary:
                shutil.copyfile(path, temporary)
        return path

    @contextlib.contextmanager
    def for_visitors(self) -> Iterator[None]:
        """Context whose errors do not tell visitors where files lie."""
        try:
            yield
        except InputError as error:
            if isinstance(error.__cause__, OSError):
                raise InputError("The server cannot keep the result. Try again later.") from error
            raise InputError(re.sub(rf"{re.escape(str(self.folder))}\S*/", "", str(error))) from error

    def put(self, name: str, write: Callable[[Path], object]) -> str:
        """Let a function write a file in a folder of its own, which is there once it is whole; the file's path."""
        place = self.folder / secrets.token_hex(16)
        with self.for_visitors(), new_folder(place) as folder:
            write(folder / name)
        return str(place / name)


def stem_of(path: str) -> str:
    """The name of an uploaded file without its suffix, in letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", Path(path).stem)[:40].strip("-") or "picture"


def signed(record: dict) -> dict:
    """How a result was made, with the version of the package."""
    return {"version": keras_nst.__version__, **record}
