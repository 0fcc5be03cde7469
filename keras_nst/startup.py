"""Start TensorFlow quietly, whichever module loads it first, and with few threads."""

import os
import re
import sys
import tempfile
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder

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
