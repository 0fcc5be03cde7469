import numpy as np
import pytest

from keras_nst.pictures.grain import GRAIN, OCTAVES, grain, with_grain


@pytest.mark.parametrize("band", [(0, 7), (5, 40), (33, 34), (63, 100)])
def test_a_row_is_the_same_in_whatever_band_it_is_asked_for(band):
    whole = grain(0, 100, 37)
    np.testing.assert_allclose(grain(*band, 37), whole[:, slice(*band)], atol=1e-6)


def test_it_is_about_zero_and_as_strong_as_it_says():
    values = grain(0, 512, 512)
    assert abs(values.mean()) < 0.2 * GRAIN
    # Linear interpolation keeps 4/9 of the variance, 2/3 in each direction, of all octaves but the finest.
    expected = GRAIN * np.sqrt(1 + (OCTAVES - 1) * 4 / 9)
    assert values.std() == pytest.approx(expected, rel=0.1)


def test_it_has_structure_of_all_sizes():
    values = grain(0, 512, 512)[0, ..., 0]
    spectrum = np.abs(np.fft.rfft2(values - values.mean())) ** 2
    rows, columns = np.fft.fftfreq(512)[:, None], np.fft.rfftfreq(512)
    frequency = np.hypot(rows, columns)
    power = [spectrum[(frequency > 1 / (2 * wave)) & (frequency <= 1 / wave)].mean() for wave in (2, 8, 32)]
    assert power[0] < power[1] < power[2]  # White noise would have equal power.


def test_another_seed_gives_other_grain():
    one, other = (grain(0, 64, 64, seed=seed) for seed in (0, 1))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_a_picture_with_grain_stays_in_range(rng):
    picture = rng.choice([0.0, 0.5, 1.0], size=(1, 20, 30, 3)).astype(np.float32)
    grained = with_grain(picture)
    assert 0 <= grained.min() < grained.max() <= 1
    np.testing.assert_allclose(grained, np.clip(picture + grain(0, 20, 30), 0, 1))
