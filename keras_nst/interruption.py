"""Ctrl-C, raised where nobody loses it.

Python raises KeyboardInterrupt wherever the program is. In the midst of TensorFlow or Keras it is swallowed, or taken
for another error after which they go on by another way, to a wrong graph or a message of something else, or it crashes
what is being loaded. So there it waits until the program is back in this package's own code.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from keras_nst import startup

PACKAGE = __name__.partition(".")[0]
FRAGILE = {"jax", "jaxlib", "keras", "llvmlite", "numba", "onnx", "tensorflow", "tf2onnx"}


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Within, an interruption is raised in this package's code, and a second one at once.

    Python's own handler is back afterwards. Where another one is at work nothing changes (a shell has what runs in the
    background ignore interruptions), nor in another thread than the main one, which hears no signals.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting = False

    def interrupted(_, frame: FrameType | None) -> None:
        nonlocal waiting
        if waiting or not _is_fragile(frame):
            raise KeyboardInterrupt
        waiting = True
        while frame:
            if _package(frame) == PACKAGE:
                frame.f_trace = _raise
            frame = frame.f_back
        sys.settrace(_entered)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        if waiting:
            sys.settrace(None)
        signal.signal(signal.SIGINT, before)


def _package(frame: FrameType) -> str:
    """The package whose code a frame runs; none for what runs while any package is being loaded."""
    module = frame.f_globals.get("__name__", "")
    return "" if module == startup.__name__ else module.partition(".")[0]


def _is_fragile(frame: FrameType | None) -> bool:
    """Whether a fragile package is at work, by order of the nearest code of ours."""
    while frame and _package(frame) != PACKAGE:
        if _package(frame) in FRAGILE:
            return True
        frame = frame.f_back
    return False


def _entered(frame: FrameType, _event: str, _argument: object) -> None:
    if _package(frame) == PACKAGE:
        _raise()


def _raise(*_: object) -> None:
    sys.settrace(None)  # What is cleaned up on the way out is not interrupted.
    raise KeyboardInterrupt
