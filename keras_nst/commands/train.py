"""`keras-nst train`: learn a style from a painting or a collection."""

import os

from keras_nst.console import Console
from keras_nst.models.nets import NETS
from keras_nst.models.saved import check_painter
from keras_nst.models.styles import find_style, styles
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.recipes import ADVERSARIAL


def run(options: TrainingOptions) -> int:
    """Train, and print the command that applies the style."""
    console = Console()
    for style in () if options.recipe in ADVERSARIAL else options.style:
        if not os.path.isdir(style) and not style.startswith("tfds:"):
            read(style)  # Report a wrong path before TensorFlow loads.
    if options.init:
        (check_painter if NETS[options.net].conditional else find_style)(options.init)
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
    known = styles().get(folder.name)
    name = folder.name if known and known.samefile(folder) else folder
    print(f"Use it: python stylize.py PHOTO --style {name} -o OUT.png")
    return 0
