"""`keras-nst saliency`: maps of where the subject of a photograph is."""

import argparse
import functools

import numpy as np

import keras_nst
from keras_nst.commands.inputs import content, deliver, destinations, each, expand
from keras_nst.images.color import fill_transparent
from keras_nst.images.io import read
from keras_nst.images.picture import Picture, resize
from keras_nst.images.saliency import WORKING_SIDE, saliency, saliency_map
from keras_nst.startup import load_tensorflow


def run(options: argparse.Namespace) -> int:
    """Write a gray map for each photograph."""
    inputs = expand(options.inputs)
    outputs = destinations(inputs, options.output, lambda path: f"{path.stem}-saliency.png")
    record = {"version": keras_nst.__version__, "saliency": options.method}

    def process(source: str, output: str) -> None:
        found = find(read(content(source)), options.method)
        deliver(output, Picture(np.repeat(found, 3, axis=-1)), record=record)
        if output != "-":
            print(f"{output}  {found.shape[2]}x{found.shape[1]}")

    return each(process, inputs, outputs)


def find(picture: Picture, method: str) -> np.ndarray:
    """Where the subject of a photograph is.

    Args:
        picture: The photograph; what is transparent in it is not looked at.
        method: One of `saliency`'s, or "cam" for the activation map of the class that it is taken for.

    Returns:
        (1, h, w, 1) float32 in [0, 1], the subject bright.

    Raises:
        InputError: There is no such method.
    """
    rgb = visible(picture)
    return _activation(rgb) if method == "cam" else saliency(rgb, method)


def visible(picture: Picture) -> np.ndarray:
    """What is seen of a picture, (1, h, w, 3) in [0, 1]."""
    return picture.rgb if picture.alpha is None else fill_transparent(picture.rgb, picture.alpha)


def _activation(rgb: np.ndarray) -> np.ndarray:
    """The activation map of the class that the photograph is taken for, (1, h, w, 1) in [0, 1]."""
    seen = _classifier()(resize(Picture(rgb), WORKING_SIDE).rgb, training=False)
    (maps,), (logits,) = np.asarray(seen["maps"]), np.asarray(seen["logits"])
    return saliency_map(maps[..., logits.argmax()], *rgb.shape[1:3])


@functools.cache
def _classifier():
    load_tensorflow()
    from keras_nst.models.cam import gap_classifier

    return gap_classifier()
