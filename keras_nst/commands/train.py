"""`keras-nst train`: learn a style from a painting or a collection."""

import os
from pathlib import Path

from keras_nst.commands.inputs import check_painting
from keras_nst.console import Console
from keras_nst.models.nets import NETS
from keras_nst.models.painter import NAME
from keras_nst.models.saved import TRAINED, codes_for, find_home
from keras_nst.models.styles import find_style, is_style, styles
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.recipes import ADVERSARIAL


def run(options: TrainingOptions) -> int:
    """Train, and print the command that applies the style."""
    console = Console()
    for style in () if options.recipe in ADVERSARIAL else options.style:
        if not os.path.isdir(style) and not style.startswith("tfds:"):
            check_painting(style)
            read(style)  # Report a wrong path before TensorFlow loads.
    if options.init:
        (find_home if NETS[options.net].conditional else find_style)(options.init)
    if options.content is None:
        console.line(
            "Training on built-in samples and synthetic images. A folder of photographs (--content) gives better nets."
        )
    from keras_nst.jobs.learn import learn
    from keras_nst.jobs.training_folder import TrainingFolder

    try:
        folder = learn(options, console=console)
    except KeyboardInterrupt:
        if TrainingFolder(options.folder).can_be_resumed:
            raise KeyboardInterrupt("The same command with --resume continues from the last checkpoint.") from None
        raise
    print(f"Use it: {_use(folder)} -o OUT.png")
    return 0


def _use(folder: Path) -> str:
    """The command that applies a style that was learned, or paintings' styles by a net that has none of its own."""
    style = folder if is_style(folder) else next(iter(codes_for(folder)), None)
    if style is None:
        there = "" if folder == TRAINED / NAME else f"move it to {TRAINED / NAME}, and then "
        return f"{there}python stylize.py PHOTO --style PAINTING"
    known = styles().get(style.name)
    return f"python stylize.py PHOTO --style {style.name if known and known.samefile(style) else style}"
