import numpy as np
import pytest

from keras_nst.cli import main
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.captioned import Caption, lay_out
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with a photograph and three styles, two of which have the same title."""
    monkeypatch.chdir(tmp_path)
    write("photo.png", Picture(rng.random((1, 48, 64, 3), np.float32)))
    net = transfer_net(filters=(4, 4, 8), residual_blocks=1)
    cards = {"one": "Night", "small": "Night", "other": "The Barn"}
    for name, title in cards.items():
        save_style(name, net, {"title": title, "artist": "A. Painter", "date": "c. 1900"})
    return tmp_path


def captions_drawn(captions, sheet):
    """Whether the sheet has ink exactly in the boxes of these captions, and pictures where they belong."""
    layout = lay_out([(48, 64)], captions, height=200)
    if sheet.shape != (1, layout.height, layout.width, 3):
        return False
    rest = sheet[0].copy()
    for left, top, right, bottom in [*layout.cells[0], *(text.box for text in layout.texts)]:
        rest[top:bottom, left:right] = 1
    inked = (sheet[0, top:bottom, left:right].min() < 0.6 for left, top, right, bottom in (t.box for t in layout.texts))
    return bool((rest == 1).all()) and all(inked)


def test_styles_are_captioned_by_their_cards_and_by_name_where_titles_are_the_same(here):
    arguments = "sheet photo.png -s one -s small -s other --height 200 -o sheet.png"
    assert main(arguments.split()) == 0
    sheet, photograph = read("sheet.png").rgb, Caption("photograph")
    names = [photograph, Caption("one"), Caption("small")]
    assert captions_drawn([*names, Caption("other", "The Barn", "A. Painter, c.\xa01900")], sheet)
    assert not captions_drawn([*names, Caption("other", "The Barn")], sheet)
    assert not captions_drawn([photograph, *[Caption("one", "Night", "A. Painter, c.\xa01900")] * 3], sheet)
