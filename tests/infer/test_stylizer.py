import logging
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import cv2
import keras
import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.infer.stylizer import Blend, Stylizer
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.color import luma
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.pyramid import Enlarged


@pytest.fixture(scope="module")
def net():
    return transfer_net(filters=(4, 4, 8), residual_blocks=1)


@pytest.fixture(scope="module")
def style(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("style")
    save_style(folder, net, {})
    return folder


@pytest.fixture(scope="module")
def stylizer(style):
    return Stylizer(style)


@pytest.fixture
def picture(rng):
    return Picture(rng.random((1, 37, 50, 3), np.float32))


def test_the_result_is_the_nets(stylizer, net, picture):
    np.testing.assert_allclose(stylizer(picture, grain=False).rgb, net(picture.rgb), atol=5e-3)


def test_any_form_of_a_picture_is_stylized_and_blended(stylizer, style, picture):
    given = np.asarray(picture)
    expected = stylizer(given)
    np.testing.assert_allclose(Blend([style, style], [1, 3])(given).rgb, expected.rgb, atol=1e-6)
    cut_out = np.dstack([given, np.full(given.shape[:2], 100, np.uint8)])
    np.testing.assert_allclose(Blend([style])(cut_out).alpha, 100 / 255, atol=1e-6)


def test_grain_is_the_same_each_time_and_gives_a_flat_picture_something_to_stylize(tmp_path):
    # Without normalizations, which make much of rounding errors where there is nothing else.
    image = keras.Input((None, None, 3))
    save_style(tmp_path, keras.Model(image, keras.layers.Conv2D(3, 1, activation="sigmoid")(image)), {})
    stylizer = Stylizer(tmp_path)
    flat = Picture(np.full((1, 64, 64, 3), 0.8, np.float32))
    np.testing.assert_array_equal(stylizer(flat).rgb, stylizer(flat).rgb)
    assert np.ptp(stylizer(flat, grain=False).rgb, axis=(1, 2)).max() < 1e-5
    assert np.ptp(stylizer(flat).rgb, axis=(1, 2)).max() > 1e-3


def test_a_shipped_style_covers_a_white_page_with_strokes():
    page = np.ones((1, 160, 240, 3), np.float32)
    page[:, 40:60, 30:120] = 0
    stylized = Stylizer("starry_night")(Picture(page)).rgb
    corner = stylized[0, 100:, 140:]
    # Neighbors in the painting differ by 0.1; in a plain color, by 0.
    assert np.abs(np.diff(corner, axis=0)).mean() > 0.02


def test_a_large_picture_is_painted_at_a_smaller_size_and_enlarged(stylizer, rng):
    wide = Picture(
        cv2.resize(rng.random((30, 45, 3), np.float32), (180, 120), interpolation=cv2.INTER_CUBIC).clip(0, 1)[None]
    )
    small = resize(wide, 90)
    expected = Enlarged(stylizer(small).rgb, small.rgb, wide.rgb).rows(0, 120)
    np.testing.assert_allclose(stylizer(wide, painted_size=90).rgb, expected, atol=1e-6)
    np.testing.assert_array_equal(stylizer(wide, painted_size=180).rgb, stylizer(wide).rgb)
    half = stylizer(wide, painted_size=90, strength=0.5).rgb
    np.testing.assert_allclose(half, (wide.rgb + expected) / 2, atol=1e-5)


def test_a_strip_is_painted_where_its_shorter_side_suffices(stylizer, rng):
    strip = Picture(rng.random((1, 20, 400, 3), np.float32))
    assert stylizer(strip, painted_size=100).rgb.shape == (1, 20, 400, 3)


def test_a_single_small_picture_is_painted_without_making_the_net_faster_first(style, picture, monkeypatch):
    made_faster = Stylizer(style)
    faster = made_faster(picture).rgb
    fold = mock.Mock(side_effect=AssertionError("The net is made faster."))
    monkeypatch.setattr("keras_nst.infer.stylizer.fold", fold)
    np.testing.assert_allclose(Stylizer(style)(picture, alone=True).rgb, faster, atol=1e-4)
    np.testing.assert_array_equal(made_faster(picture, alone=True).rgb, faster)  # By the fast net, which is there.
    monkeypatch.setattr("keras_nst.infer.stylizer.SMALL_PIXELS", 1000)
    with pytest.raises(AssertionError, match="made faster"):
        Stylizer(style)(picture, alone=True)


@pytest.mark.parametrize("size", [(16, 16), (17, 90), (64, 31)])
def test_any_size_is_kept(stylizer, rng, size):
    assert stylizer(Picture(rng.random((1, *size, 3), np.float32))).rgb.shape == (1, *size, 3)


@pytest.mark.parametrize("size", [(16, 16), (40, 16), (17, 33)])
def test_any_size_is_kept_by_a_net_of_many_styles(rng, size):
    picture = Picture(rng.random((1, *size, 3), np.float32))
    for alone in (True, False):
        result = Stylizer("arlesiennes")(picture, alone=alone).rgb
        assert result.shape == picture.rgb.shape
        assert np.isfinite(result).all()


@pytest.mark.parametrize("style", ["starry_night", "starry_night-lite", "arlesiennes"])
def test_in_half_precision_a_picture_is_almost_the_same(style):
    picture = resize(as_picture("sample:coffee"), 160)
    single, half = (Stylizer(style, mixed_precision=each)(picture).rgb for each in ("off", "bfloat16"))
    assert 0 < np.abs(half - single).mean() < 1.5 / 255


def test_strength_mixes_linearly_from_the_photograph_to_the_style(stylizer, picture):
    full = stylizer(picture).rgb
    np.testing.assert_array_equal(stylizer(picture, strength=0).rgb, picture.rgb)
    np.testing.assert_allclose(stylizer(picture, strength=0.25).rgb, 0.25 * full + 0.75 * picture.rgb, atol=1e-6)


def test_a_map_of_strengths_mixes_each_pixel_by_its_own(stylizer, picture, rng):
    strength = rng.random((1, 37, 50, 1), np.float32)
    full = stylizer(picture).rgb
    np.testing.assert_allclose(
        stylizer(picture, strength=strength).rgb, strength * full + (1 - strength) * picture.rgb, atol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"color": "keep", "strength": 0.5}])
def test_a_large_picture_is_stylized_in_bands_as_it_is_as_a_whole(stylizer, rng, monkeypatch, options):
    picture = Picture(rng.random((1, 130, 50, 3), np.float32))
    whole = stylizer(picture, **options).rgb
    monkeypatch.setattr("keras_nst.infer.stylizer.WHOLE_PIXELS", 1000)
    monkeypatch.setattr("keras_nst.infer.bands.BAND_PIXELS", 2000)
    np.testing.assert_allclose(stylizer(picture, **options).rgb, whole, atol=1 / 255)


def test_two_threads_stylize_large_pictures_as_one_does(stylizer, rng, monkeypatch):
    monkeypatch.setattr("keras_nst.infer.stylizer.WHOLE_PIXELS", 1000)
    monkeypatch.setattr("keras_nst.infer.bands.BAND_PIXELS", 2000)
    dark, light = (Picture(level + 0.3 * rng.random((1, 130, 50, 3), np.float32)) for level in (0.0, 0.7))
    expected = [stylizer(picture).rgb for picture in (dark, light)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(stylizer, [dark, light] * 4))
    for result, one in zip(found, expected * 4, strict=True):
        np.testing.assert_allclose(result.rgb, one, atol=1e-5)


@pytest.fixture
def seeing_the_whole(tmp_path):
    """A style whose net weighs the photograph's channels by their means."""
    photograph = keras.Input((None, None, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean")(photograph)
    save_style(tmp_path, keras.Model(photograph, keras.layers.Multiply()([photograph, mean])), {})
    return Stylizer(tmp_path)


def test_a_net_that_sees_the_whole_is_given_it_where_the_memory_suffices(seeing_the_whole, rng, monkeypatch):
    monkeypatch.setattr("keras_nst.infer.stylizer.WHOLE_PIXELS", 1000)
    rgb = rng.random((1, 130, 50, 3), np.float32)
    expected = rgb * rgb.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(seeing_the_whole(Picture(rgb), grain=False).rgb, expected, atol=1e-5)
    monkeypatch.setattr("keras_nst.memory.free_memory", lambda: 1_000_000)
    with pytest.raises(InputError, match=r"0.0 GB are free.* the layer .mean. .*Take a smaller"):
        seeing_the_whole(Picture(rgb))


def test_kept_color_has_the_brightness_of_the_result(stylizer, picture):
    kept = stylizer(picture, color="keep").rgb
    np.testing.assert_allclose(luma(kept), luma(stylizer(picture).rgb), atol=1e-5)


def test_alpha_is_kept_and_what_it_hides_has_no_influence(stylizer, rng):
    rgb, alpha = rng.random((1, 32, 32, 3), np.float32), np.ones((1, 32, 32, 1), np.float32)
    alpha[:, 8:20, 8:20] = 0
    garbage = np.where(alpha == 0, rng.random(rgb.shape, np.float32), rgb)
    result = stylizer(Picture(rgb, alpha))
    np.testing.assert_array_equal(result.alpha, alpha)
    np.testing.assert_allclose(stylizer(Picture(garbage, alpha)).rgb, result.rgb, atol=1e-6)


def test_one_style_after_the_other_is_no_reason_to_warn_of_retracing(caplog):
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    for _ in range(6):
        Stylizer("starry_night-lite")(Picture(np.zeros((1, 16, 16, 3), np.float32)))
    logger.removeHandler(caplog.handler)
    assert caplog.records == []
