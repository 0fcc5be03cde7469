"""Two regions of a photograph exchange their appearance by the method of Chen & Hsu 2016.

The photograph is scikit-image's coffee. Its cup and saucer, outlined by two ellipses, take the style of the table, and
the table takes that of the cup. High-order statistics are compared with plain Gram matrices under the same masks, at
equal content distance: the style weight of the Gram matrices is searched until the distances differ by at most 3 %. The
measure is a statistic that neither minimizes: the third central moment of each channel of the VGG features in a region.
If only the cup is restyled, nothing may change outside its mask.

Exits with 1 if the high-order statistics are not nearer, or pixels outside the mask change.

    python benchmarks/regions.py [--size 256] [--output exchange.png]
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from skimage import data

from keras_nst.jobs.optimize import optimize
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import vgg
from keras_nst.options import PixelOptions, Region
from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.sheet import contact_sheet
from keras_nst.recipes import chen2016

ELLIPSES = (((290, 106), (119, 92)), ((280, 222), (202, 165)))
"""Cup and saucer: centers and half axes, horizontal and vertical."""

EQUAL, TRIALS = 0.03, 5


def moments(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cube root of the third central moment of each channel, in the features' unit."""
    mean = (weights * features).sum((1, 2), keepdims=True)
    return np.cbrt((weights * (features - mean) ** 3).sum((1, 2)))


class Measures:
    """Distances of a result from the photograph, and from the appearance of the other regions."""

    def __init__(self, photograph: np.ndarray, masks: list[np.ndarray]):
        self._layers = chen2016.STYLE_LAYERS
        self._content = chen2016.CONTENT_LAYERS["vgg16"][0]
        self._network = vgg([*self._layers, self._content])
        self._weights = [region_weights(mask, self._layers) for mask in masks]
        self._photograph = self._see(photograph)

    def _see(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.asarray(values) for name, values in self._network(picture).items()}

    def __call__(self, picture: np.ndarray) -> tuple[float, float]:
        """The relative distances of content and of third moments."""
        seen = self._see(picture)
        kept = self._photograph[self._content]
        content = np.sum((seen[self._content] - kept) ** 2) / np.sum(kept**2)
        distances = []
        for own, other in (self._weights, self._weights[::-1]):
            for layer in self._layers:
                wanted = moments(self._photograph[layer], other[layer])
                distances.append(np.linalg.norm(moments(seen[layer], own[layer]) - wanted) / np.linalg.norm(wanted))
        return float(content), float(np.mean(distances))


def exchanged(photograph: np.ndarray, masks: list[np.ndarray], statistic: str, weight: float) -> np.ndarray:
    """The photograph with the appearance of its two regions exchanged."""
    side = max(photograph.shape[1:3])
    options = PixelOptions(recipe="chen2016", statistic=statistic, weights={"style": weight}, end_size=side)
    regions = [Region([photograph], mask=own, style_mask=other) for own, other in (masks, masks[::-1])]
    return optimize(photograph, regions, options)


def main() -> int:
    """Exchange, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="longest side (default: %(default)s)")
    parser.add_argument("--output", help="file for a picture of photograph, mask and both results")
    options = parser.parse_args()
    full = np.float32(data.coffee()[None]) / 255
    cup = np.zeros((1, *full.shape[1:3], 1), np.float32)
    for center, axes in ELLIPSES:
        cv2.ellipse(cup[0], center, axes, 0, 0, 360, 1, -1)
    photograph, cup = (resize(Picture(picture), options.size).rgb for picture in (full, cup))
    cup = np.float32(cup > 0.5)
    masks = [cup, 1 - cup]
    measure, weight = Measures(photograph, masks), chen2016.loss().weights["style"]

    high = exchanged(photograph, masks, "high-order", weight)
    content, third = measure(high)
    print(f"high-order, style weight {weight:.2f}: content {content:.3f}, third moments {third:.3f}", flush=True)
    for _ in range(TRIALS):
        gram = exchanged(photograph, masks, "gram", weight)
        their_content, their_third = measure(gram)
        print(
            f"Gram, style weight {weight:.2f}: content {their_content:.3f}, third moments {their_third:.3f}", flush=True
        )
        if abs(their_content / content - 1) <= EQUAL:
            break
        weight *= (content / their_content) ** 2

    side = max(photograph.shape[1:3])
    alone = optimize(
        photograph, [Region([photograph], mask=cup, style_mask=1 - cup)], PixelOptions(recipe="chen2016", end_size=side)
    )
    changed = int((alone != photograph).any(-1)[cup[..., 0] == 0].sum())
    print(f"pixels changed outside of the mask: {changed}")
    if options.output:
        row = [photograph, np.repeat(cup, 3, axis=-1), high, gram]
        write(options.output, Picture(contact_sheet([row], labels=["photograph", "mask", "high-order", "Gram"])))
    return 0 if third < their_third and changed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
