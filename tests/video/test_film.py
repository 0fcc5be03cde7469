import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from keras_nst.pictures.io import read
from keras_nst.pictures.picture import resize
from keras_nst.video.film import distinct


@pytest.fixture(scope="module")
def scenes():
    """Three pictures of one size, (1, 90, 160, 3)."""
    pictures = (resize(read(f"sample:{name}"), 400).rgb for name in ("astronaut", "chelsea", "coffee"))
    return [picture[:, 50:140, 50:210] for picture in pictures]


def kept(*frames, ssim=0.85, psnr=30.0):
    return [number for number, _ in distinct(enumerate(frames), ssim=ssim, psnr=psnr)]


def test_different_scenes_are_kept_and_repeated_ones_dropped(scenes):
    one, other, third = scenes
    assert kept(one, one, other, other, other, third) == [0, 2, 5]


def test_going_to_and_fro_keeps_each_view_once(scenes):
    one, other, _ = scenes
    assert kept(*[one, other] * 5) == [0, 1]


def test_a_view_is_forgotten_after_eight_others(rng):
    views = [rng.uniform(size=(1, 72, 128, 3)).astype(np.float32) for _ in range(9)]
    assert kept(*views[:8], views[0]) == [*range(8)]
    assert kept(*views, views[0]) == [*range(9), 9]


def test_noise_and_a_small_object_make_no_new_frame(scenes, rng):
    one = scenes[0]
    noisy = np.clip(one + rng.normal(0, 0.02, one.shape), 0, 1).astype(np.float32)
    winking = one.copy()
    winking[:, 40:44, 60:66] = 0
    assert kept(one, noisy, winking) == [0]


def test_a_plain_frame_is_told_by_its_values_where_its_structure_is_noise(rng):
    plain = [np.float32(0.3 + rng.normal(0, 0.02, (1, 72, 128, 3))) for _ in range(2)]
    assert peak_signal_noise_ratio(plain[0], plain[1], data_range=1) > 30
    assert kept(*plain) == [0]
    assert kept(*plain, psnr=40.0) == [0, 1]


def test_the_thresholds_are_those_of_the_two_measures(rng):
    first = rng.uniform(0.3, 0.7, (1, 72, 128, 3)).astype(np.float32)
    second = first + np.float32(0.1)  # Exactly 20 dB.
    assert kept(first, second, ssim=1.0, psnr=19.9) == [0]
    assert kept(first, second, ssim=1.0, psnr=20.1) == [0, 1]
