"""Large pictures: memory and time of `keras-nst stylize`, with a process for each size.

The picture is scikit-image's astronaut, enlarged. Times include start-up, reading and writing. Exits with 1 if the
largest picture takes more than 4 GB, or time grows faster than the number of pixels.

    python benchmarks/large.py [--style STYLE] [--sides 2048 4096 8192]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from skimage import data

from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture

ALLOWED_GB = 4.0
ALLOWED_GROWTH = 1.1  # Growth of the time per pixel.
RUN = "import resource, sys; from keras_nst.cli import main; code = main(sys.argv[1:]); "
RUN += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"


def stylize(style: str, folder: Path, side: int) -> tuple[float, float]:
    """Seconds and gigabytes of a run."""
    large = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_CUBIC)
    write(folder / "photo.jpg", Picture(large[None].astype(np.float32) / 255))
    command = [sys.executable, "-c", RUN, "stylize", str(folder / "photo.jpg"), "--style", style, "--stroke", "fine"]
    began = time.perf_counter()
    done = subprocess.run([*command, "-o", str(folder / "out.jpg")], stderr=subprocess.PIPE, check=True)
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1e6


def main() -> int:
    """Measure each size, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[2048, 4096, 8192])
    parser.add_argument("--style", default="starry_night")
    options = parser.parse_args()
    sides = sorted(options.sides)
    rates, failures = [], []
    print(f"{'side':>6}{'GB':>7}{'seconds':>9}{'a megapixel':>13}")
    with tempfile.TemporaryDirectory() as name:
        for side in sides:
            seconds, gigabytes = stylize(options.style, Path(name), side)
            rates.append(seconds / side**2 * 1e6)
            print(f"{side:>6}{gigabytes:>7.2f}{seconds:>9.1f}{rates[-1]:>13.2f}", flush=True)
    if gigabytes > ALLOWED_GB:
        failures.append(f"{sides[-1]} pixels take {gigabytes:.1f} GB, more than {ALLOWED_GB:.0f}")
    if max(rates[1:], default=0) > ALLOWED_GROWTH * rates[0]:
        failures.append("time grows faster than the pixels")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
