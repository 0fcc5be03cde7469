"""Handle Ctrl-C, and other signals that end a job, so that no library loses them.

Python raises KeyboardInterrupt wherever the program is. Inside TensorFlow or Keras it may be swallowed, or treated as
another error that leads to a wrong graph or a misleading message, or it may crash a module that is being loaded. So
there the exception is delayed until the program is back in this package's own code.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from keras_nst import startup

PACKAGE = __name__.partition(".")[0]
SIGNALS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Ctrl-C, a request to end and, where it exists, a closed terminal, each with the handler that Python begins with."""

if hasattr(signal, "SIGHUP"):  # Windows has none.
    SIGNALS[signal.SIGHUP] = signal.SIG_DFL

FRAGILE = {"jax", "jaxlib", "keras", "llvmlite", "numba", "onnx", "tensorflow", "tf2onnx"}


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Context in which an interruption is raised in this package's code; a second one is raised at once.

    All `SIGNALS` interrupt. The default handlers are restored afterwards. A signal that has another handler keeps it
    (shells make background jobs ignore Ctrl-C, and nohup SIGHUP). Nothing changes outside the main thread, which alone
    receives signals.
    """
    before = {number: handler for number, handler in SIGNALS.items() if signal.getsignal(number) is handler}
    if threading.current_thread() is not threading.main_thread():
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

    for number in before:
        signal.signal(number, interrupted)
    try:
        yield
    finally:
        if waiting:
            sys.settrace(None)
        for number, handler in before.items():
            signal.signal(number, handler)


def _package(frame: FrameType) -> str:
    """The package whose code a frame runs; empty for the code that loads packages."""
    module = frame.f_globals.get("__name__", "")
    return "" if module == startup.__name__ else module.partition(".")[0]


def _is_fragile(frame: FrameType | None) -> bool:
    """Whether code of a fragile package is running, called from this package's code."""
    while frame and _package(frame) != PACKAGE:
        if _package(frame) in FRAGILE:
            return True
        frame = frame.f_back
    return False


def _entered(frame: FrameType, _event: str, _argument: object) -> None:
    if _package(frame) == PACKAGE:
        _raise()


def _raise(*_: object) -> None:
    sys.settrace(None)  # The cleanup after the exception is not interrupted.
    raise KeyboardInterrupt
