import numpy as np
import pytest
from scipy.ndimage import correlate1d

from keras_nst.data.edges import without_edges
from keras_nst.pictures.io import read

DISTANCE = 16  # Distance of the step from the left border.


@pytest.fixture
def step():
    """Two flat halves, the right one brighter by 100 levels."""
    return np.where(np.arange(48)[:, None] < DISTANCE, np.float32([0.2, 0.3, 0.4]), np.float32([0.6, 0.7, 0.8]))[
        None
    ].repeat(40, axis=0)


def test_an_edge_is_smoothed_by_the_gaussian_and_flat_regions_stay_bit_for_bit(step):
    twin = without_edges(step)
    changed = np.flatnonzero(np.any(twin != step, axis=(0, 2)))
    # Canny marks a pixel beside the step, dilation adds two pixels, and smoothing reaches two.
    assert set(changed) <= set(range(DISTANCE - 3, DISTANCE + 3))
    assert {DISTANCE - 1, DISTANCE} <= set(changed)
    gaussian = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 2.5**2))
    smooth = correlate1d(step.astype(np.float64), gaussian / gaussian.sum(), axis=1)
    np.testing.assert_allclose(twin[:, changed], smooth[:, changed], atol=1e-6)
    assert (twin.dtype, twin.shape) == (np.float32, step.shape)


def test_a_step_too_faint_for_an_edge_is_left(step):
    faint = 0.5 + 0.1 * step
    np.testing.assert_array_equal(without_edges(faint), faint)


def test_a_photograph_loses_its_strong_gradients_and_little_else():
    rgb = read("sample:chelsea").rgb[0]
    twin = without_edges(rgb)
    touched = np.any(twin != rgb, axis=-1)
    assert 0.02 < touched.mean() < 0.6

    def steepness(picture):
        return np.abs(np.diff(picture.mean(axis=-1), axis=1))

    within, outside = touched[:, 1:] & touched[:, :-1], ~(touched[:, 1:] | touched[:, :-1])
    assert steepness(twin)[within].mean() < 0.6 * steepness(rgb)[within].mean()
    np.testing.assert_array_equal(steepness(twin)[outside], steepness(rgb)[outside])
    assert 0 <= twin.min() <= twin.max() <= 1
