"""Loading TensorFlow, which takes seconds and talks as it does."""

import os
import sys


def load_tensorflow(*, at_once: int = 1) -> None:
    """Import TensorFlow, keeping off the terminal what its C++ side prints before it reads any log level.

    Args:
        at_once: Operations that run side by side, each on all cores; 0 for as many as there are cores. In a net one
            follows the other, and each thread keeps oneDNN's code for the last thousand shapes that it came across:
            with one, a process that stylizes pictures of all sizes comes to rest sooner, and with less.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(at_once))
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
