from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_nst.cli import main
from keras_nst.pictures.color import with_colors
from keras_nst.pictures.io import read
from keras_nst.select.masks import feather, flood, overlay

ARGUMENTS = ("partial", "photo.png", "--style", "starry_night-lite", "--select", "20,18", "--feather", "4")


@pytest.fixture(autouse=True)
def photograph(tmp_path, monkeypatch):
    """A red disc on blue, 48 x 36, in the working directory."""
    monkeypatch.chdir(tmp_path)
    y, x = np.indices((36, 48))
    red = (np.hypot(y - 18, x - 20) < 9)[..., None]
    Image.fromarray(np.where(red, np.uint8([230, 77, 51]), np.uint8([77, 102, 128]))).save("photo.png")


def test_what_is_saved_and_shown_is_the_mask():
    assert main([*ARGUMENTS, "--save-mask", "new/mask.png", "--show-mask", "shown.png"]) == 0
    rgb = read("photo.png").rgb
    mask = feather(flood(rgb, [(20, 18)]), 4)
    np.testing.assert_allclose(read("new/mask.png").rgb, np.repeat(mask, 3, axis=-1), atol=0.51 / 255)
    np.testing.assert_allclose(read("shown.png").rgb, overlay(rgb, mask), atol=0.51 / 255)


def test_what_is_saved_can_be_given_back():
    assert main([*ARGUMENTS, "--save-mask", "mask.png", "-o", "first.png"]) == 0
    assert main([*ARGUMENTS[:4], "--mask", "mask.png", "--feather", "0", "-o", "second.png"]) == 0
    np.testing.assert_allclose(read("second.png").rgb, read("first.png").rgb, atol=1.6 / 255)


def test_the_colors_of_the_photograph_can_be_kept_in_a_trained_style():
    assert main([*ARGUMENTS, "--color", "keep", "-o", "kept.png"]) == 0
    assert main([*ARGUMENTS, "-o", "styled.png"]) == 0
    kept, styled, photo = (read(f"{name}.png").rgb for name in ("kept", "styled", "photo"))
    inside = np.s_[:, 15:22, 17:24]
    np.testing.assert_allclose(kept[inside], with_colors(styled, photo, "keep")[inside], atol=0.03)
    assert np.abs(kept - styled)[inside].mean() > 0.05


def test_a_trained_style_has_no_options_of_paintings(capsys):
    assert main([*ARGUMENTS, "--iterations", "5", "-o", "result.png"]) == 2
    assert "--iterations is for paintings, and starry_night-lite is a trained style" in capsys.readouterr().err
    assert not Path("result.png").exists()


def test_the_part_can_be_painted_smaller_and_is_enlarged():
    painting = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(painting).save("painting.png")
    Image.open("photo.png").resize((192, 144)).save("photo.png")
    command = [*ARGUMENTS[:3], "painting.png", "--select", "80,72", "--iterations", "1", "--end-size", "32"]
    assert main([*command, "-o", "result.png"]) == 0
    assert read("result.png").rgb.shape == (1, 144, 192, 3)


def test_what_is_not_selected_stays_bit_for_bit():
    assert main([*ARGUMENTS, "-o", "result.png"]) == 0
    photo, result = read("photo.png").rgb, read("result.png").rgb
    outside = feather(flood(photo, [(20, 18)]), 4)[0, ..., 0] == 0
    np.testing.assert_array_equal(result[0][outside], photo[0][outside])
    assert np.abs(result[0, 18, 20] - photo[0, 18, 20]).max() > 2 / 255


@pytest.mark.parametrize("more", [("--save-mask", "mask.xyz"), ("--save-mask", "mask.png", "--show-mask", "mask.abc")])
def test_a_mask_that_cannot_be_written_is_refused_before_anything_is(more, tmp_path, capsys):
    assert main([*ARGUMENTS, *more]) == 2
    assert more[-1][-3:] in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
