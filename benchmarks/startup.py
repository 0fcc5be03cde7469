"""Response time of a command: its help, and a first stylized picture of 512x512, each in a new process.

Goals: `python stylize.py --help` within 0.5 s, a first picture within 4 s, and one in the style of a painting that is
new to the shared net within 3 s more than in a style of that net (medians). Exits with 1 if one is missed.

    python benchmarks/startup.py [--runs 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
HELP, FIRST, MORE = 0.5, 4.0, 3.0


def seconds(*arguments: str) -> float:
    """The time of a command of `stylize`, with an empty cache of predicted styles."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        command = [sys.executable, str(ROOT / "stylize.py"), *arguments]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "XDG_CACHE_HOME": cache})
        return time.perf_counter() - began


def main() -> int:
    """Measure all, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        painting = f"{folder}/painting.png"
        subprocess.run(
            [sys.executable, str(ROOT / "stylize.py"), "sample:rocket", "--style", "starry_night", "-o", painting],
            check=True,
            capture_output=True,
        )
        # The astronaut has 512x512 pixels.
        picture = ["sample:astronaut", "-o", f"{folder}/out.png", "--style"]
        commands = {
            "--help": ["--help"],
            "a net of its own": [*picture, "starry_night"],
            "the shared net": [*picture, "arlesiennes"],
            "a new painting": [*picture, painting],
        }
        medians = {}
        for name, arguments in commands.items():
            times = [seconds(*arguments) for _ in range(runs)]
            medians[name] = statistics.median(times)
            print(f"{name:16} median {medians[name]:5.2f} s  ({min(times):.2f} to {max(times):.2f})")
    goals = {"--help": HELP, "a net of its own": FIRST, "the shared net": FIRST}
    goals["a new painting"] = medians["the shared net"] + MORE
    missed = [f"{name}: {medians[name]:.2f} s, goal {goal:.2f}" for name, goal in goals.items() if medians[name] > goal]
    print("\n".join(missed) or "All goals are met.")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
