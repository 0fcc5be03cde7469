"""Subject masks: the quality of each method on known subjects, and the time of masks and matting.

Usage: python benchmarks/subject.py [--cases DIR] [--rounds 7]

DIR holds folders with composite.jpg, a picture, and mask.jpg, its subject in white, like the cases of Luan et al. 2018.
IoU compares map and mask, both thresholded at one half; MAE is the mean absolute difference of map and mask. Both are
averaged over the cases. Times are for a picture of 1024x768, after loading; the best round counts. They are wall-clock
times and processor times, which other programs disturb less. Exits with 1 if the subject's mask takes 0.4 s or more, or
its matting 3 s.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from keras_nst.pictures.color import luma
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.matting import matte, object_colors
from keras_nst.select.subject import find, subject_mask

METHODS = {"U2-Netp": "subject", "RBD": "rbd", "MBD": "mbd", "RBD + MBD": "rbd+mbd", "CAM": "cam"}
GOALS = {"subject": 0.4, "matting": 3.0}


def quality(folder: Path) -> None:
    """Print IoU and MAE of each method over the cases in a folder."""
    cases = sorted(path.parent for path in folder.glob("*/mask.jpg"))
    print(f"{len(cases)} cases{'':6}{'IoU':>8}{'lowest':>8}{'MAE':>8}")
    for name, method in METHODS.items():
        overlaps, errors = [], []
        for case in cases:
            found, true = find(read(case / "composite.jpg"), method), luma(read(case / "mask.jpg").rgb)
            selected, expected = found > 0.5, true > 0.5
            overlaps.append(np.sum(selected & expected) / np.sum(selected | expected))
            errors.append(np.abs(found - true).mean())
        print(f"{name:14}{np.mean(overlaps):8.3f}{min(overlaps):8.3f}{np.mean(errors):8.3f}")


def seconds(call, rounds: int) -> tuple[float, float]:
    """The shortest wall-clock and processor times of the rounds, after one that loads."""
    call()
    times, busy = [], []
    for _ in range(rounds):
        began = time.perf_counter(), time.process_time()
        call()
        times.append(time.perf_counter() - began[0])
        busy.append(time.process_time() - began[1])
    return min(times), min(busy)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.cases:
        quality(arguments.cases)
    picture = Picture(cv2.resize(read("sample:astronaut").rgb[0], (1024, 768), interpolation=cv2.INTER_LINEAR)[None])
    rgb, mask = picture.rgb, subject_mask(picture)
    soft = matte(rgb, mask)
    calls = {
        "subject": lambda: subject_mask(picture),
        "matting": lambda: matte(rgb, mask),
        "its colors": lambda: object_colors(rgb, soft),
    }
    missed = False
    for name, call in calls.items():
        best, busy = seconds(call, arguments.rounds)
        goal = GOALS.get(name)
        missed |= goal is not None and best >= goal
        print(f"{name:14}{best:8.2f} s{busy:8.2f} s of processor time" + (f"   goal {goal} s" if goal else ""))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
