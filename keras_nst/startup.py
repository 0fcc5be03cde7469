"""Prepare the process: standard streams, a quiet TensorFlow with few threads, and the Keras settings of our nets."""

import importlib.util
import os
import re
import sys
import tempfile
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder

from keras_nst.errors import InputError

_SILENT = "3"  # The TF_CPP_MIN_LOG_LEVEL that only shows fatal errors.
# Lines that TensorFlow's C++ code logs before it reads that level: a warning about it, records and their second lines.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:|To enable the following instructions"
)


class Quiet(MetaPathFinder):
    """Finds TensorFlow, and hides the log of its C++ code while it is loaded and later.

    All other output on standard error is shown after TensorFlow is loaded. If TF_CPP_MIN_LOG_LEVEL is set, it decides
    what is shown.
    """

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        """The spec of TensorFlow, with a quiet loader; None for any other module."""
        spec = PathFinder.find_spec(fullname, path) if fullname == "tensorflow" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _quietly(spec.loader.exec_module)
        return spec


BACKENDS = ("tensorflow", "jax", "torch")
_ANY_BACKEND = (
    "train",
    "optimize",
    "harmonize",
)  # Commands that run on all of them; the others need TensorFlow.


class _Settled(MetaPathFinder):
    """Finds Keras, and overrides settings in its keras.json that our nets do not support."""

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        """The spec of Keras, with a loader that overrides its settings; None for any other module."""
        spec = PathFinder.find_spec(fullname, path) if fullname == "keras" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _settling(spec.loader.exec_module)
        return spec


def settle_keras(command: str) -> None:
    """Make Keras, which is not loaded yet, use a backend that the command supports, channels last and float32.

    Raises:
        InputError: The environment names a backend that does not exist or is not installed.
    """
    asked = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if asked not in BACKENDS or importlib.util.find_spec(asked) is None:
        known = ", ".join(filter(importlib.util.find_spec, BACKENDS))
        raise InputError(f"KERAS_BACKEND={asked} is not an installed backend. Known: {known}. Unset it.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _SILENT)  # JAX, which Keras loads first, would set another.
    os.environ["KERAS_BACKEND"] = asked if command in _ANY_BACKEND else BACKENDS[0]
    sys.meta_path.insert(0, _Settled())


CLOSED: set[int] = set()
"""Numbers of the standard streams that were closed when the process started."""


def open_streams() -> None:
    """Open /dev/null for closed standard streams; otherwise the next file gets their number and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            CLOSED.add(number)
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def one_operation_at_once() -> None:
    """Make TensorFlow run one operation at a time, each on all cores, unless the environment says otherwise.

    The operations of a net are mostly sequential anyway. Each thread caches oneDNN's code for the last thousand shapes:
    with a single thread, the memory of a process that stylizes pictures of all sizes stops growing sooner, and at a
    lower level. It has no effect after TensorFlow is first used.
    """
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _quietly(execute):
    def exec_module(module):
        if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _SILENT) != _SILENT:
            return execute(module)
        sys.stderr.flush()
        try:
            printed = tempfile.TemporaryFile()  # noqa: SIM115
        except OSError:  # There is no folder or space for temporary files.
            return execute(module)
        kept = os.dup(2)
        with printed:
            os.dup2(printed.fileno(), 2)
            try:
                execute(module)
            finally:
                sys.stderr.flush()
                os.dup2(kept, 2)
                os.close(kept)
                printed.seek(0)
                for line in printed:
                    if not _NOISE.match(line):
                        os.write(2, line)

    return exec_module


def _settling(execute):
    def exec_module(module):
        try:
            execute(module)
        except (AssertionError, AttributeError, ValueError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"Keras does not start with the settings of its keras.json: {reason}") from error
        module.config.set_image_data_format("channels_last")
        module.config.set_floatx("float32")

    return exec_module
