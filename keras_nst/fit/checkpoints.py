"""Checkpoints of a training, one file each. The last two are kept.

There is no random state to store: the content of a batch depends only on the seed and the number of the batch.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import check_unpacked, replacing

NEWEST, BEFORE = "checkpoint.npz", "checkpoint-before.npz"
VERSION = 1
_OVERHEAD = 1_000_000  # Maximum number of bytes of names and headers.


def named(**groups: Iterable[keras.Variable]) -> dict[str, keras.Variable]:
    """Name variables in the same way in every process.

    A name is the group's and the variable's path, without the name of an optimizer, which Keras numbers.
    """
    found: dict[str, keras.Variable] = {}
    for group, variables in groups.items():
        for variable in variables:
            path = variable.path.partition("/")[2] if group.startswith("optimizer") else variable.path
            name = f"{group}/{path}"
            found[name if name not in found else f"{name}:{len(found)}"] = variable
    return found


def save(folder: Path, state: Mapping[str, keras.Variable]) -> None:
    """Write a checkpoint, and keep the last one as the one before it.

    Raises:
        InputError: It cannot be written; the others are unchanged.
    """
    with replacing(folder / NEWEST) as temporary:
        # Not HDF5, which crashes the process if the disk is full.
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in state.items()}
        np.savez(temporary, version=VERSION, **arrays)
        if (folder / NEWEST).is_file():
            (folder / NEWEST).replace(folder / BEFORE)


def restore(folder: Path, state: Mapping[str, keras.Variable], tell: Callable[[str], None]) -> None:
    """Restore variables from the newest checkpoint that can be read. Without checkpoints they stay as they are.

    Args:
        folder: Folder of the checkpoints.
        state: The variables, by the names that they were saved by.
        tell: Called with a message if a damaged checkpoint is skipped.

    Raises:
        InputError: There are checkpoints, but none can be read.
    """
    files = [folder / name for name in (NEWEST, BEFORE) if (folder / name).is_file()]
    for place, path in enumerate(files, 1):
        try:
            arrays = _read(path, state)
        except Exception as error:  # A damaged archive may raise anything.
            reason = f"{path} is damaged ({error})."
            if place == len(files):
                raise InputError(f"{reason} Remove it to start again.") from error
            tell(f"{reason} Continuing from the one before it.")
        else:
            for name, variable in state.items():
                variable.assign(arrays[name])
            return


def _read(path: Path, state: Mapping[str, keras.Variable]) -> dict[str, np.ndarray]:
    check_unpacked(path, sum(keras.ops.convert_to_numpy(variable).nbytes for variable in state.values()) + _OVERHEAD)
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = dict(archive)
    version = arrays.pop("version", None)
    if version != VERSION:
        raise ValueError(f"it is of version {version}, not {VERSION}")
    if other := sorted(arrays.keys() ^ state.keys()):
        raise ValueError(f"it is of another net: {other[0]}")
    for name, variable in state.items():
        if arrays[name].shape != tuple(variable.shape):
            raise ValueError(f"{name} is {arrays[name].shape}, not {tuple(variable.shape)}")
    return arrays
