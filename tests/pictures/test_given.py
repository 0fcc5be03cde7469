import io

import numpy as np
import pytest
from PIL import Image

from keras_nst.errors import InputError
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.picture import Picture


@pytest.fixture
def values(rng):
    return rng.integers(0, 256, (20, 30, 4), np.uint8)


def test_all_forms_give_the_same_picture(values, tmp_path):
    rgb = values[..., :3]
    Image.fromarray(rgb).save(tmp_path / "picture.png")
    forms = [rgb, rgb.astype(int), rgb / 255.0, np.float32(rgb[None] / 255.0), Image.fromarray(rgb)]
    forms += [tmp_path / "picture.png", str(tmp_path / "picture.png"), (tmp_path / "picture.png").read_bytes()]
    for form in [*forms, Picture(np.float32(rgb[None]) / 255)]:
        picture = as_picture(form)
        np.testing.assert_allclose(picture.rgb, rgb[None] / 255.0, atol=1e-6)
        assert picture.alpha is None


def test_gray_becomes_rgb_and_the_fourth_channel_alpha(values):
    gray = as_picture(values[..., 0])
    np.testing.assert_array_equal(gray.rgb, np.repeat(gray.rgb[..., :1], 3, axis=-1))
    np.testing.assert_allclose(as_picture(values).alpha[0, ..., 0], values[..., 3] / 255.0, atol=1e-6)


def test_a_picture_goes_back_to_bytes(values):
    np.testing.assert_array_equal(np.asarray(as_picture(values)), values)
    np.testing.assert_array_equal(np.asarray(as_picture(values[..., :3]).to_pil()), values[..., :3])
    with Image.open(io.BytesIO(as_picture(values)._repr_png_())) as shown:
        np.testing.assert_array_equal(np.asarray(shown), values)


def test_a_damaged_file_that_pillow_has_opened_is_told(values, tmp_path):
    Image.fromarray(values[..., :3]).resize((200, 150)).save(tmp_path / "photo.jpg")
    whole = (tmp_path / "photo.jpg").read_bytes()
    with Image.open(io.BytesIO(whole[: len(whole) // 2])) as image, pytest.raises(InputError, match="damaged"):
        as_picture(image)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "Received: NoneType"),
        (np.zeros((2, 20, 30, 3)), r"shape \(2, 20, 30, 3\)"),
        (np.zeros((20, 30, 5)), r"shape \(20, 30, 5\)"),
        (np.zeros((0, 30, 3)), r"shape \(0, 30, 3\)"),
        (np.full((20, 30, 3), 1.5), r"from 0 to 1 in an array of float64. Received 1\.5"),
        (np.full((20, 30, 3), np.nan), "Received nan"),
        (np.full((20, 30, 3), -1), "from 0 to 255"),
        (np.zeros((20, 30, 3), bool), "Received: ndarray"),
        ([[1, 2], [3]], "Received: list"),
        (np.zeros((1, 1, 3)), "1 x 1 pixels"),
        (Image.new("RGB", (40, 15)), "40 x 15 pixels"),
    ],
)
def test_what_is_no_picture_is_told(given, told):
    with pytest.raises(InputError, match=told):
        as_picture(given)
