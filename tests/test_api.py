import numpy as np
import pytest

import keras_nst
from keras_nst.errors import InputError

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
        (lambda picture: keras_nst.optimize(picture, picture, picture[:20]), "40 x 32 and 40 x 20"),
        (lambda picture: keras_nst.harmonize(picture, picture[:, :30]), "40 x 32 and 30 x 32"),
        (lambda picture: keras_nst.harmonize(picture, picture, picture[:20]), "40 x 32 and 40 x 20"),
    ],
)
def test_pictures_of_different_sizes_are_refused(photograph, call, told):
    with pytest.raises(InputError, match=told):
        call(photograph)


def test_the_shipped_styles_are_listed():
    assert {"starry_night", "the_scream"} <= set(keras_nst.styles())
