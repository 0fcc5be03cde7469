"""`keras-nst saliency`: maps of the subject of a photograph."""

import numpy as np

import keras_nst
from keras_nst.commands.arguments import Saliency
from keras_nst.commands.inputs import deliver, destinations, each, expand, read_picture
from keras_nst.pictures.picture import Picture
from keras_nst.select.subject import find


def run(options: Saliency) -> int:
    """Write a gray map for each photograph."""
    inputs = expand(options.inputs)
    outputs = destinations(inputs, options.output, lambda path: f"{path.stem}-saliency.png")
    record = {"version": keras_nst.__version__, "saliency": options.method}

    def process(source: str, output: str) -> None:
        found = find(read_picture(source), options.method)
        deliver(output, Picture(np.repeat(found, 3, axis=-1)), record=record)
        if output != "-":
            print(f"{output}  {found.shape[2]}x{found.shape[1]}")

    return each(process, inputs, outputs)
