"""Saliency maps: their rate on one core, and their agreement with those of another program.

Usage: python benchmarks/saliency.py [--rounds 20] [--reference DIR]

The rate is that of RBD and MBD together for a picture of 256x256, in processor time over the sample photographs. The
best round counts, without the first, which compiles the scans. Exits with 1 below 20 pictures per second. DIR holds
NAME.png, NAME_rbd.png and NAME_mbd.png. The F-measures (beta^2 = 0.3) compare our map with theirs, both thresholded at
twice their mean and at 0.5.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from keras_nst.pictures.io import read
from keras_nst.pictures.samples import SAMPLES
from keras_nst.select.saliency import mbd, rbd

SIDE = 256
GOAL = 20
DETECTORS = {"rbd": rbd, "mbd": mbd}


def photograph(name: str) -> np.ndarray:
    """Read the middle of a sample, (1, SIDE, SIDE, 3) in [0, 1]."""
    (rgb,) = read(f"sample:{name}").rgb
    side = min(rgb.shape[:2])
    top, left = ((length - side) // 2 for length in rgb.shape[:2])
    middle = rgb[top : top + side, left : left + side]
    return cv2.resize(middle, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[None]


def seconds(detect, photographs: list[np.ndarray]) -> float:
    """Mean processor seconds per picture."""
    began = time.process_time()
    for rgb in photographs:
        detect(rgb)
    return (time.process_time() - began) / len(photographs)


def f_measure(found: np.ndarray, expected: np.ndarray) -> float:
    hits = np.sum(found & expected)
    precision, recall = hits / max(found.sum(), 1), hits / max(expected.sum(), 1)
    return 1.3 * precision * recall / max(0.3 * precision + recall, 1e-9)


def compare(folder: Path) -> None:
    """Print correlations and F-measures with the maps in a folder."""
    print(f"\n{'':28}" + "".join(f"{name:>12}{'F, 2 mean':>12}{'F, 0.5':>12}" for name in DETECTORS))
    rows = []
    for path in sorted(folder.glob("*_rbd.png")):
        name, row = path.name.removesuffix("_rbd.png"), []
        rgb = read(folder / f"{name}.png").rgb
        for method, detect in DETECTORS.items():
            maps = detect(rgb)[0, ..., 0], read(folder / f"{name}_{method}.png").rgb[0, ..., 0]
            row.append(np.corrcoef(*map(np.ravel, maps))[0, 1])
            row.append(f_measure(*(values > min(2 * values.mean(), 0.99) for values in maps)))
            row.append(f_measure(*(values > 0.5 for values in maps)))
        rows.append(row)
        print(f"{name:28}" + "".join(f"{value:12.3f}" for value in row))
    for name, row in (("mean", np.mean(rows, axis=0)), ("lowest", np.min(rows, axis=0))):
        print(f"{name:28}" + "".join(f"{value:12.3f}" for value in row))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--reference", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    photographs = [photograph(name) for name in SAMPLES]
    for detect in DETECTORS.values():
        seconds(detect, photographs)
    rounds = [[seconds(detect, photographs) for detect in DETECTORS.values()] for _ in range(arguments.rounds)]
    for name, times in zip(DETECTORS, zip(*rounds, strict=True), strict=True):
        print(f"{name:8} {1000 * min(times):6.1f} ms")
    speed = 1 / min(map(sum, rounds))
    print(f"{'both':8} {1000 / speed:6.1f} ms  {speed:.1f} pictures/s  goal {GOAL}")
    if arguments.reference:
        compare(arguments.reference)
    return int(speed < GOAL)


if __name__ == "__main__":
    sys.exit(main())
