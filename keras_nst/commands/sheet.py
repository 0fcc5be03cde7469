"""`keras-nst sheet`: a contact sheet of photographs in all styles and strengths."""

from pathlib import Path

import keras_nst
from keras_nst.commands.arguments import Sheet
from keras_nst.commands.inputs import check_destination, deliver, expand, read_picture
from keras_nst.console import Console, track
from keras_nst.models.styles import find_style, styles
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import contact_sheet


def run(options: Sheet) -> int:
    """Stylize each photograph in each style, and write the sheet."""
    check_destination(options.output)
    chosen = [find_style(style) for style in options.style or styles()]
    photographs = [read_picture(source, max_size=options.max_size).rgb for source in expand(options.inputs)]
    from keras_nst.infer.stylizer import Stylizer

    rows = [[photograph] for photograph in photographs for _ in options.strengths]
    for style in track(chosen, "Stylizing", len(chosen), console=Console()):
        stylizer, each = Stylizer(style), iter(rows)
        for photograph in photographs:
            stylized = stylizer(Picture(photograph), color=options.color).rgb
            for strength in options.strengths:
                next(each).append(blend(photograph, stylized, strength))
    labels = ["photograph", *(style.name for style in chosen)]
    sides = [f"{strength:g}" for _ in photographs for strength in options.strengths]
    several = len(options.strengths) > 1
    sheet = contact_sheet(
        rows, height=options.height, labels=labels, sides=sides if several else None, columns=options.columns
    )
    record = {"version": keras_nst.__version__, "styles": labels[1:], "strengths": options.strengths}
    deliver(options.output, Picture(sheet), record=record | {"color": options.color, "max_size": options.max_size})
    if options.output != "-":
        print(f"{Path(options.output)}  {sheet.shape[2]}x{sheet.shape[1]}")
    return 0
