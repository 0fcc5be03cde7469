import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from reference import losses as reference

from keras_nst.losses.functional import differences, gram_matrix, sum_squared
from keras_nst.losses.statistics import STATISTICS, gaussian, high_order


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def weights_for(rng, height, width, batch=1):
    weights = rng.uniform(size=(batch, height, width, 1))
    return (weights / weights.sum((1, 2, 3), keepdims=True)).astype(np.float32)


def distance(statistic, output, target):
    return float(statistic.distance(statistic.measure(output), statistic.measure(target))[0])


@pytest.fixture(params=STATISTICS)
def statistic(request):
    return STATISTICS[request.param]()


def test_weights_alike_are_no_weights(rng, statistic):
    features = normal(rng, 2, 6, 5, 3)
    alike = np.full((2, 6, 5, 1), 1 / 30, np.float32)
    for weighted, plain in zip(statistic.measure(features, alike), statistic.measure(features), strict=True):
        np.testing.assert_allclose(weighted, plain, rtol=1e-5, atol=1e-6)


def test_one_map_of_weights_serves_the_whole_batch(rng, statistic):
    features, weights = normal(rng, 3, 6, 5, 3), weights_for(rng, 6, 5)
    each = statistic.measure(features, np.repeat(weights, 3, axis=0))
    for ours, theirs in zip(statistic.measure(features, weights), each, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_float16_features_are_measured_in_float32(statistic):
    # The square is far above float16's maximum.
    measured = statistic.measure(np.full((1, 8, 8, 4), 14_000, np.float16))
    assert all(np.asarray(tensor).dtype == np.float32 and np.isfinite(tensor).all() for tensor in measured)


def test_a_distance_has_no_unit(rng, statistic):
    output, target = normal(rng, 1, 9, 8, 3), 2 + normal(rng, 1, 9, 8, 3)
    assert distance(statistic, 50 * output, 50 * target) == pytest.approx(distance(statistic, output, target), rel=1e-4)


def test_high_order_is_the_gram_and_three_more(rng):
    features = normal(rng, 2, 5, 4, 3)
    expected = [reference.high_order(item) for item in features]
    for order, measured in enumerate(high_order().measure(features)):
        np.testing.assert_allclose(measured, [item[order] for item in expected], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("order", "step"), [(1, (0, 1)), (2, (1, 0)), (3, (1, 1))])
def test_high_order_holds_the_cooccurrences_of_neighbors(rng, order, step):
    features, weights = normal(rng, 1, 6, 5, 3), weights_for(rng, 6, 5)
    weights[:, -1] = weights[:, :, -1] = 0
    neighbors = np.roll(features, (-step[0], -step[1]), axis=(1, 2))
    rows, shifted, diagonal = (array[0].reshape(30, -1).astype(np.float64) for array in (features, neighbors, weights))
    cooccurrences = rows.T @ (diagonal * shifted)
    expected = rows.T @ (diagonal * rows) + shifted.T @ (diagonal * shifted) - cooccurrences - cooccurrences.T
    np.testing.assert_allclose(3 * high_order().measure(features, weights)[order][0], expected, rtol=1e-4, atol=1e-5)


def test_high_order_tells_apart_what_a_gram_takes_for_the_same(rng):
    features = normal(rng, 1, 8, 8, 3)
    shuffled = rng.permutation(features.reshape(1, 64, 3), axis=1).reshape(features.shape).repeat(2, 1).repeat(2, 2)
    assert distance(STATISTICS["gram"](), shuffled, features) == pytest.approx(0, abs=1e-6)
    assert distance(high_order(), shuffled, features) > 0.1


def test_the_gradient_of_a_region_is_the_one_that_chen_and_hsu_print(rng):
    """nabla_F = P^T M^T (M P F) (G - G'). Ours is 4 / channels times that: squared, with a Gram matrix per channel."""
    height, width, channels = 5, 4, 3
    features, weights = normal(rng, 1, height, width, channels), weights_for(rng, height, width)
    weights[:, :2] = 0
    target = np.cov(normal(rng, channels, 9)).astype(np.float32)[None]
    places = np.arange(height * width).reshape(height, width)
    project = -np.eye(height * width)
    project[places, np.roll(places, -1, axis=1)] += 1
    project[places[:, -1]] = 0
    masked = np.diag(np.sqrt(weights.ravel().astype(np.float64)))
    aggregated = masked @ project @ features.reshape(-1, channels)
    gram = aggregated.T @ aggregated / channels
    printed = project.T @ masked.T @ aggregated @ (gram - target[0])

    with tf.GradientTape() as tape:
        variable = tf.Variable(features)
        value = sum_squared(gram_matrix(differences(variable)[0], weights), target)
    slope = tape.gradient(value, variable).numpy().reshape(-1, channels)
    np.testing.assert_allclose(slope, 4 / channels * printed, rtol=1e-4, atol=1e-6)


def independent(means, deviations):
    """Features whose channels have exactly these moments and are uncorrelated."""
    signs = scipy.linalg.hadamard(16)[:, 1 : 1 + len(means)]
    return (means + deviations * signs).reshape(1, 4, 4, -1).astype(np.float32)


def test_gaussian_of_independent_channels_is_known_in_closed_form():
    mean, deviation = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, 0.7])
    other_mean, other_deviation = np.array([1.5, 0.0, 2.5]), np.array([0.8, 1.0, 1.4])
    squared = np.sum((mean - other_mean) ** 2 + (deviation - other_deviation) ** 2)
    expected = squared / np.sum(other_mean**2 + other_deviation**2)
    ours = distance(gaussian(), independent(mean, deviation), independent(other_mean, other_deviation))
    assert ours == pytest.approx(expected, rel=1e-2)  # A hundredth is added to the variances.


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_gaussian_takes_the_roots_that_scipy_takes(rng, channels):
    samples = [(rng.normal(size=(400, channels)) @ rng.normal(size=(channels, channels))) + 1 for _ in range(2)]
    (mean, covariance), (wanted_mean, wanted) = ((flat.mean(0), np.cov(flat.T, bias=True)) for flat in samples)
    floor = 1e-2 * np.trace(wanted) / channels * np.eye(channels)
    covariance, wanted = covariance + floor, wanted + floor
    root = scipy.linalg.sqrtm(wanted)
    cross = scipy.linalg.sqrtm(root @ covariance @ root).real
    squared = np.sum((mean - wanted_mean) ** 2) + np.trace(covariance) + np.trace(wanted) - 2 * np.trace(cross)
    output, target = (flat.reshape(1, 20, 20, channels).astype(np.float32) for flat in samples)
    expected = squared / (np.sum(wanted_mean**2) + np.trace(wanted))
    assert distance(gaussian(), output, target) == pytest.approx(expected, rel=1e-3)


def test_gaussian_is_of_no_direction_but_for_its_unit(rng):
    output, target = normal(rng, 1, 9, 8, 3), 2 + normal(rng, 1, 9, 8, 3) @ normal(rng, 3, 3)

    def unit(features):
        return np.mean(np.sum(features[0].astype(np.float64) ** 2, axis=-1))

    there, back = distance(gaussian(), output, target) * unit(target), distance(gaussian(), target, output)
    assert there == pytest.approx(back * unit(output), rel=5e-3)


def test_gaussian_of_one_flat_color_has_a_gradient(rng):
    statistic = gaussian()
    with tf.GradientTape() as tape:
        flat = tf.Variable(np.full((1, 4, 4, 3), 0.5, np.float32))
        value = statistic.distance(statistic.measure(flat), statistic.measure(normal(rng, 1, 4, 4, 3)))
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, flat)).all()


def test_gaussian_is_exact_for_covariances_as_vgg_has_them(rng):
    # Eigenvalues over eight orders of magnitude, in random directions.
    def samples():
        basis, _ = np.linalg.qr(rng.normal(size=(64, 64)))
        return (rng.normal(size=(4096, 64)) * np.logspace(0, -4, 64) @ basis).astype(np.float32).reshape(1, 64, 64, 64)

    output, target = samples(), samples()
    expected = reference.wasserstein(reference.gaussian(output[0]), reference.gaussian(target[0]))
    assert distance(gaussian(), output, target) == pytest.approx(expected, rel=2e-3)
    assert distance(gaussian(), target, target) == pytest.approx(0, abs=2e-3)
