import numpy as np
import pytest
from PIL import Image

import keras_nst
from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.pictures.io import read

SHALLOW = {"iterations": 2, "statistic": "gram", "style_layers": ["relu1_1"], "content_layers": ["relu1_2"]}


@pytest.fixture
def photograph(rng):
    return rng.integers(0, 256, (32, 40, 3), np.uint8)


def test_a_mask_says_what_is_optimized(photograph, rng):
    mask = np.zeros((32, 40), np.uint8)
    mask[:, 20:] = 255
    painting = rng.random((24, 24, 3))
    result = keras_nst.optimize(photograph, painting, mask, end_size=64, **SHALLOW)
    np.testing.assert_array_equal(np.asarray(result)[:, :20], photograph[:, :20])
    assert (np.asarray(result)[:, 20:] != photograph[:, 20:]).mean() > 0.5


@pytest.fixture
def soft():
    """A mask that is black, dark gray, light gray and white from left to right, (32, 40) uint8."""
    return np.broadcast_to(np.repeat(np.uint8([0, 102, 153, 255]), 10), (32, 40))


def test_masks_say_the_same_as_to_the_commands(photograph, soft, rng, tmp_path, monkeypatch):
    """An opaque one by its luma, one with alpha by that, and what is selected in part is restyled in part."""
    monkeypatch.chdir(tmp_path)
    masks = {"gray": soft, "clear": np.dstack([np.full((32, 40, 3), 255, np.uint8), soft])}
    masks["colored"] = np.uint8([[[255, 0, 0]] * 20 + [[0, 255, 0]] * 20] * 32)
    for name, values in {"photo": photograph, "paint": rng.integers(0, 256, (24, 24, 3), np.uint8), **masks}.items():
        Image.fromarray(values).save(f"{name}.png")
    options = [
        f"--{name.replace('_', '-')}={value if np.isscalar(value) else value[0]}" for name, value in SHALLOW.items()
    ]
    for name, values in masks.items():
        main(["optimize", "photo.png", "paint.png", "--content-mask", f"{name}.png", "-o", "out.png", *options])
        by_command = read("out.png").rgb
        for mask in (values, f"{name}.png"):
            result = keras_nst.optimize("photo.png", "paint.png", mask, **SHALLOW)
            np.testing.assert_allclose(result.rgb, by_command, atol=0.51 / 255)


def test_the_mask_of_an_object_is_an_array_or_the_alpha_of_one(photograph, soft, rng):
    composite = rng.integers(0, 256, (32, 40, 3), np.uint8)
    plain = {"quality": "draft", "style_strength": 0.0, "recolor": False}
    clear = np.dstack([np.full((32, 40, 3), 255, np.uint8), soft])
    results = [np.asarray(keras_nst.harmonize(photograph, composite, mask, **plain)) for mask in (soft, clear)]
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0][:, 32:], composite[:, 32:])


@pytest.mark.parametrize("call", [keras_nst.optimize, keras_nst.harmonize])
def test_a_mask_that_selects_nothing_is_refused(photograph, call):
    with pytest.raises(InputError, match="selects nothing"):
        call(photograph, photograph, np.zeros((32, 40)))


def test_the_object_is_where_painting_and_composite_differ(rng):
    painting = rng.integers(100, 156, (64, 80, 3), np.uint8)
    composite = painting.copy()
    composite[20:44, 30:54] = (250, 10, 10)
    result = keras_nst.harmonize(painting, composite, quality="draft", style_strength=0.0)
    np.testing.assert_array_equal(np.asarray(result)[:10], painting[:10])
    np.testing.assert_array_equal(np.asarray(result)[26:38, 36:48], composite[26:38, 36:48])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda picture: keras_nst.optimize(picture, picture, picture[:20]), "40 x 20 pixels, the picture 40 x 32"),
        (lambda picture: keras_nst.harmonize(picture, picture[:, :30]), "40 x 32 and 30 x 32"),
        (lambda picture: keras_nst.harmonize(picture, picture, picture[:20]), "40 x 20 pixels, the picture 40 x 32"),
    ],
)
def test_pictures_of_different_sizes_are_refused(photograph, call, told):
    with pytest.raises(InputError, match=told):
        call(photograph)


def test_the_shipped_styles_are_listed():
    assert {"starry_night", "the_scream"} <= set(keras_nst.styles())
