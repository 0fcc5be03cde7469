"""Half precision reaches the same losses as single precision: one training in float32, bfloat16 and float16.

The lite net learns the style of one of scikit-image's photographs from the others for 500 steps. Each policy has its
own process, with the same crops in the same order. The losses of the trained net on validation photographs are
compared. A second training in float32 with another seed shows the influence of chance.

Exits with 1 if a loss differs by more than 2 % and by more than with the other seed.

    python benchmarks/precision.py [--steps 500] [--size 64]
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from skimage import data, io

ALLOWED = 0.02
TERMS = ("total", "content", "style")
RUNS = {
    "float32": ["--mixed-precision", "off"],
    "float32, another seed": ["--mixed-precision", "off", "--seed", "1"],
    "bfloat16": ["--mixed-precision", "bfloat16"],
    "float16": ["--mixed-precision", "float16"],
}


def learn(folder: Path, options: argparse.Namespace, *arguments: str) -> dict[str, float]:
    """The losses of a training's last epoch, its skipped steps, and its seconds."""
    program = Path(__file__).parents[1] / "train.py"
    asked = f"--net lite --batch 2 --steps {options.steps} --size {options.size} --style-size {options.size}".split()
    asked += ["--validation", str(folder / "held_back"), "--output", str(folder / "-".join(arguments))]
    began = time.perf_counter()
    command = [sys.executable, str(program), "--style", str(folder / "coffee.png"), *asked, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with (folder / "-".join(arguments) / "training" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = {term: float(rows[-1][f"val_{term}"]) for term in TERMS}
    skipped = sum(float(row["skipped"]) for row in rows)
    return losses | {"skipped": skipped, "seconds": time.perf_counter() - began}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=64, help="side of the crops (default: %(default)s)")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "held_back").mkdir()
        io.imsave(folder / "coffee.png", data.coffee())
        for photograph in ("retina", "hubble_deep_field", "coins", "moon"):
            io.imsave(folder / "held_back" / f"{photograph}.png", getattr(data, photograph)())
        print(f"{'':<24}" + "".join(f"{name:>10}" for name in (*TERMS, "skipped", "seconds")))
        for run, arguments in RUNS.items():
            found[run] = learn(folder, options, *arguments)
            print(f"{run:<24}" + "".join(f"{value:>10.4g}" for value in found[run].values()), flush=True)
    single, other, *half = found.values()
    failures = []
    for run, losses in zip(list(RUNS)[2:], half, strict=True):
        for term in TERMS:
            difference = abs(losses[term] / single[term] - 1)
            if difference > max(ALLOWED, abs(other[term] / single[term] - 1)):
                failures.append(f"{term} differs by {difference:.1%} in {run}")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
