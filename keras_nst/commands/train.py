"""`keras-nst train`: learn a new style from a painting."""

import argparse

from rich.console import Console

from keras_nst.images.io import read
from keras_nst.models.styles import find_style, styles
from keras_nst.startup import load_tensorflow


def run(options: argparse.Namespace) -> int:
    """Train, and print the command that uses the result."""
    console = Console(stderr=True)
    read(options.style)  # A wrong path is told before TensorFlow has loaded.
    if options.init:
        find_style(options.init)
    if options.content is None:
        console.print(
            "Training on built-in samples and synthetic images; --content FOLDER of photographs gives better nets."
        )
    load_tensorflow()
    from keras_nst import learn

    weights = {term: getattr(options, f"{term}_weight") for term in ("content", "style", "tv")}
    folder = learn.learn(
        learn.Options(
            style=options.style,
            content=options.content,
            recipe=options.recipe,
            weights={term: weight for term, weight in weights.items() if weight is not None},
            steps=options.steps,
            size=options.size,
            batch=options.batch,
            style_size=options.style_size,
            learning_rate=options.lr,
            seed=options.seed,
            init=options.init,
            output=options.output,
            mixed_precision=options.mixed_precision,
            vgg_weights=options.vgg_weights,
            download=options.download,
        ),
        resume=options.resume,
        console=console,
    )
    known = styles().get(folder.name)
    name = folder.name if known and known.samefile(folder) else folder
    print(f"Use it: python stylize.py PHOTO --style {name} -o OUT.png")
    return 0
