import numpy as np
import pytest
from keras import ops
from reference import losses as reference

from keras_nst.losses.functional import gram_matrix, mean_squared, relative_squared, squared_variation, sum_squared

DISTANCES = {
    mean_squared: reference.mean_squared,
    sum_squared: reference.sum_squared,
    relative_squared: reference.relative_squared,
}


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


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
    gram = np.asarray(gram_matrix(normal(rng, 2, 3, 2, 16)))  # Of rank 6 at most, so that eigenvalues touch zero.
    np.testing.assert_array_equal(gram, gram.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(gram).min() > -1e-6


def test_gram_of_float16_neither_overflows_nor_loses_precision(rng):
    # 14,000 is within float16, its square is 3,000 times float16's maximum.
    features = (14_000 * rng.uniform(0, 1, (1, 64, 64, 64))).astype(np.float16)
    gram = np.asarray(gram_matrix(features))
    flat = features[0].astype(np.float64).reshape(-1, 64)
    np.testing.assert_allclose(gram[0], flat.T @ flat / features.size, rtol=1e-3)
    assert gram.dtype == np.float32


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
def test_squared_variation_of_a_ramp_is_the_sum_of_its_squared_slopes(size):
    y, x = np.mgrid[: size[0], : size[1]]
    ramp = np.stack([0.03 * y + 0.04 * x] * 3, axis=-1)[None]
    assert float(squared_variation(ramp)[0]) == pytest.approx(0.03**2 + 0.04**2, rel=1e-5)


def test_squared_variation_does_not_wrap_around():
    step = np.zeros((1, 4, 4, 1))
    step[:, :, 2:] = 1
    assert float(squared_variation(step)[0]) == pytest.approx(4 / 12)  # 4 of 12 pairs, and none from right to left.


@pytest.mark.parametrize("statistic", [gram_matrix, squared_variation, lambda f: mean_squared(f, ops.zeros_like(f))])
def test_statistics_are_float32_whatever_comes_in(statistic):
    assert all(
        np.asarray(statistic(np.ones((1, 2, 2, 1), dtype))).dtype == np.float32 for dtype in ("float16", "float32")
    )
