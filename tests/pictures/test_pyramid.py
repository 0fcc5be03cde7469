import numpy as np
import pytest

from keras_nst.pictures.pyramid import finer, fit, sizes


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [(512, 128, [128, 256, 512]), (500, 128, [250, 500]), (450, 450, [450]), (100, 128, [100])],
)
def test_each_scale_is_half_of_the_next(end, start, expected):
    assert sizes(end, start) == expected


def test_halving_is_the_mean_of_four(rng):
    image = rng.random((1, 6, 8, 3), np.float32)
    means = image.reshape(1, 3, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(fit(image, means), means, atol=1e-6)


def test_a_mask_keeps_its_one_channel(rng):
    assert fit(rng.random((1, 6, 8, 1), np.float32), np.zeros((1, 9, 5, 3))).shape == (1, 9, 5, 1)


def test_what_the_coarser_scale_did_not_change_has_all_its_detail(rng):
    photograph = rng.random((1, 12, 16, 3), np.float32)
    coarser = fit(photograph, np.zeros((1, 6, 8, 3)))
    np.testing.assert_allclose(finer(coarser, coarser, photograph), photograph, atol=1e-6)
