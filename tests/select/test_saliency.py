from pathlib import Path

import numpy as np
import pytest
from reference import saliency as reference

from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.select.saliency import (
    WORKING_SIDE,
    backgroundness,
    barrier_distance,
    boundary_connectivity,
    mbd,
    optimize,
    rbd,
    saliency,
    superpixels,
)

DETECTORS = pytest.mark.parametrize("detect", [rbd, mbd])
# NAME.png, and its maps NAME_rbd.png and NAME_mbd.png, made by a public Python program.
SHARED = Path(__file__).parents[3] / "shared" / "data" / "saliency"


def disc(height=200, width=240, center=(100, 110), radius=45, color=(0.9, 0.3, 0.2), ground=(0.3, 0.4, 0.5)):
    """A disc on a plain background, (1, height, width, 3), and its mask (height, width)."""
    y, x = np.indices((height, width))
    mask = np.hypot(y - center[0], x - center[1]) < radius
    return np.where(mask[..., None], np.float32(color), np.float32(ground))[None], mask


def overlap(found, mask):
    found = found[0, ..., 0] > 0.5
    return np.sum(found & mask) / np.sum(found | mask)


def correlation(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


@DETECTORS
@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("center", [(100, 120), (80, 150)])
def test_a_disc_is_found(rng, detect, center, noise):
    picture, mask = disc(center=center)
    noisy = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 1).astype(np.float32)
    assert overlap(detect(noisy), mask) > 0.8


@DETECTORS
def test_a_gray_disc_on_gray_is_found(detect):
    picture, mask = disc(color=(0.8,) * 3, ground=(0.4,) * 3)
    assert overlap(detect(picture), mask) > 0.8


@DETECTORS
def test_a_large_picture_is_found_as_the_small_one_is(detect):
    picture, mask = disc(1200, 1500, (600, 700), 260)
    found = detect(picture)
    assert found.shape == (1, 1200, 1500, 1)
    assert overlap(found, mask) > 0.8
    assert WORKING_SIDE < 1200


@DETECTORS
@pytest.mark.parametrize("size", [(16, 16), (16, 100), (64, 48), (16, 5000), (5000, 16)])
def test_any_size_gives_a_map_of_that_size_in_the_unit_interval(rng, detect, size):
    found = detect(rng.random((1, *size, 3), np.float32))
    assert found.shape == (1, *size, 1)
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == pytest.approx((0, 1), abs=0.2)
    assert found.min() >= 0
    assert found.max() <= 1


@DETECTORS
@pytest.mark.parametrize("color", [(0.0,) * 3, (1.0,) * 3, (0.3, 0.3, 0.3), (0.2, 0.7, 0.4)])
@pytest.mark.parametrize("size", [(16, 16), (333, 201)])
def test_a_plain_picture_has_no_subject(detect, color, size):
    found = detect(np.full((1, *size, 3), color, np.float32))
    np.testing.assert_allclose(found, 0, atol=1e-3)


@DETECTORS
@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_the_map_of_a_flipped_picture_is_flipped(detect, axis, name):
    # Only nearly: the initial grid of superpixels and the order of scans are not symmetric.
    rgb = read(f"sample:{name}", max_size=256).rgb
    assert correlation(np.flip(detect(np.flip(rgb, axis)), axis), detect(rgb)) > 0.9


def test_the_mean_is_that_of_both():
    rgb = read("sample:coffee", max_size=128).rgb
    np.testing.assert_allclose(saliency(rgb), (rbd(rgb) + mbd(rgb)) / 2, atol=1e-6)
    np.testing.assert_array_equal(saliency(rgb, "rbd"), rbd(rgb))
    np.testing.assert_array_equal(saliency(rgb, "mbd"), mbd(rgb))


def test_unknown_method():
    with pytest.raises(InputError, match=r"Unknown `method`: 'mdb'\. Did you mean 'mbd'"):
        saliency(np.zeros((1, 16, 16, 3), np.float32), "mdb")


# --- RBD -------------------------------------------------------------------------------------------------------------


def test_superpixels_are_numbered_without_gaps_and_keep_to_outlines():
    picture, mask = disc()
    regions = superpixels(100 * picture[0])
    assert np.array_equal(np.unique(regions), np.arange(regions.max() + 1))
    assert 100 <= regions.max() + 1 <= 300
    shares = np.bincount(regions.ravel(), mask.ravel()) / np.bincount(regions.ravel())
    assert np.mean(np.minimum(shares, 1 - shares)) < 0.01


def test_boundary_connectivity_of_separate_groups_is_eq_1():
    # Groups with the largest color distances: a row of 9 regions, 4 of them on the border, and 16 inside.
    group = np.repeat([0, 1], [9, 16])
    geodesic = np.where(group[:, None] == group, 0.0, 1e3)
    border = np.arange(25) < 4
    expected = np.repeat([4 / np.sqrt(9), 0], [9, 16])
    np.testing.assert_allclose(boundary_connectivity(geodesic, border), expected, atol=1e-12)


def test_boundary_connectivity_fades_with_the_distance():
    # Two regions, one on the border, at distance sigma = 10: with q = exp(-1/2), both areas are 1 + q.
    q = np.exp(-0.5)
    connectivity = boundary_connectivity(np.array([[0, 10.0], [10.0, 0]]), np.array([True, False]))
    np.testing.assert_allclose(connectivity, np.array([1, q]) / np.sqrt(1 + q), rtol=1e-12)


def test_a_disc_that_the_border_cuts_is_less_of_a_subject():
    picture, mask = disc(center=(100, 150))
    cut, cut_mask = disc(center=(100, -20))
    found = rbd(np.where(cut_mask[..., None], cut, picture))[0, ..., 0]
    assert found[mask].mean() > 0.9
    assert found[cut_mask].mean() < 0.7


@pytest.fixture
def system(rng):
    """Background, foreground and affinity of 12 regions."""
    background, foreground = rng.random((2, 12))
    affinity = np.triu(rng.random((12, 12)) * (rng.random((12, 12)) < 0.4), 1)
    return background, foreground, affinity + affinity.T


def test_the_optimum_has_the_least_cost(rng, system):
    optimum = optimize(*system)
    steps = 1e-4 * np.eye(12)
    slopes = [reference.cost(optimum + step, *system) - reference.cost(optimum - step, *system) for step in steps]
    np.testing.assert_allclose(np.divide(slopes, 2e-4), 0, atol=1e-9)
    least = reference.cost(optimum, *system)
    assert all(reference.cost(optimum + rng.normal(0, 0.1, 12), *system) > least for _ in range(20))


def test_the_optimum_lies_between_background_and_foreground(system):
    optimum = optimize(*system)
    assert optimum.min() >= 0
    assert optimum.max() <= 1


def test_without_affinity_each_region_decides_alone(system):
    background, foreground, affinity = system
    alone = optimize(background, foreground, np.zeros_like(affinity))
    np.testing.assert_allclose(alone, foreground / (foreground + background), rtol=1e-12)


# --- MBD -------------------------------------------------------------------------------------------------------------


def test_barrier_distance_is_never_below_the_exact_one(rng):
    for grid in rng.integers(0, 20, (5, 9, 11)).astype(np.float32):
        difference = barrier_distance(grid) - reference.barrier_distance(grid)
        assert difference.min() >= 0
        # In noise, where paths must wind, three scans are too high by at most a tenth of the range on average.
        assert difference.mean() < 0.1 * np.ptp(grid)


def test_barrier_distance_into_a_plain_shape_is_its_contrast():
    _, mask = disc(30, 40, (14, 20), 8)
    picture = np.where(mask, np.float32(70), np.float32(40))
    np.testing.assert_array_equal(barrier_distance(picture), np.where(mask, 30, 0))
    np.testing.assert_array_equal(reference.barrier_distance(picture), np.where(mask, 30, 0))


def test_barrier_distance_of_a_photograph_is_nearly_exact():
    luma = np.rint(255 * read("sample:coffee", max_size=64).rgb[0].mean(axis=-1))
    exact = reference.barrier_distance(luma)
    difference = barrier_distance(luma) - exact
    assert difference.min() >= 0
    # In levels of 255.
    assert difference.mean() < 6
    assert correlation(exact + difference, exact) > 0.95


def test_the_reference_knows_a_distance_found_by_hand():
    # To the 5 in the middle: the barrier over 2 and 3 is 5 - 2 = 3, over 9 it is 4, over 0 it is 5.
    ring = np.array([[9, 9, 2, 9, 9], [9, 9, 3, 9, 9], [9, 9, 5, 9, 9], [9, 9, 0, 9, 9], [9, 9, 0, 9, 9.0]])
    assert reference.barrier_distance(ring)[2, 2] == 3
    assert barrier_distance(ring.astype(np.float32))[2, 2] == 3


def test_backgroundness_leaves_out_the_edge_that_the_subject_lies_across(rng):
    lab = rng.normal(50, 1, (60, 60, 3)).astype(np.float32)
    lab[40:, 15:45] += 40
    distance = backgroundness(lab)
    inside, outside = distance[40:, 15:45].mean(), distance[:35].mean()
    assert inside > 5 * outside


# --- Another program -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the maps of another program beside the checkout")
@pytest.mark.parametrize(("detect", "mean"), [(rbd, 0.9), (mbd, 0.8)])
def test_maps_are_close_to_another_programs(detect, mean):
    correlations, f_measures = [], []
    for path in sorted(SHARED.glob(f"*_{detect.__name__}.png")):
        expected = read(path).rgb[0, ..., 0]
        found = detect(read(str(path).replace(f"_{detect.__name__}", "")).rgb)[0, ..., 0]
        correlations.append(correlation(found, expected))
        # The usual adaptive threshold: twice the mean.
        masks = (values > min(2 * values.mean(), 0.99) for values in (found, expected))
        f_measures.append(reference.f_measure(*masks))
    assert len(correlations) >= 10
    assert np.mean(correlations) >= mean
    assert min(correlations) >= 0.7
    assert np.mean(f_measures) >= 0.7
