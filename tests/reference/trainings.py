"""Small trainings, and the command that runs one in its own process: python trainings.py OPTIMIZER ARGUMENT..."""

import os
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
from reference import nets
from reference.nets import randomized

from keras_nst.cli import main
from keras_nst.jobs import setups
from keras_nst.models.nets import NETS
from keras_nst.models.weights import vgg_weights

COMMAND = [sys.executable, __file__]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
"""In which the command finds `reference` as pytest does."""

tiny_generator = partial(setups.generator, filters=(4, 4, 8), residual_blocks=1)
tiny_saliency = {"saliency_filters": (2, 4, 4, 4)}
SMALL = {
    "generator": lambda **kwargs: tiny_generator(**(tiny_saliency | kwargs)),
    "discriminator": partial(setups.discriminator, (4, 4, 4)),
}


def narrow_vgg(*_):
    """VGG16 with eight channels per layer, which XLA compiles faster. The test is about the training around it."""
    return {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}


def descent(options, rate, **_):
    """Gradient descent instead of Adam, which hides the scale of gradients and amplifies rounding at first."""
    return keras.optimizers.SGD(rate)


def exact(change):
    """Prevent rounding from making trainings diverge, by `change(module, name, value)`."""
    change(setups, "_adam", descent)
    # After normalization, a plain gray picture would consist of rounding errors.
    for name in ("generator", "discriminator"):
        change(setups, name, lambda build=SMALL[name], **kwargs: randomized(build(**kwargs), np.random.default_rng(0)))


def train(optimizer, *arguments):
    """The command with the small nets, to run in its own process."""
    vars(setups).update(SMALL, vgg_weights=narrow_vgg)
    NETS.update(nets.SMALL)
    if optimizer == "descent":
        exact(setattr)
    sys.exit(main(["train", *arguments]))


def arguments(options, output, *more):
    return [
        *("--style", *options.style, "--content", options.content, "--steps", str(options.steps), "--size", "32"),
        *("--batch", "2", "--style-size", str(options.style_size), "--output", str(output)),
        *(("--learning-rate", str(options.learning_rate)) if options.learning_rate else ()),
        *("--recipe", options.recipe, "--mixed-precision", options.mixed_precision, *more),
    ]


if __name__ == "__main__":
    train(*sys.argv[1:])
