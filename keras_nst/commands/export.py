"""`keras-nst export`: write styles for servers and other runtimes."""

from keras_nst.commands.arguments import Export
from keras_nst.console import Console, track
from keras_nst.errors import InputError
from keras_nst.models.styles import find_style


def run(options: Export) -> int:
    """Export each style, and print its path."""
    names = [find_style(style).resolve().name for style in options.styles]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"Two styles are named {min(twice)}. Export them to different folders.")
    from keras_nst.jobs.export import export

    for style in track(options.styles, "Exporting", console=Console()):
        print(export(style, options.output, format=options.format, size=options.size))
    return 0
