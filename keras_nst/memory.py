"""How much memory is left, and what to say to a picture that it will not hold."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

from keras_nst.errors import InputError

# Where Linux tells of a container's memory: its limit, what is taken, and what of that are files that it would let go;
# cgroups of version 2 and 1.
CONTAINER = Path("/sys/fs/cgroup")
CONTAINER_LIMITS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def check_memory(size: tuple[int, int], needed: int, advice: Callable[[int], str]) -> None:
    """Refuse a picture that the memory at hand will not hold.

    Args:
        size: Height and width.
        needed: Bytes that it takes, about.
        advice: From the bytes that are free to a sentence that says what to do.

    Raises:
        InputError: It will not.
    """
    free = free_memory()
    if needed > free:
        height, width = size
        taken = f"{width} x {height} pixels take about {needed / 1e9:.1f} GB"
        raise InputError(f"{taken}, and {free / 1e9:.1f} GB are free. {advice(free)}")


def free_memory() -> int:
    """Bytes that can still be taken: of the machine, or of the container where that has less."""
    free = [psutil.virtual_memory().available]
    for limit, taken, statistics, cache in CONTAINER_LIMITS:
        # Where there is no limit the file holds "max", or a number beyond any machine, or there is none.
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split() for line in (CONTAINER / statistics).read_text().splitlines())
            used = int((CONTAINER / taken).read_text()) - int(counts.get(cache, 0))
            free.append(int((CONTAINER / limit).read_text()) - used)
    return max(0, min(free))
