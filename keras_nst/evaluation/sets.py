"""Compare a set of results with the set of a style's pictures: FID, KID and Inception Score, and their networks."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_nst.data.datasets import photographs
from keras_nst.data.sets import squares
from keras_nst.errors import InputError
from keras_nst.evaluation.measures import class_score, frechet, kernel_distance
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.weights import kept_by_keras
from keras_nst.pictures.io import read

INCEPTION, VGG = "inception_v3", "vgg16"
VGG_LAYERS = {"relu1_1": 30.0, "relu2_1": 180.0, "relu3_1": 300.0, "relu4_1": 210.0}
"""The layers whose means and standard deviations tell styles apart (Huang & Belongie 2017), each with the root mean
square of these numbers in photographs, by which they are divided."""

_SQUARES, _SMALLEST = 100, 0.5  # A small collection is cut into so many squares, of at least this share of a picture.

SETS = {
    "fid": ("↓", "Fréchet distance between the sets of results and style pictures, by pooled features of"),
    "kid": ("↓", "squared maximum mean discrepancy between these sets, by pooled features of"),
    "is": ("↑", "how confident and varied the classes of the results are (Inception Score), by"),
}
"""The measures of a model's set of results, like `MEASURES`. The network's name is appended to that of the measure,
since values of different networks cannot be compared."""

Embedded = tuple[np.ndarray, np.ndarray]
"""A picture's point (dimensions,), and its class probabilities (classes,)."""


def meanings(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """{name: (better direction, meaning)} for those names that are a measure of `SETS` with a network."""
    return {
        name: (better, f"{meaning} {name.removeprefix(f'{measure}_')}")
        for measure, (better, meaning) in SETS.items()
        for name in sorted(names)
        if name.startswith(f"{measure}_")
    }


@dataclass(frozen=True)
class Embedding:
    """The networks that embed pictures.

    Attributes:
        features: Name of the network for points.
        classes: Name of the network for class probabilities.
        embed: Function that embeds a picture (1, size, size, 3) in [0, 1].
    """

    features: str
    classes: str
    embed: Callable[[np.ndarray], Embedded]


def embedding(weights: str | Path | None, *, features: keras.Model, classifier: keras.Model) -> Embedding:
    """Use InceptionV3 if its weights are available, else the package's networks.

    Args:
        weights: HDF5 file of keras.applications' InceptionV3 with its classifier; None for the file in Keras's cache,
            if there is one.
        features: VGG16, for the points without InceptionV3: means and standard deviations of `VGG_LAYERS`.
        classifier: Classifier from `gap_classifier`, for the classes without InceptionV3.

    Raises:
        InputError: The weights do not fit.
    """
    weights = weights or kept_by_keras("inception_v3_weights_tf_dim_ordering_tf_kernels.h5")
    if weights:
        inception = gap_classifier("InceptionV3", weights=weights)

        def embed(image):
            seen = inception(image, training=False)
            return _first(seen["pooled"]), _first(ops.softmax(seen["logits"]))

        return Embedding(INCEPTION, INCEPTION, embed)
    observer = Observer(vgg=features)

    def embed(image):
        observed = observer(image, [f"vgg/{layer}" for layer in VGG_LAYERS])
        point = []
        for layer, unit in VGG_LAYERS.items():
            values = ops.cast(observed[f"vgg/{layer}"], "float32")
            point += [_first(statistic(values, axis=(1, 2))) / unit for statistic in (ops.mean, ops.std)]
        return np.concatenate(point), _first(ops.softmax(classifier(image, training=False)["logits"]))

    return Embedding(VGG, classifier.name.removeprefix("cam_"), embed)


def _first(batch) -> np.ndarray:
    return ops.convert_to_numpy(batch)[0]


class StyleSet:
    """The set of a style's pictures, to compare results with.

    Attributes:
        embedding: The networks that embed pictures.
        skipped: Why a picture could not be read, by its path or TFDS id.
    """

    def __init__(
        self,
        source: str | Path,
        size: int,
        embedding: Embedding,
        *,
        download: bool = False,
        progress: Callable[[Iterable], Iterable] = iter,
    ):
        """Embed the central square of each picture, and of a small set also random squares.

        Args:
            source: A folder or dataset for `keras_nst.data.datasets.photographs`.
            size: Side of the squares in pixels; the same as for the photographs.
            embedding: From `embedding`.
            download: Whether a missing dataset may be downloaded.
            progress: Wraps the iterable of pictures, to show progress.

        Raises:
            InputError: No such set, or fewer than two pictures that can be read.
        """
        pictures = photographs(source, download=download)
        self.embedding = embedding
        self.skipped: dict[str, str] = {}
        self._name = pictures.name
        self._count, each = 0, math.ceil(_SQUARES / len(pictures))
        points = []
        for number, (name, file) in zip(progress(range(len(pictures))), pictures.sources(), strict=True):
            try:
                rgb = read(file).rgb
            except InputError as error:
                self.skipped[name] = str(error)
                continue
            self._count += 1
            cut = squares(rgb, size, each, seed=number, smallest=_SMALLEST)
            points += [embedding.embed(square)[0] for square in cut]
        if self._count < 2:
            raise InputError(f"A distance between sets needs at least two pictures. {source} holds {self._count}.")
        self._points = np.stack(points)

    def describe(self) -> dict[str, str | int]:
        """The set's name and size, for a report."""
        return {"style": self._name, "style_pictures": self._count}

    def compare(self, results: Sequence[Embedded]) -> dict[str, float]:
        """Compute the measures `SETS` of a model.

        Args:
            results: The embedded results, at least two.

        Returns:
            {measure_network: value}.
        """
        points, probabilities = map(np.stack, zip(*results, strict=True))
        by = self.embedding
        return {
            f"fid_{by.features}": frechet(points, self._points),
            f"kid_{by.features}": kernel_distance(points, self._points),
            f"is_{by.classes}": class_score(probabilities),
        }
