"""Loading TensorFlow, which takes seconds and talks as it does."""

import os
import sys


def load_tensorflow() -> None:
    """Import TensorFlow, keeping off the terminal what its C++ side prints before it reads any log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
