"""The paddings of VGG's first convolution: which one is closer to the real pixels beyond the border of a picture.

Usage: python benchmarks/vgg_padding.py

The features of crops, in a band of two positions along the border, are compared with those of the same pixels inside
the whole photograph. The measure is the relative error, averaged over the crops. Exits with 1 if the default is worse.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.pictures.samples import SAMPLES

TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CROP, OFFSETS = 128, (64, 128)


def border_error(padding: str) -> dict[str, float]:
    network = vgg(TAPS, padding=padding)
    errors = {tap: [] for tap in TAPS}
    for name in SAMPLES:
        photograph = read(f"sample:{name}").rgb
        whole = network(photograph)
        for top in OFFSETS:
            for left in OFFSETS:
                cropped = network(photograph[:, top : top + CROP, left : left + CROP])
                for tap in TAPS:
                    features = np.asarray(cropped[tap])
                    side = features.shape[1]
                    step = CROP // side
                    expected = np.asarray(whole[tap])[:, top // step :, left // step :][:, :side, :side]
                    band = np.ones((side, side), bool)
                    band[2:-2, 2:-2] = False
                    difference = (features - expected)[:, band]
                    errors[tap].append(np.linalg.norm(difference) / np.linalg.norm(expected[:, band]))
    return {tap: float(np.mean(values)) for tap, values in errors.items()}


def main() -> int:
    errors = {padding: border_error(padding) for padding in ("replicate", "zero")}
    for tap in TAPS:
        print(f"{tap}  " + "  ".join(f"{padding} {errors[padding][tap]:.3f}" for padding in errors))
    return int(sum(errors["replicate"].values()) > sum(errors["zero"].values()))


if __name__ == "__main__":
    sys.exit(main())
