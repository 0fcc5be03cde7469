"""Measure paintings for keras_nst/models/paintings.npz, by which a predictor normalizes its input.

Usage: python tools/measure_paintings.py PAINTINGS [PAINTINGS ...]

The file holds the mean and standard deviation, over the paintings of some folders, of each value of
`keras_nst.models.predictor.STATISTICS`.
"""

import sys

import numpy as np

from keras_nst.evaluation.inputs import picture_files
from keras_nst.models import weights
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side

SIDE = 384


def main() -> None:
    """Measure the paintings in the folders on the command line."""
    observer, found = Observer(vgg=vgg()), []
    for folder in sys.argv[1:]:
        for path in picture_files(folder).values():
            painting = fit_short_side(read(path).rgb, SIDE)[:, : 2 * SIDE, : 2 * SIDE]
            (statistics,) = STATISTICS(observer(painting, STATISTICS.probes))
            found.append(np.asarray(statistics)[0])
    output = weights.EMBEDDED / "paintings.npz"
    np.savez(output, mean=np.mean(found, axis=0), deviation=np.std(found, axis=0))
    print(f"{output}: {len(found)} paintings")


if __name__ == "__main__":
    main()
