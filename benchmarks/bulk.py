"""Many pictures: Ray workers compared with one process, and the loss of a worker.

`stylize DIR -o OUT` processes crops of photographs, 128x96 JPEGs. Each run has its own process, and the runs alternate.
Pictures per second are counted from the first result to the last, without the start-up. A worker is compared with a
process that has the same share of the machine: one worker with a process on all cores; one worker per core, with one
thread each, with a process on one core. Then the latter workers process all pictures, and one of them is killed with
SIGKILL after a third.

Exits with 1 if a worker reaches less than 0.85 of the process's rate, or a result is missing or damaged.

    pip install -e .[ray] && python benchmarks/bulk.py [--pictures 2000] [--timed 400] [--turns 2]
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from skimage import data

ALLOWED = 0.85
STYLE = "starry_night"
WIDTH, HEIGHT = 128, 96
CORES = sorted(os.sched_getaffinity(0))
RAY = ["--engine", "ray", "--workers"]


def write_pictures(folder: Path, count: int) -> None:
    photographs = [data.coffee(), data.astronaut(), data.chelsea()]
    rng = np.random.default_rng(0)
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        row, column = rng.integers(np.array(photograph.shape[:2]) - (HEIGHT, WIDTH))
        crop = photograph[row : row + HEIGHT, column : column + WIDTH]
        cv2.imwrite(str(folder / f"{number:05}.jpg"), np.ascontiguousarray(crop[..., ::-1]))


def start(source: Path, output: Path, options: list[str], cores: list[int]) -> subprocess.Popen:
    """Stylize a folder on these cores."""
    command = [sys.executable, "-m", "keras_nst", "stylize", source, "--style", STYLE, "-o", output, *options]
    return subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cores)), *command],
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": str(len(cores))} if not options else None,
        stdout=subprocess.DEVNULL,
    )


def results_in(folder: Path) -> list[Path]:
    """The results, without hidden files that a killed worker was writing."""
    return sorted(folder.glob("[!.]*"))


def rate(source: Path, options: list[str], cores: list[int]) -> float:
    """Pictures per second."""
    with tempfile.TemporaryDirectory() as folder:
        process = start(source, Path(folder), options, cores)
        if process.wait():
            raise RuntimeError(f"stylize {' '.join(options)} ended with {process.returncode}")
        written = sorted(path.stat().st_mtime for path in results_in(Path(folder)))
    return (len(written) - 1) / (written[-1] - written[0])


def workers_of(process: subprocess.Popen) -> list[int]:
    """The Ray workers of a process: they are children of its raylet."""

    def parent(pid: int) -> int:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    found = []
    for entry in Path("/proc").iterdir():
        try:
            named = entry.name.isdecimal() and (entry / "cmdline").read_bytes().startswith(b"ray::MapWorker")
            if named and parent(parent(int(entry.name))) == process.pid:
                found.append(int(entry.name))
        except OSError:  # The process has ended.
            pass
    return found


def kill_one(source: Path, count: int) -> list[str]:
    """Stylize all pictures while a worker is killed; returns the defects of the results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = start(source, folder, [*RAY, str(len(CORES))], CORES)
        while len(results_in(folder)) < count / 3:
            if process.poll() is not None:
                return ["it ended before a worker was killed"]
            time.sleep(0.2)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        done = len(results_in(folder))
        code = process.wait()
        results = results_in(folder)
        pictures = [cv2.imread(str(path)) for path in results]
        whole = sum(picture is not None and picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures)
        print(f"a worker killed after {done}: {len(results)} of {count} results, {whole} whole")
        return [f"it ended with {code}"] * bool(code) + ["results are missing"] * (not whole == len(results) == count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pictures", type=int, default=2000, help="in the run with a killed worker (default: %(default)s)"
    )
    parser.add_argument("--timed", type=int, default=400, help="pictures in a timed run (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=2, help="(default: %(default)s)")
    options = parser.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as name:
        every, timed = Path(name) / "every", Path(name) / "timed"
        for folder, count in ((every, options.pictures), (timed, options.timed)):
            folder.mkdir()
            write_pictures(folder, count)
        most = len(CORES)
        kinds = {
            "one process": ([], CORES, 1),
            "one worker": ([*RAY, "1"], CORES, 1),
            "one process on one core": ([], CORES[:1], 1),
            f"{most} workers, each": ([*RAY, str(most)], CORES, most),
        }
        rates = {kind: [] for kind in kinds}
        for _ in range(options.turns):
            for kind, (arguments, cores, workers) in kinds.items():
                rates[kind].append(rate(timed, arguments, cores) / workers)
        for kind, found in rates.items():
            print(f"{kind:24} {statistics.mean(found):6.1f} pictures/s   {' '.join(f'{one:.1f}' for one in found)}")
        alone, worker, narrow, each = (statistics.mean(found) for found in rates.values())
        for kind, share in (("one worker", worker / alone), (f"each of {most} workers", each / narrow)):
            print(f"{kind} does {share:.2f} of a process with as much of the machine", flush=True)
            if share < ALLOWED:
                failures.append(f"{kind} does {share:.2f} of a process")
        failures += kill_one(every, options.pictures)
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
