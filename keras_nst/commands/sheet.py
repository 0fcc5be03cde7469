"""`keras-nst sheet`: a contact sheet of photographs in all styles and strengths."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras_nst
from keras_nst.commands.arguments import Sheet
from keras_nst.commands.inputs import check_destination, deliver, expand, read_picture
from keras_nst.console import Console, track
from keras_nst.models.styles import find_style, read_card, styles
from keras_nst.pictures.captioned import Caption, captioned_sheet
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture


def run(options: Sheet) -> int:
    """Stylize each photograph in each style, and write the sheet."""
    check_destination(options.output)
    chosen = [find_style(style) for style in options.style or styles()]
    captions = [Caption("photograph"), *_captions(chosen)]
    photographs = [read_picture(source, max_size=options.max_size).rgb for source in expand(options.inputs)]
    from keras_nst.infer.stylizer import Stylizer

    rows = [[photograph] for photograph in photographs for _ in options.strengths]
    for style in track(chosen, "Stylizing", len(chosen), console=Console()):
        stylizer, each = Stylizer(style), iter(rows)
        for photograph in photographs:
            stylized = stylizer(Picture(photograph), color=options.color).rgb
            for strength in options.strengths:
                next(each).append(blend(photograph, stylized, strength))
    sides = [f"{strength:g}" for _ in photographs for strength in options.strengths]
    several = len(options.strengths) > 1
    sheet = captioned_sheet(
        rows, captions, height=options.height, sides=sides if several else None, columns=options.columns
    )
    names = [caption.name for caption in captions[1:]]
    record = {"version": keras_nst.__version__, "styles": names, "strengths": options.strengths}
    deliver(options.output, Picture(sheet), record=record | {"color": options.color, "max_size": options.max_size})
    if options.output != "-":
        print(f"{Path(options.output)}  {sheet.shape[2]}x{sheet.shape[1]}")
    return 0


def _captions(chosen: Sequence[Path]) -> list[Caption]:
    """Title, artist and year of each style by its card; the name alone where styles share a title."""
    cards = [{key: str(value) for key, value in read_card(style).items()} for style in chosen]
    titles = Counter(card.get("title", "") for card in cards)
    return [
        Caption(
            style.name,
            title if titles[title := card.get("title", "")] == 1 else "",
            # The year is not broken.
            ", ".join(filter(None, [card.get("artist"), card.get("date", "").replace(" ", "\xa0")])),
        )
        for style, card in zip(chosen, cards, strict=True)
    ]
