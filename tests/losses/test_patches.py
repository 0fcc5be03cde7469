import itertools

import numpy as np
import pytest

from keras_nst.losses.functional import surrounding
from keras_nst.losses.patches import consistent, nearest_grams, nearest_patches, patches


@pytest.fixture
def painting(rng):
    return rng.random((1, 9, 11, 4), np.float32)


def everywhere(features):
    return np.arange(features.shape[1] * features.shape[2])


def test_a_patch_is_what_is_around_its_position(painting):
    around = np.asarray(patches(painting, [4 * 11 + 5]))
    np.testing.assert_array_equal(around[0].reshape(3, 3, 4), painting[0, 3:6, 4:7])


def test_at_the_border_a_patch_repeats_it(painting):
    corner = np.asarray(patches(painting, [0]))[0].reshape(3, 3, 4)
    np.testing.assert_array_equal(corner[:2, :2], np.broadcast_to(painting[0, 0, 0], (2, 2, 4)))
    np.testing.assert_array_equal(corner[2, 2], painting[0, 1, 1])


@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (256, 4096)])
def test_a_moved_part_of_the_painting_is_found_where_it_was(painting, rows, columns):
    moved = 3 * np.roll(painting, (2, -3), axis=(1, 2))  # Brighter too, which keeps the angle.
    y, x = np.mgrid[3:8, 1:7]
    found, _ = nearest_patches(moved, (y * 11 + x).ravel(), painting, rows=rows, columns=columns)
    np.testing.assert_array_equal(found, ((y - 2) * 11 + x + 3).ravel())


def test_the_nearest_has_the_largest_cosine(rng, painting):
    features = rng.random((1, 5, 6, 4), np.float32)
    found, likeness = nearest_patches(features, everywhere(features), painting)
    own, theirs = (np.asarray(patches(of, everywhere(of)), np.float64).reshape(-1, 36) for of in (features, painting))
    cosines = own @ theirs.T / np.linalg.norm(own, axis=1)[:, None] / np.linalg.norm(theirs, axis=1)
    np.testing.assert_array_equal(found, cosines.argmax(axis=1))
    np.testing.assert_allclose(likeness, cosines.max(axis=1), rtol=1e-5)


def test_only_the_places_asked_for_are_looked_at(rng, painting):
    features = rng.random((1, 5, 6, 4), np.float32)
    places = np.array([7, 40, 80])
    found, likeness = nearest_patches(features, everywhere(features), painting, places=places)
    apart = [nearest_patches(features, everywhere(features), painting, places=[place])[1] for place in places]
    np.testing.assert_array_equal(found, places[np.argmax(apart, axis=0)])
    np.testing.assert_allclose(likeness, np.max(apart, axis=0), rtol=1e-5)


def test_one_match_out_of_line_is_brought_into_it(painting):
    y, x = np.mgrid[2:7, 2:7]
    positions, true = (y * 11 + x).ravel(), (y * 11 + x + 2).ravel()
    strayed = true.copy()
    strayed[12] = 0
    np.testing.assert_array_equal(consistent(strayed, positions, 11, painting), true)


def test_matches_in_line_stay(painting):
    y, x = np.mgrid[2:7, 2:7]
    matches = ((y + 1) * 11 + x).ravel()
    np.testing.assert_array_equal(consistent(matches, (y * 11 + x).ravel(), 11, painting), matches)


def test_of_patches_alike_the_one_with_like_traits_is_taken(painting):
    twice = np.concatenate([painting, painting], axis=2)  # Every patch occurs twice, 11 columns apart.
    y, x = np.mgrid[2:7, 2:7]
    positions = (y * 11 + x).ravel()
    side = np.tile(np.repeat([0.0, 0.1], 11), 9)[:, None]
    for wanted, columns in itertools.product((0.0, 0.1), (5, 4096)):
        found, _ = nearest_patches(painting, positions, twice, (np.full((25, 1), wanted), side), columns=columns)
        np.testing.assert_array_equal(found, (y * 22 + x).ravel() + (11 if wanted else 0))


def gram(patch):
    return patch.T @ patch


@pytest.mark.parametrize(("side", "products"), [(1, 2**24), (3, 2**24), (3, 500), (5, 2000)])
def test_the_nearest_has_the_least_distance_of_gram_matrices(rng, painting, side, products):
    # Zhou, section 3.3.2, written out: each patch against each.
    features, positions = rng.random((1, 5, 6, 4), np.float32), np.array([0, 7, 15, 29])
    found, least = nearest_grams(features, positions, painting, side=side, products=products)
    own = np.float64(patches(features, positions, side))
    theirs = np.float64(patches(painting, everywhere(painting), side))
    distances = np.array([[np.sum(np.square(gram(one) - gram(other))) for other in theirs] for one in own])
    np.testing.assert_array_equal(found, distances.argmin(axis=1))
    np.testing.assert_allclose(least, distances.min(axis=1), rtol=1e-3)


def test_a_gram_matrix_does_not_tell_where_in_its_patch_something_is(painting):
    """A painting turned upside down has patches of the same Gram matrices; by direction none of them is found."""
    turned = painting[:, ::-1, ::-1]
    inner = np.array([4 * 11 + 5, 2 * 11 + 3])
    found, least = nearest_grams(turned, inner, painting)
    np.testing.assert_array_equal(found, everywhere(painting)[::-1][inner])
    np.testing.assert_allclose(least, 0, atol=1e-4)
    _, likeness = nearest_patches(turned, inner, painting)
    assert likeness.max() < 0.99


@pytest.mark.parametrize("side", [1, 3, 5])
def test_the_patch_around_each_position_is_what_is_cut_out_there(rng, side):
    features = rng.random((1, 5, 6, 4), np.float32)
    around = np.asarray(surrounding(features, side))
    np.testing.assert_array_equal(around.reshape(30, side**2, 4), patches(features, np.arange(30), side))
