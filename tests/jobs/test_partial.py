import numpy as np
import pytest

from keras_nst.jobs.partial import MIN_SIDE, restyle_part


@pytest.fixture
def photograph(rng):
    return rng.random((1, 300, 400, 3), np.float32)


@pytest.fixture
def mask():
    mask = np.zeros((1, 300, 400, 1), np.float32)
    mask[:, 100:180, 150:210] = 1
    mask[:, 100:180, 210:220] = 0.5
    return mask


def test_the_part_is_restyled_and_the_rest_stays(photograph, mask):
    result = restyle_part(photograph, mask, lambda rgb, _: 1 - rgb)
    np.testing.assert_array_equal(result[mask[..., 0] == 0], photograph[mask[..., 0] == 0])
    np.testing.assert_allclose(result[:, 100:180, 150:210], 1 - photograph[:, 100:180, 150:210], atol=1e-6)
    np.testing.assert_allclose(result[:, 100:180, 210:220], 0.5, atol=1e-6)  # Halfway between a value and its opposite.


def test_what_is_restyled_has_a_margin_and_its_mask(photograph, mask):
    seen = []
    restyle_part(photograph, mask, lambda *cut: seen.append(cut) or cut[0])
    ((rgb, soft),) = seen
    # 80 by 70 selected pixels: 25 % of 80 are less than the missing pixels to the minimum side.
    assert rgb.shape == (1, 80 + 58, 70 + 58, 3)
    assert min(rgb.shape[1:3]) == MIN_SIDE
    assert soft.sum() == mask.sum()


def test_the_background_is_another_picture(photograph, mask):
    result = restyle_part(photograph, mask, lambda rgb, _: rgb, background=lambda rgb: 0.5 * rgb)
    np.testing.assert_array_equal(result[mask[..., 0] == 0], 0.5 * photograph[mask[..., 0] == 0])
    np.testing.assert_allclose(result[mask[..., 0] == 1], photograph[mask[..., 0] == 1], atol=1e-6)
