"""Memory of an optimization with and without tiles, and the quality of a large picture in tiles.

Each run of `keras-nst optimize` on scikit-image's astronaut, enlarged, has its own process. Its memory is the peak of a
run at one scale, with one step more than the history of L-BFGS; further steps need no more. With --quality, the largest
picture is made in tiles, coarse to fine, shrunk to 512 pixels and compared with a picture made at 512. The measure is
the fraction by which each reduces the photograph's distance from the painting (relative Gram matrices, as in
`keras_nst.evaluation`). The two fractions may differ by 0.1. The remaining distance is small for both, and larger for
the large picture, which is measured at another scale than the one it was made at.

Exits with 1 if the largest takes more than 6 GB, or its quality is lower.

    python benchmarks/tiles.py [--largest 2048] [--tile 512] [--quality [--iterations 100]]
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

from keras_nst.jobs.optimize import HISTORY, HISTORY_IN_TILES
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture

ALLOWED_GB = 6.0
ALLOWED_DIFFERENCE = 0.1
STEP = "import resource, sys; from keras_nst.cli import main; code = main(sys.argv[1:]); "
STEP += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"


def optimize(folder: Path, side: int, *arguments) -> tuple[float, float, Path]:
    """Seconds, peak memory in GB and the result of a run with this longest side."""
    output = folder / f"{side}.png"
    command = [sys.executable, "-c", STEP, "optimize", folder / "photo.png", folder / "painting.png", "-o", output]
    began = time.perf_counter()
    done = subprocess.run(
        [*map(str, command), "--end-size", str(side), *map(str, arguments)], stderr=subprocess.PIPE, check=True
    )
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1e6, output


def style_distance(pictures: list[np.ndarray], painting: np.ndarray) -> list[float]:
    """Style distance of pictures from a painting of the same size."""
    from keras_nst.losses import style
    from keras_nst.models.observer import Observer
    from keras_nst.models.vgg import vgg
    from keras_nst.recipes import johnson2016

    observer, loss = Observer(vgg=vgg()), style(*johnson2016.STYLE_LAYERS, shares=johnson2016.STYLE_SHARES)
    bound = loss.bind({"style": observer(painting, loss.probes("style"))})
    return [float(bound({"output": observer(picture, loss.probes("output"))})[0]) for picture in pictures]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=2048, help="longest side (default: %(default)s)")
    parser.add_argument("--tile", type=int, default=512, help="(default: %(default)s)")
    parser.add_argument("--quality", action="store_true", help="also compare the quality with that of 512 pixels")
    parser.add_argument("--iterations", type=int, default=100, help="steps at each scale (default: %(default)s)")
    options = parser.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, picture in (("photo", data.astronaut()), ("painting", data.immunohistochemistry())):
            large = cv2.resize(picture, (options.largest, options.largest), interpolation=cv2.INTER_CUBIC)
            write(folder / f"{file}.png", Picture(large[None].astype(np.float32) / 255))
        print(f"{'side':>6}{'tile':>7}{'GB':>7}{'seconds':>9}")
        for side, tile in ((512, None), (options.largest // 2, None), (options.largest, options.tile)):
            steps, extra = (1 + HISTORY_IN_TILES, ("--tile", tile)) if tile else (1 + HISTORY, ())
            seconds, gigabytes, _ = optimize(folder, side, "--start-size", side, "--iterations", steps, *extra)
            print(f"{side:>6}{tile or '-':>7}{gigabytes:>7.2f}{seconds:>9.0f}", flush=True)
        if gigabytes > ALLOWED_GB:
            failures.append(f"{options.largest} pixels take {gigabytes:.1f} GB, more than {ALLOWED_GB:.0f}")
        if options.quality:
            results = []
            for side, extra in ((512, ()), (options.largest, ("--tile", options.tile))):
                seconds, _, output = optimize(folder, side, "--iterations", options.iterations, *extra)
                print(f"{side} pixels, coarse to fine: {seconds:.0f} s", flush=True)
                results.append(read(output, max_size=512).rgb)
            photograph, painting = (read(folder / f"{file}.png", max_size=512).rgb for file in ("photo", "painting"))
            before, small, large = style_distance([photograph, *results], painting)
            print(f"style distances at 512 pixels: {small:.4f} and {large:.4f}, of the photograph {before:.4f}")
            if abs(large - small) > ALLOWED_DIFFERENCE * before:
                failures.append("the large picture is not as near to the painting as the small one")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
