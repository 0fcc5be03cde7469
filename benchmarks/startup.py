"""Response time of a command: its help, and a first stylized picture, each in a new process.

Usage: python benchmarks/startup.py [--runs 5]

Goals: `python stylize.py --help` within 0.5 s, a first picture of 512x512 within 8 s (medians). Exits with 1 if one is
missed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / "stylize.py"), *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        # The astronaut has 512x512 pixels.
        picture = ["sample:astronaut", "--style", "starry_night", "-o", f"{folder}/out.png"]
        for name, arguments, goal in (("--help", ["--help"], 0.5), ("first 512x512", picture, 8.0)):
            times = [seconds(*arguments) for _ in range(runs)]
            median = statistics.median(times)
            missed |= median >= goal
            print(f"{name:14} median {median:5.2f} s  ({min(times):.2f} to {max(times):.2f})  goal {goal} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
