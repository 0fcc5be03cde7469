"""How much memory there is."""

import contextlib
from pathlib import Path

import psutil

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
