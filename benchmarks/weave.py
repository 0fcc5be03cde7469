"""How much of a style's texture repeats with the net's own up-sampling: every four pixels, in a plain sky.

The power at the frequencies of this period, as a share of all power and as a multiple of that at the frequencies
around. 1 is a texture without a weave.

    python benchmarks/weave.py [STYLE ...]
"""

import sys

import numpy as np

from keras_nst import Picture, Stylizer
from keras_nst.models.styles import styles

SIZE, INNER, PERIOD = 512, 320, 4
NEAR, AROUND = range(-1, 2), (-7, 0, 7)


def weave(picture: np.ndarray) -> tuple[float, float]:
    """The share and the multiple, for a picture (height, width, 3)."""
    edge = (SIZE - INNER) // 2
    inner = picture[edge:-edge, edge:-edge].mean(axis=-1)
    window = np.hanning(INNER)
    power = np.abs(np.fft.fft2((inner - inner.mean()) * window[:, None] * window)) ** 2
    power /= power.sum()

    def at(row: int, column: int) -> float:
        return sum(power[(row + down) % INNER, (column + right) % INNER] for down in NEAR for right in NEAR)

    steps = range(0, INNER, INNER // PERIOD)
    # Frequencies of half the period are another pattern, and 0 is none.
    peaks = [(row, column) for row in steps for column in steps if row % (INNER // 2) or column % (INNER // 2)]
    share = sum(at(*peak) for peak in peaks)
    around = [
        np.mean([at(row + down, column + right) for down in AROUND for right in AROUND if down or right])
        for row, column in peaks
    ]
    return share, share / sum(around)


def main() -> None:
    """Print a row for each style."""
    down = np.mgrid[:SIZE, :SIZE][0] / SIZE
    sky = np.stack([0.35 + 0.3 * down, 0.5 + 0.25 * down, 0.8 + 0.1 * down], axis=-1)
    for style in sys.argv[1:] or styles():
        share, multiple = weave(Stylizer(style)(Picture(sky[None].astype(np.float32))).rgb[0])
        print(f"{style:22} {share:7.2%}  x {multiple:.1f}")


if __name__ == "__main__":
    main()
