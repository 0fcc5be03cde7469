"""Check the free memory, and refuse a picture that does not fit."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

from keras_nst.errors import InputError

# Linux files for a container's memory: its limit, the memory in use, and the part of it that is reclaimable file cache;
# for cgroups of version 2 and 1.
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
    """Check that there is enough memory for a picture.

    Args:
        size: Height and width.
        needed: Approximate memory in bytes.
        advice: Function from the free bytes to a sentence that says what to do.

    Raises:
        InputError: There is not enough memory.
    """
    free = free_memory()
    if needed > free:
        height, width = size
        taken = f"{width} x {height} pixels take about {needed / 1e9:.1f} GB"
        raise InputError(f"{taken}, and {free / 1e9:.1f} GB are free. {advice(free)}")


def free_memory() -> int:
    """Free memory in bytes, of the machine or of the container, whichever is less."""
    free = [psutil.virtual_memory().available]
    for limit, taken, statistics, cache in CONTAINER_LIMITS:
        # Without a limit, the file holds "max" or a huge number, or is missing.
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split() for line in (CONTAINER / statistics).read_text().splitlines())
            used = int((CONTAINER / taken).read_text()) - int(counts.get(cache, 0))
            free.append(int((CONTAINER / limit).read_text()) - used)
    return max(0, min(free))
