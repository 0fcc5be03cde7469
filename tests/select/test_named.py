import numpy as np
import pytest
from PIL import Image

from keras_nst.errors import InputError
from keras_nst.jobs import partial
from keras_nst.options import SelectionOptions
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import feather, filled, flood, likely, otsu, rectangle, refine
from keras_nst.select.matting import matte
from keras_nst.select.named import named_mask
from keras_nst.select.subject import find


def select(picture, **options):
    return partial.select(picture, SelectionOptions(**{"feather": 0.0, **options}))


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """A red disc on blue, 48 x 36, with a working directory for masks."""
    monkeypatch.chdir(tmp_path)
    y, x = np.indices((36, 48))
    red = (np.hypot(y - 18, x - 20) < 9)[..., None]
    return Picture(np.where(red, np.float32([0.9, 0.3, 0.2]), np.float32([0.3, 0.4, 0.5]))[None])


def test_points_boxes_and_masks_add_up(picture):
    levels = np.zeros((36, 48), np.uint8)
    levels[30:] = 128
    Image.fromarray(levels).save("m.png")
    disc, box = flood(picture.rgb, [(20, 18)]), rectangle(36, 48, (40, 2, 5, 6))
    np.testing.assert_array_equal(select(picture, select=[(20, 18)]), disc)
    np.testing.assert_array_equal(select(picture, rect=(40, 2, 5, 6)), box)
    both = select(picture, select=[(20, 18)], rect=(40, 2, 5, 6), mask="m.png")
    np.testing.assert_allclose(both, np.maximum(np.maximum(disc, box), levels[None, ..., None] / 255), atol=1e-6)


def test_the_tolerance_is_the_floods(picture):
    np.testing.assert_array_equal(select(picture, select=[(20, 18)], tolerance=100.0), np.ones((1, 36, 48, 1)))


def test_the_order_is_refine_invert_feather(picture):
    rgb = picture.rgb
    start = rectangle(36, 48, (11, 9, 19, 19))
    expected = feather(1 - matte(rgb, refine(rgb, start)), 3)
    found = select(picture, rect=(11, 9, 19, 19), refine=True, invert=True, feather=3)
    np.testing.assert_array_equal(found, expected)
    # Another order of inverting, softening and refining would give another mask.
    assert not np.array_equal(found, refine(rgb, found))


def test_a_mask_file_counts_by_its_alpha(picture, rng):
    levels = rng.integers(0, 256, (36, 48, 4), np.uint8)
    Image.fromarray(levels).save("m.png")
    np.testing.assert_allclose(named_mask("m.png", picture)[0, ..., 0], levels[..., 3] / 255, atol=1e-6)


def test_alpha_is_the_pictures_own(picture, rng):
    alpha = rng.random((1, 36, 48, 1), np.float32)
    np.testing.assert_array_equal(named_mask("alpha", Picture(picture.rgb, alpha)), alpha)


@pytest.mark.parametrize(("word", "method"), [("saliency", "rbd+mbd"), ("cam", "cam")])
def test_a_word_selects_the_subject_of_a_map(word, method):
    chelsea = read("sample:chelsea")
    mask = named_mask(word, chelsea)
    np.testing.assert_array_equal(mask, filled(otsu(find(chelsea, method))))
    nose, wall = mask[0, 240, 265, 0], mask[0, 20, 430, 0]
    assert (nose, wall) == (1, 0)


def test_the_subject_is_selected_with_its_outlines():
    coffee = read("sample:coffee")
    mask = named_mask("subject", coffee)
    np.testing.assert_array_equal(mask, matte(coffee.rgb, likely(find(coffee))))
    # The cup, its whole saucer; not the black corner and the table.
    assert [mask[0, y, x, 0] for y, x in ((60, 280), (200, 90), (200, 470))] == [1, 1, 1]
    assert [mask[0, y, x, 0] for y, x in ((10, 10), (60, 20), (380, 580), (380, 30))] == [0, 0, 0, 0]
    assert (mask > 0.5).mean() == pytest.approx(0.476, abs=0.01)  # The value of onnxruntime with the published file.


def test_a_box_is_told_by_its_sides(picture):
    np.testing.assert_array_equal(named_mask("box:4,6,20,30", picture), rectangle(36, 48, (4, 6, 16, 24)))
    np.testing.assert_array_equal(named_mask("box:-5,0,90,10", picture), rectangle(36, 48, (0, 0, 48, 10)))


def test_of_several_pieces_the_largest_stays(picture):
    found = select(picture, select=[(20, 18)], rect=(40, 2, 5, 6), largest=True)
    np.testing.assert_array_equal(found, flood(picture.rgb, [(20, 18)]))


def test_what_is_transparent_is_not_looked_at(picture):
    alpha = rectangle(36, 48, (0, 0, 30, 36))
    hidden = np.where(alpha > 0, picture.rgb, np.float32([0, 1, 0]))  # Blue or green.
    first, second = (select(Picture(rgb, alpha), mask="saliency", select=[(2, 2)]) for rgb in (picture.rgb, hidden))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "`select`"),
        ({"refine": True, "feather": 3.0}, "`mask`"),
        ({"select": []}, "`rect`"),
        ({"select": [(48, 3)]}, "48,3"),
        ({"rect": (48, 0, 3, 3)}, "48,0,3,3"),
        ({"mask": "nowhere.png"}, "nowhere.png"),
        ({"mask": "small.png"}, "small.png has 30 x 20 pixels, the picture 48 x 36"),
        ({"mask": "black.png"}, "black.png selects nothing"),
        ({"mask": "alpha"}, "transparency"),
        ({"mask": "box:1,2,3"}, "box:LEFT,TOP,RIGHT,BOTTOM"),
        ({"mask": "box:1,2,3,x"}, "box:LEFT,TOP,RIGHT,BOTTOM"),
        ({"mask": "box:20,6,4,30"}, "Nothing of the box"),
        ({"mask": "box:50,6,60,30"}, "Nothing of the box"),
        ({"rect": (0, 0, 48, 36), "invert": True}, "selection selects nothing"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(picture, tmp_path, options, told):
    Image.fromarray(np.full((20, 30), 255, np.uint8)).save("small.png")
    Image.fromarray(np.zeros((36, 48), np.uint8)).save("black.png")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as raised:
        select(picture, **options)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("source", ["subject", "saliency"])
def test_a_plain_picture_has_no_subject_to_select(picture, source):
    with pytest.raises(InputError, match=f"{source} selects nothing"):
        named_mask(source, Picture(np.full_like(picture.rgb, 0.5)))
