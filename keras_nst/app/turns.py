"""Who works when: visitors take turns, and long work gives way to short work."""

import contextlib
import threading
from collections.abc import Iterator

from keras_nst.errors import InputError

PAINTING, TILES, LONG, WARMING = range(4)
"""Ranks of work: what comes first."""

_PATIENCE, _GLANCE = 20.0, 0.2  # Seconds.
# Expensive work done at the same time.
_AT_ONCE = {"net": 1, "camera": 1, "optimization": 1, "tuning": 1, "several": 1, "reading": 2, "mask": 2}


class Turns:
    """Lets few do the same work at once, and long work give way.

    Args:
        patience: Seconds that a visitor waits for a turn.

    Attributes:
        closed: Set when the server ends.
    """

    def __init__(self, patience: float):
        self._patience = patience
        self.closed = threading.Event()
        self._ranks: list[int] = []  # Of the work that others give way to.
        self._turns = {work: threading.BoundedSemaphore(count) for work, count in _AT_ONCE.items()}

    @contextlib.contextmanager
    def at(self, rank: int) -> Iterator[None]:
        """Context of work to which work of higher ranks gives way."""
        self._ranks.append(rank)
        try:
            yield
        finally:
            self._ranks.remove(rank)

    def give_way(self, rank: int) -> None:
        """Wait until no work of a lower rank is waiting or running."""
        while min(self._ranks, default=rank) < rank and not self.closed.wait(_GLANCE):
            pass

    @contextlib.contextmanager
    def turn(self, work: str) -> Iterator[None]:
        """Wait until few enough others do the same work.

        Args:
            work: A name of `_AT_ONCE`.

        Raises:
            InputError: It takes too long.
        """
        turn = self._turns[work]
        if not turn.acquire(timeout=self._patience):
            raise InputError("Too many visitors at once. Try again in a few minutes.")
        try:
            if self.closed.is_set():
                raise InputError("The server is ending. Try again later.")
            yield
        finally:
            turn.release()

    def close(self) -> None:
        """Begin no more work, and wait for what runs: a thread that is ended within TensorFlow crashes the process."""
        self.closed.set()
        for work, turn in self._turns.items():
            taken = sum(turn.acquire(timeout=_PATIENCE) for _ in range(_AT_ONCE[work]))
            if taken:
                turn.release(taken)
