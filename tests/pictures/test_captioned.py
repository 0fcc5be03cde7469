import itertools

import numpy as np
import pytest

from keras_nst.pictures.captioned import Caption, captioned_sheet, lay_out
from keras_nst.pictures.sheet import GAP

CAPTIONS = [
    Caption("photograph"),
    Caption("shipwreck", "The Shipwreck of the Minotaur", "Joseph Mallord William Turner, c.\xa01810"),
    Caption("starry_night", "The Starry Night", "Vincent van Gogh, 1889"),
    Caption("a_style_without_a_title"),
    Caption("word", "Donaudampfschifffahrtsgesellschaft" * 2, "nobody, 1900"),
    Caption("letters " * 200, "i" * 100_000),
    Caption("udnie", "Udnie", "Francis Picabia, 1913"),
]
LANDSCAPE, SQUARE, PORTRAIT, STRIP, POLE = (400, 600), (500, 500), (600, 400), (1, 512), (512, 1)
SHAPES = [[LANDSCAPE], [PORTRAIT], [LANDSCAPE, PORTRAIT, SQUARE], [STRIP, PORTRAIT], [POLE], [STRIP, POLE]]


def overlap(one, other):
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def words(layout, caption, captions=CAPTIONS):
    """The lines above a column."""
    cell = layout.cells[0][captions.index(caption)]
    middle = cell.left + cell.right
    return [text for text in layout.texts if abs(text.box.left + text.box.right - middle) <= 2]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("height", [32, 100, 320])
@pytest.mark.parametrize("columns", [1, 3, 7, 9])
@pytest.mark.parametrize("sides", [False, True])
def test_nothing_overlaps_and_captions_keep_to_their_columns(shapes, height, columns, sides):
    beside = ["0.25"] * len(shapes) if sides else None
    layout = lay_out(shapes, CAPTIONS, height=height, columns=columns, sides=beside)
    cells = [cell for row in layout.cells for cell in row]
    boxes = [*cells, *(text.box for text in layout.texts)]
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
    for box in boxes:
        assert GAP <= box.left <= box.right <= layout.width - GAP
        assert GAP <= box.top < box.bottom <= layout.height - GAP
    pitch = layout.column + GAP
    begin = layout.width - pitch * len({cell.left for cell in layout.cells[0]})
    for text in layout.texts:
        column = (text.box.left - begin) // pitch
        assert text.box.right - begin <= (column * pitch + layout.column if column >= 0 else -GAP)
        assert sides or column >= 0


@pytest.mark.parametrize("height", [32, 320])
@pytest.mark.parametrize("columns", [1, 3, 7])
def test_what_is_drawn_stays_in_its_boxes(height, columns):
    captions = [Caption("name", "jÅgy ÇQ| fjord", "Wfj, 1889"), *CAPTIONS]
    options = {"height": height, "columns": columns, "sides": ["0.4", "1"]}
    gray = np.full((1, 400, 600, 3), 0.5, np.float32)
    sheet = captioned_sheet([[gray] * len(captions)] * 2, captions, **options)[0]
    layout = lay_out([LANDSCAPE] * 2, captions, **options)
    assert sheet.shape == (layout.height, layout.width, 3)
    for left, top, right, bottom in (cell for row in layout.cells for cell in row):
        np.testing.assert_allclose(sheet[top:bottom, left:right], 0.5, atol=1e-6)
        sheet[top:bottom, left:right] = 1
    for text in layout.texts:
        left, top, right, bottom = text.box
        assert not text.text or sheet[top:bottom, left:right].min() < 0.6
        sheet[top:bottom, left:right] = 1
    np.testing.assert_array_equal(sheet, 1)


@pytest.mark.parametrize(("styles", "columns"), [(2, 9), (9, 9), (19, 9), (18, 6)])
def test_titles_have_one_size_that_is_a_hundredth_of_a_wide_sheet(styles, columns):
    captions = [Caption(f"style {number}", "The Starry Night", "Vincent van Gogh, 1889") for number in range(styles)]
    heights = 80, 160, 320
    layouts = [lay_out([LANDSCAPE], captions, height=height, columns=columns) for height in heights]
    for height, layout in zip(heights, layouts, strict=True):
        titles = {text.size for text in layout.texts if text.color == "black"}
        assert len(titles) == 1
        assert min(titles) >= max(10, min(layout.width / 100, 1.5 * height / 20) - 1)
        assert all(text.size < min(titles) or text.size == 10 for text in layout.texts if text.color != "black")
    assert layouts[2].texts[0].size == pytest.approx(2 * layouts[1].texts[0].size, abs=2)


def test_a_caption_is_a_title_and_below_it_its_origin_where_there_is_room_else_the_name():
    wide, narrow = (lay_out([LANDSCAPE], CAPTIONS, height=height) for height in (320, 32))

    def told(layout, caption):
        return " ".join(text.text for text in words(layout, caption))

    starry = CAPTIONS[2]
    assert [text.text for text in words(wide, starry)] == [starry.title, starry.origin]
    title, origin = words(wide, starry)
    assert title.box.bottom <= origin.box.top
    assert origin.size < title.size
    assert told(wide, CAPTIONS[1]) == f"{CAPTIONS[1].title} {CAPTIONS[1].origin}"
    assert told(wide, CAPTIONS[3]).replace(" ", "") == CAPTIONS[3].name
    assert told(wide, CAPTIONS[4]) == CAPTIONS[4].name
    assert told(wide, CAPTIONS[5]).endswith("…")
    assert told(narrow, CAPTIONS[6]) == "Udnie"
    assert told(narrow, CAPTIONS[0]).endswith("…")


def test_captions_stand_just_above_their_pictures_in_the_middle():
    layout = lay_out([PORTRAIT, LANDSCAPE], CAPTIONS, height=320)
    bottoms = {words(layout, caption)[-1].box.bottom for caption in CAPTIONS}
    assert bottoms == {layout.cells[0][0].top - GAP // 2}


def test_upright_pictures_are_as_large_as_wide_ones_and_in_the_middle_of_their_columns():
    layout = lay_out([LANDSCAPE, SQUARE, PORTRAIT], CAPTIONS, height=320)
    areas = [(cell.right - cell.left) * (cell.bottom - cell.top) for cell, *_ in layout.cells]
    assert areas == pytest.approx([320 * 480] * 3, rel=0.01)
    for wide, square, upright in zip(*layout.cells, strict=True):
        assert wide.right - wide.left == 480
        assert abs(square.left + square.right - wide.left - wide.right) <= 1
        assert abs(upright.left + upright.right - wide.left - wide.right) <= 1
    for pole in lay_out([LANDSCAPE, (900, 300)], CAPTIONS, height=320).cells[1]:
        assert pole.bottom - pole.top == 480


@pytest.mark.parametrize("shape", [LANDSCAPE, SQUARE, PORTRAIT])
def test_pictures_of_one_shape_have_the_height_that_is_asked_for(shape):
    for cell, *_ in lay_out([shape] * 2, CAPTIONS, height=100).cells:
        assert (cell.bottom - cell.top, cell.right - cell.left) == (100, round(100 * shape[1] / shape[0]))


def test_a_panorama_is_at_most_three_times_as_wide_as_the_height():
    (panorama, *_), (other, *_) = lay_out([(100, 1000), LANDSCAPE], CAPTIONS, height=100).cells
    assert (panorama.right - panorama.left, panorama.bottom - panorama.top) == (300, 30)
    assert other.bottom - other.top > 100


def test_pictures_are_scaled_to_their_cells(rng):
    pictures = [rng.random((1, 60, 90, 3), np.float32), rng.random((1, 90, 60, 3), np.float32)]
    sheet = captioned_sheet([[picture] * 2 for picture in pictures], CAPTIONS[:2], height=60)[0]
    (cell, _), _ = lay_out([(60, 90), (90, 60)], CAPTIONS[:2], height=60).cells
    np.testing.assert_array_equal(sheet[cell.top : cell.bottom, cell.left : cell.right], pictures[0][0])


@pytest.mark.parametrize(("number", "columns", "expected"), [(7, 7, [7]), (7, 3, [3, 3, 1]), (19, 9, [7, 7, 5])])
def test_columns_that_do_not_fit_go_on_below_as_evenly_as_possible(number, columns, expected):
    captions = [Caption(f"style {index}") for index in range(number)]
    (cells,) = lay_out([LANDSCAPE], captions, height=50, columns=columns).cells
    assert [len([*group]) for _, group in itertools.groupby(cells, lambda cell: cell.top)] == expected
    assert all(cell.left == cells[place % expected[0]].left for place, cell in enumerate(cells))
