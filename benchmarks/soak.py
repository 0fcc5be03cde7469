"""Memory of a long-running process: it must stop growing.

There are three kinds of work: 500 pictures of mixed sizes through one `Stylizer`, 60 optimizations of mixed sizes, and
a training of 30 minutes. The resident memory is read after each picture or optimization, and every five seconds of the
training. It may grow by 5 % after the first tenth (50 pictures, 3 minutes). For optimizations this counts after the
first half, since oneDNN keeps code for each size.

Exits with 1 if one of them grows by more.

    python benchmarks/soak.py [stylize optimize train] [--pictures 500] [--runs 60] [--minutes 30]
"""

import argparse
import ctypes
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from keras_nst.startup import one_operation_at_once

ALLOWED_GROWTH = 0.05
INTERVAL = 5.0


def resident() -> float:
    """Resident memory of this process in MB, without memory that its allocator has reserved."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss / 1e6


def stylize(options) -> Iterator[float]:
    """Stylize pictures with sides of 64 to 400 pixels."""
    from keras_nst.infer.stylizer import Stylizer
    from keras_nst.pictures.picture import Picture

    rng = np.random.default_rng(0)
    stylizer = Stylizer("starry_night")
    for _ in range(options.pictures):
        stylizer(Picture(rng.random((1, *rng.integers(64, 401, 2), 3), np.float32)))
        yield resident()


def optimize(options) -> Iterator[float]:
    """Optimize pictures with sides of 64 to 160 pixels, with three steps at each of two scales."""
    from keras_nst.jobs.optimize import optimize
    from keras_nst.options import PixelOptions, Region

    rng = np.random.default_rng(0)
    for _ in range(options.runs):
        size = rng.integers(64, 161, 2)
        photograph, painting = (rng.random((1, *size, 3), np.float32) for _ in range(2))
        asked = PixelOptions(iterations=3, start_size=32, end_size=int(max(size)))
        optimize(photograph, [Region([painting])], asked)
        yield resident()


def train(options) -> Iterator[float]:
    """Train in another process, with one crop of 64x64 per step and many epochs with checkpoints and previews."""
    from keras_nst.pictures.samples import sample_path

    with tempfile.TemporaryDirectory() as folder:
        program = Path(__file__).parents[1] / "train.py"
        asked = f"--size 64 --batch 1 --style-size 64 --steps 1000000 --output {folder}/style".split()
        command = [sys.executable, str(program), "--style", str(sample_path("coffee")), *asked]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while not Path(folder, "style", "training", "checkpoint.npz").is_file():
                    assert process.poll() is None, "the training has ended"
                    time.sleep(1)
                end = time.monotonic() + 60 * options.minutes
                while time.monotonic() < end:
                    time.sleep(INTERVAL)
                    yield psutil.Process(process.pid).memory_info().rss / 1e6
            finally:
                process.kill()


KINDS = {"stylize": (stylize, 0.1), "optimize": (optimize, 0.5), "train": (train, 0.1)}
"""The kinds of work, with the fraction of readings after which memory must not grow."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=KINDS, metavar="KIND", help="(default: all)")
    parser.add_argument("--pictures", type=int, default=500, help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=60, help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30, help="minutes of training (default: %(default)s)")
    options = parser.parse_args()
    one_operation_at_once()  # Like the commands.
    failures = []
    print(f"{'':<10}{'readings':>9}{'MB early':>10}{'MB at the end':>15}{'most':>7}{'growth':>8}")
    for name in options.kinds or KINDS:
        work, share = KINDS[name]
        held = np.array(list(work(options)))
        first, tenth = int(share * len(held)), max(1, len(held) // 10)
        # Medians over the first tenth of the readings that counts, and over the last tenth.
        early, late = np.median(held[first : first + tenth]), np.median(held[-tenth:])
        growth = late / early - 1
        print(f"{name:<10}{len(held):>9}{early:>10.0f}{late:>15.0f}{held.max():>7.0f}{growth:>8.1%}", flush=True)
        if growth > ALLOWED_GROWTH:
            failures.append(f"{name} grows by {growth:.1%}")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
