import numpy as np
import pytest
from PIL import Image

from keras_nst.errors import InputError
from keras_nst.pictures.samples import SAMPLES, dead_leaves, sample_path

SIZE = 128


def power_slope(pictures) -> float:
    """Slope of log power against log frequency, over at least two octaves, of the pictures' mean power spectrum."""
    window = np.outer(np.hanning(SIZE), np.hanning(SIZE))
    luma = [picture @ [0.299, 0.587, 0.114] for picture in pictures]
    power = np.mean([np.abs(np.fft.fft2((y - y.mean()) * window)) ** 2 for y in luma], axis=0)
    cycles = np.fft.fftfreq(SIZE, 1 / SIZE)
    rings = np.rint(np.hypot(cycles[:, None], cycles)).astype(int).ravel()
    profile = np.bincount(rings, power.ravel()) / np.bincount(rings)
    frequencies = np.arange(4, SIZE // 4 + 1)  # Above the width of the window, below the pixels.
    return np.polyfit(np.log(frequencies), np.log(profile[frequencies]), 1)[0]


def tiles(picture):
    return [
        picture[top : top + SIZE, left : left + SIZE]
        for top in range(0, picture.shape[0] - SIZE + 1, SIZE // 2)
        for left in range(0, picture.shape[1] - SIZE + 1, SIZE // 2)
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_installed(name):
    with Image.open(sample_path(name)) as image:
        image.load()
        assert min(image.size) >= 256


def test_unknown_sample():
    with pytest.raises(InputError, match=r"Unknown sample: 'astronout'\. Did you mean 'astronaut'\?"):
        sample_path("astronout")


@pytest.mark.parametrize("size", [16, 100])
def test_dead_leaves_keep_the_pixel_rule(size):
    picture = dead_leaves(np.random.default_rng(0), size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_dead_leaves_follow_the_generator():
    first, again, other = (dead_leaves(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.1


def test_dead_leaves_have_the_spectrum_of_photographs():
    # Power falls as f^-2 between the sizes of the largest and the smallest leaf, and beyond as f^-3, like that of a
    # single edge (Lee, Mumford and Huang, 2001). Photographs do the same, each with its own exponent.
    leaves = power_slope([dead_leaves(np.random.default_rng(seed), SIZE) for seed in range(32)])
    photographs = [
        power_slope(tiles(np.asarray(Image.open(sample_path(name)).convert("RGB")) / 255)) for name in SAMPLES
    ]
    assert -3 < leaves < -2
    assert min(photographs) < leaves < max(photographs)


def test_dead_leaves_have_colors_and_tones():
    pictures = np.stack([dead_leaves(np.random.default_rng(seed), SIZE) for seed in range(16)])
    assert 0.35 < pictures.mean() < 0.65
    # Yellow-blue varies more than red-green (Ruderman, Cronin and Chiao, 1998).
    red, green, blue = np.moveaxis(pictures, -1, 0)
    assert np.std(blue - (red + green) / 2) > np.std(red - green)


def test_dead_leaves_look_alike_everywhere():
    # The mean is the same in the middle and at the borders.
    mean = np.mean([dead_leaves(np.random.default_rng(seed), 64) for seed in range(200)], axis=(0, 3))
    center, whole = mean[16:48, 16:48].mean(), mean.mean()
    assert abs(center - whole) < 0.02
