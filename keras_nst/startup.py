"""TensorFlow's start: quiet, whoever loads it first, and with few threads."""

import os
import re
import sys
import tempfile
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder

_SILENT = "3"  # TF_CPP_MIN_LOG_LEVEL of fatal errors alone.
# What TensorFlow's C++ side logs before it reads that level: a warning of this, records and their second lines.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:|To enable the following instructions"
)


class Quiet(MetaPathFinder):
    """Finds TensorFlow, and keeps off the terminal what its C++ side logs as it is loaded and later.

    Everything else that is printed meanwhile is shown once it is loaded. Who sets TF_CPP_MIN_LOG_LEVEL sees what that
    lets through.
    """

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        """The module as Python finds it, if it is TensorFlow, with a loader that is quiet."""
        spec = PathFinder.find_spec(fullname, path) if fullname == "tensorflow" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _quietly(spec.loader.exec_module)
        return spec


def one_operation_at_once() -> None:
    """Have TensorFlow's operations follow one another, each on all cores, unless the environment says otherwise.

    In a net one follows the other anyway, and each thread keeps oneDNN's code for the last thousand shapes that it came
    across: with one, a process that stylizes pictures of all sizes comes to rest sooner, and with less. It counts
    until TensorFlow is first used.
    """
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _quietly(execute):
    def exec_module(module):
        if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _SILENT) != _SILENT:
            return execute(module)
        sys.stderr.flush()
        kept = os.dup(2)
        with tempfile.TemporaryFile() as printed:
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
