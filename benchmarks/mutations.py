"""Mutation testing: ten mistakes in losses and tiles are made one at a time, in a copy of the tree.

Exits with 1 if the tests pass with one of them.

    python benchmarks/mutations.py
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FUNCTIONAL, TERMS, STATISTICS = (f"keras_nst/losses/{name}.py" for name in ("functional", "terms", "statistics"))
TILES = "keras_nst/fit/tiles.py"
# (mistake, file, correct code, wrong code).
MUTATIONS = [
    ("a Gram matrix not divided by the channels", FUNCTIONAL, "height * width * channels", "height * width"),
    ("half of the gradient of a Gram matrix", FUNCTIONAL, "product + (transposed", "product + 0 * (transposed"),
    ("a relative distance to the output's own norm", FUNCTIONAL, "ops.cast(target,", "ops.cast(output,"),
    ("a mask that begins at half of it", FUNCTIONAL, "2.0 * ops.cast(map", "1.0 * ops.cast(map"),
    ("a log loss with its sides exchanged", FUNCTIONAL, "-logits if real else logits)", "logits if real else -logits)"),
    ("blurred pictures taken for real ones", TERMS, 'real = sample == "real"', 'real = sample != "generated"'),
    ("a Wasserstein distance with one of two cross terms", STATISTICS, "- 2 * _trace(cross)", "- _trace(cross)"),
    ("windows that begin where no pooling does", TILES, "(side - tile) // ALIGNMENT * ALIGNMENT", "side - tile"),
    ("half a halo", TILES, "halo = -(-halo // ALIGNMENT) * ALIGNMENT", "halo = halo // 2 // ALIGNMENT * ALIGNMENT"),
    ("cores that overlap by a row", TILES, "slice(begin, min(begin + core, side))", "slice(begin, begin + core + 1)"),
]
TESTS = {"losses": ["tests/losses", "tests/contracts"], "fit": ["tests/fit/test_tiles.py", "tests/fit/test_pixels.py"]}


def main() -> int:
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "dist", "runs"))
        for mistake, file, right, wrong in MUTATIONS:
            path = tree / file
            source = path.read_text("utf-8")
            if right not in source:
                raise SystemExit(f"{file} has changed: {right!r} is not there")
            path.write_text(source.replace(right, wrong, 1), "utf-8")
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-n",
                "0",
                "-p",
                "no:cacheprovider",
                *TESTS[path.parent.name],
            ]
            # The copy's folder is the working directory, so Python imports from it and not from the installed package.
            done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
            path.write_text(source, "utf-8")
            failed = next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), None)
            print(f"caught: {mistake}, {failed[7:97]}" if failed else f"MISSED: {mistake}", flush=True)
            if not failed:
                missed.append(mistake)
    print("Missed: " + "; ".join(missed) if missed else "All are caught.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
