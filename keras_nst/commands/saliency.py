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
        picture = read(content(source))
        rgb = picture.rgb if picture.alpha is None else fill_transparent(picture.rgb, picture.alpha)
        found = _activation(rgb) if options.method == "cam" else saliency(rgb, options.method)
        deliver(output, Picture(np.repeat(found, 3, axis=-1)), record=record)
        if output != "-":
            print(f"{output}  {found.shape[2]}x{found.shape[1]}")

    return each(process, inputs, outputs)


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
