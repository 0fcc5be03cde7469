from functools import partial

import numpy as np
import pytest
from keras import ops
from reference import losses as reference

from keras_nst.losses.functional import (
    absolute_variation,
    differences,
    gram_matrix,
    hypercolumns,
    mean_squared,
    periodic_share,
    relative_squared,
    squared_variation,
    sum_squared,
    weighted_mean,
)

DISTANCES = {
    mean_squared: reference.mean_squared,
    sum_squared: reference.sum_squared,
    relative_squared: reference.relative_squared,
}


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def random_weights(rng, batch, height, width):
    weights = rng.uniform(size=(batch, height, width, 1))
    return (weights / weights.sum((1, 2, 3), keepdims=True)).astype(np.float32)


def test_gram_is_equation_3(rng):
    features = normal(rng, 2, 5, 4, 3)
    expected = [reference.gram(item) for item in features]
    np.testing.assert_allclose(gram_matrix(features), expected, rtol=1e-5, atol=1e-7)


def test_gram_of_one_channel_is_its_mean_square():
    # The mean square of 1, 2, 3, 4 is 30 / 4.
    assert float(gram_matrix(np.reshape([1.0, 2.0, 3.0, 4.0], (1, 2, 2, 1)))[0, 0, 0]) == pytest.approx(7.5)


def test_gram_forgets_where_features_are(rng):
    features = normal(rng, 2, 6, 5, 4)
    shuffled = rng.permutation(features.reshape(2, 30, 4), axis=1).reshape(2, 5, 6, 4)
    np.testing.assert_allclose(gram_matrix(shuffled), gram_matrix(features), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("enlarged", [lambda f: np.tile(f, (1, 3, 2, 1)), lambda f: f.repeat(4, 1).repeat(2, 2)])
def test_gram_does_not_depend_on_the_size_of_the_image(rng, enlarged):
    features = normal(rng, 1, 6, 5, 4)
    np.testing.assert_allclose(gram_matrix(enlarged(features)), gram_matrix(features), rtol=1e-5, atol=1e-7)


def test_gram_is_symmetric_and_positive_semidefinite(rng):
    gram = np.asarray(gram_matrix(normal(rng, 2, 3, 2, 16)))  # Rank 6 at most, so some eigenvalues are zero.
    np.testing.assert_array_equal(gram, gram.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(gram).min() > -1e-6


def test_gram_of_float16_neither_overflows_nor_loses_precision(rng):
    # 14,000 is within float16; its square is 3,000 times the maximum.
    features = (14_000 * rng.uniform(0, 1, (1, 64, 64, 64))).astype(np.float16)
    gram = np.asarray(gram_matrix(features))
    flat = features[0].astype(np.float64).reshape(-1, 64)
    np.testing.assert_allclose(gram[0], flat.T @ flat / features.size, rtol=1e-3)
    assert gram.dtype == np.float32


def test_gram_with_weights_is_a_sum_over_positions(rng):
    features, weights = normal(rng, 2, 5, 4, 3), random_weights(rng, 2, 5, 4)
    expected = [reference.gram(*item) for item in zip(features, weights, strict=True)]
    np.testing.assert_allclose(gram_matrix(features, weights), expected, rtol=1e-5, atol=1e-7)


def test_gram_with_weights_alike_is_the_gram(rng):
    features = normal(rng, 2, 5, 4, 3)
    alike = np.full((1, 5, 4, 1), 1 / 20, np.float32)
    np.testing.assert_allclose(gram_matrix(features, alike), gram_matrix(features), rtol=1e-5, atol=1e-7)


def test_gram_of_a_rectangle_is_the_gram_of_what_is_cut_out(rng):
    features, weights = normal(rng, 2, 7, 6, 3), np.zeros((1, 7, 6, 1), np.float32)
    weights[:, 2:5, 1:5] = 1 / 12
    np.testing.assert_allclose(gram_matrix(features, weights), gram_matrix(features[:, 2:5, 1:5]), rtol=1e-5, atol=1e-7)


def test_gram_with_weights_of_float16_neither_overflows_nor_loses_precision(rng):
    features, weights = np.full((1, 64, 64, 2), 14_000, np.float16), random_weights(rng, 1, 64, 64)
    np.testing.assert_allclose(gram_matrix(features, weights)[0], np.full((2, 2), 14_000**2 / 2), rtol=1e-4)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_distance_is_its_formula_item_by_item(rng, distance):
    output, target = normal(rng, 3, 4, 5, 2), normal(rng, 3, 4, 5, 2)
    expected = [DISTANCES[distance](*pair) for pair in zip(output, target, strict=True)]
    np.testing.assert_allclose(distance(output, target), expected, rtol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_one_target_serves_the_whole_batch(rng, distance):
    output, target = normal(rng, 3, 4, 4), normal(rng, 1, 4, 4)
    np.testing.assert_allclose(distance(output, target), distance(output, np.repeat(target, 3, axis=0)), rtol=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
def test_float16_features_are_compared_in_float32(distance):
    output, target = np.full((1, 64, 64, 8), 14_000, np.float16), np.full((1, 64, 64, 8), 7_000, np.float16)
    expected = DISTANCES[distance](output[0].astype(np.float64), target[0].astype(np.float64))
    assert float(distance(output, target)[0]) == pytest.approx(expected, rel=1e-5)


def test_relative_squared_is_zero_for_equal_and_one_for_zeros(rng):
    target = normal(rng, 2, 4, 5, 3)
    np.testing.assert_array_equal(relative_squared(target, target), [0, 0])
    np.testing.assert_allclose(relative_squared(np.zeros_like(target), target), [1, 1], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-2, 255.0])
def test_relative_squared_has_no_unit(rng, scale):
    output, target = normal(rng, 2, 4, 5, 3), normal(rng, 2, 4, 5, 3)
    np.testing.assert_allclose(
        relative_squared(scale * output, scale * target), relative_squared(output, target), rtol=1e-5
    )


def test_relative_squared_is_finite_against_zeros():
    assert np.isfinite(relative_squared(np.ones((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)))).all()


@pytest.mark.parametrize("size", [(4, 7), (9, 3)])
def test_variation_of_a_ramp_is_the_sum_of_its_slopes_where_there_are_neighbors(size):
    height, width = size
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([0.03 * y + 0.04 * x] * 3, axis=-1)[None]
    rows, columns = (height - 1) / height, (width - 1) / width
    assert float(squared_variation(ramp)[0]) == pytest.approx(0.03**2 * rows + 0.04**2 * columns, rel=1e-5)
    assert float(absolute_variation(ramp)[0]) == pytest.approx(0.03 * rows + 0.04 * columns, rel=1e-5)


VARIATIONS = {
    squared_variation: reference.squared_variation,
    absolute_variation: reference.absolute_variation,
}


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variation_of_a_region_is_a_sum_over_its_positions(rng, variation):
    image, weights = normal(rng, 2, 5, 4, 3), random_weights(rng, 2, 5, 4)
    expected = [VARIATIONS[variation](*item) for item in zip(image, weights, strict=True)]
    np.testing.assert_allclose(variation(image, weights), expected, rtol=1e-5)


@pytest.mark.parametrize("variation", VARIATIONS)
def test_variation_with_weights_alike_is_the_variation(rng, variation):
    image = normal(rng, 2, 5, 4, 3)
    alike = np.full((1, 5, 4, 1), 1 / 20, np.float32)
    np.testing.assert_allclose(variation(image, alike), variation(image), rtol=1e-5)


def test_differences_are_from_the_right_the_lower_and_the_diagonal_neighbor():
    values = np.array([[1, 2, 4], [8, 16, 32]], np.float32)[None, :, :, None]
    right, lower, diagonal = (np.asarray(found)[0, ..., 0] for found in differences(values))
    np.testing.assert_array_equal(right, [[1, 2, 0], [8, 16, 0]])
    np.testing.assert_array_equal(lower, [[7, 14, 28], [0, 0, 0]])
    np.testing.assert_array_equal(diagonal, [[15, 30, 0], [0, 0, 0]])


@pytest.mark.parametrize("size", [(16, 16), (19, 26), (8, 12)])
def test_hypercolumns_hold_the_layers_side_by_side(rng, size):
    layers = [rng.random((2, *(side >> halvings for side in size), 3), np.float32) for halvings in (0, 1, 2, 3)]
    found = np.asarray(hypercolumns(layers))
    assert found.shape == (2, size[0] // 4, size[1] // 4, 12)
    for batch in range(2):
        expected = reference.hypercolumns([layer[batch] for layer in layers])
        np.testing.assert_allclose(found[batch], expected, rtol=1e-5)


def test_a_weighted_mean_counts_what_weighs():
    # Positions with means of 2 and 6, with shares of a quarter and three quarters.
    values, weights = np.float32([[[[1, 3], [5, 7]]]]), np.float32([[[[0.25], [0.75]]]])
    np.testing.assert_allclose(weighted_mean(values, weights), [0.25 * 2 + 0.75 * 6])
    np.testing.assert_allclose(weighted_mean(values), [4])


def test_the_share_of_a_pattern_is_that_of_its_variance_in_each_window(rng):
    pattern = np.tile(rng.normal(size=(1, 4, 4, 1)), (1, 24, 12, 3))
    pattern[:, 48:] *= -1  # In the mean of the whole it would vanish.
    share = partial(periodic_share, least=0)
    assert float(share(pattern)[0]) == pytest.approx(1, abs=1e-6)
    noise = rng.normal(size=(1, 960, 960, 3))
    assert float(share(noise)[0]) == pytest.approx(4**2 / 48**2, rel=0.1)
    strong = 3 * pattern.std() * rng.normal(size=pattern.shape)
    assert float(share(pattern + strong)[0]) == pytest.approx(1 / 10, abs=0.03)
    np.testing.assert_allclose(periodic_share(np.full((1, 50, 50, 3), 0.5)), 0, atol=1e-9)


def test_squared_variation_does_not_wrap_around():
    step = np.zeros((1, 4, 4, 1))
    step[:, :, 2:] = 1
    assert float(squared_variation(step)[0]) == pytest.approx(4 / 16)  # 4 of 16 pixels differ from the next one.


@pytest.mark.parametrize("statistic", [gram_matrix, squared_variation, lambda f: mean_squared(f, ops.zeros_like(f))])
def test_statistics_are_float32_whatever_comes_in(statistic):
    assert all(
        np.asarray(statistic(np.ones((1, 2, 2, 1), dtype))).dtype == np.float32 for dtype in ("float16", "float32")
    )
