"""Results compared with a style's pictures as two sets: FID, KID and the Inception Score, and the networks for them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_nst.errors import InputError
from keras_nst.evaluation.inputs import read_square
from keras_nst.evaluation.measures import class_score, frechet, kernel_distance
from keras_nst.images.datasets import photographs
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.weights import kept_by_keras

INCEPTION, VGG = "inception_v3", "vgg16"
VGG_LAYER = "relu5_1"
"""The deepest that the embedded weights reach."""

_VGG_UNIT = 25.0  # The root mean square of its means in photographs, so that distances are not in the millions.

SETS = {
    "fid": ("↓", "Fréchet distance between the set of the results and the style's, by pooled features of"),
    "kid": ("↓", "squared maximum mean discrepancy between these sets, by pooled features of"),
    "is": ("↑", "how sure and how varied the classes of the results are (Inception Score), by"),
}
"""What is measured of all results of a model together. Names go on with the network: numbers of two never compare."""

Embedded = tuple[np.ndarray, np.ndarray]
"""A picture's point (dimensions,) and the probabilities of its classes (classes,)."""


def meanings(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Which direction is better and what it is, of those names that are a measure of `SETS` by some network."""
    return {
        name: (better, f"{meaning} {name.removeprefix(f'{measure}_')}")
        for measure, (better, meaning) in SETS.items()
        for name in sorted(names)
        if name.startswith(f"{measure}_")
    }


@dataclass(frozen=True)
class Embedding:
    """The networks that pictures are compared by.

    Attributes:
        features: Name of the one that gives points.
        classes: Name of the one that gives probabilities.
        embed: From a picture (1, size, size, 3) in [0, 1] to what they give.
    """

    features: str
    classes: str
    embed: Callable[[np.ndarray], Embedded]


def embedding(weights: str | Path | None, *, features: keras.Model, classifier: keras.Model) -> Embedding:
    """InceptionV3 where its weights are at hand, and else the networks that travel with the package.

    Args:
        weights: HDF5 file of keras.applications' InceptionV3 with its classifier; None for the one in Keras's cache, if
            there is one.
        features: VGG16, which otherwise gives the points: the means of `VGG_LAYER`, in units of 25.
        classifier: As `gap_classifier` builds it, which otherwise gives the classes.

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
        observed = observer(image, [f"vgg/{VGG_LAYER}"])[f"vgg/{VGG_LAYER}"]
        point = _first(ops.mean(observed, axis=(1, 2))) / _VGG_UNIT
        return point, _first(ops.softmax(classifier(image, training=False)["logits"]))

    return Embedding(VGG, classifier.name.removeprefix("cam_"), embed)


def _first(batch) -> np.ndarray:
    return ops.convert_to_numpy(batch)[0]


class StyleSet:
    """The pictures of a style, as a set to compare results with.

    Attributes:
        embedding: What they are compared by.
        skipped: Why a picture could not be read, by its path or TFDS id.
    """

    def __init__(
        self,
        source: str | Path,
        size: int,
        embedding: Embedding,
        *,
        progress: Callable[[Iterable], Iterable] = iter,
    ):
        """Reads the pictures as squares.

        Args:
            source: A folder or dataset, as `keras_nst.images.datasets.photographs` takes them.
            size: Side of the squares in pixels; that of the photographs.
            embedding: As the function of that name gives it.
            progress: Passes on the pictures as they are taken up.

        Raises:
            InputError: No such set, or fewer than two pictures that can be read.
        """
        pictures = photographs(source)
        self.embedding = embedding
        self.skipped: dict[str, str] = {}
        self._name = pictures.name
        points = []
        for _, (name, file) in zip(progress(range(len(pictures))), pictures.sources(), strict=True):
            try:
                points.append(embedding.embed(read_square(file, size))[0])
            except InputError as error:
                self.skipped[name] = str(error)
        if len(points) < 2:
            raise InputError(f"A distance of sets needs at least two pictures. {source} holds {len(points)}.")
        self._points = np.stack(points)

    def describe(self) -> dict[str, str | int]:
        """What a report says of the set."""
        return {"style": self._name, "style_pictures": len(self._points)}

    def compare(self, results: Sequence[Embedded]) -> dict[str, float]:
        """The `SETS` of a model.

        Args:
            results: What the embedding gives of each, at least two.

        Returns:
            The values, each under the measure's name with its network's.
        """
        points, probabilities = map(np.stack, zip(*results, strict=True))
        by = self.embedding
        return {
            f"fid_{by.features}": frechet(points, self._points),
            f"kid_{by.features}": kernel_distance(points, self._points),
            f"is_{by.classes}": class_score(probabilities),
        }
