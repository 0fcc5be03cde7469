import cv2
import numpy as np
import pytest
from reference import sets as reference

from keras_nst.evaluation.measures import (
    border,
    checkerboard,
    class_score,
    color_distance,
    correlation,
    edges,
    flat,
    frechet,
    interval,
    iou,
    kernel_distance,
    normalized,
    prominent,
    repetition,
    seam,
    ssim,
    weave,
)
from keras_nst.pictures.io import read

ROWS, COLUMNS = np.indices((64, 96))
GRIDS = {
    "squares of 1": (ROWS + COLUMNS) % 2,
    "squares of 2": (ROWS // 2 + COLUMNS // 2) % 2,
    "points, every 4th": (ROWS % 4 == 0) & (COLUMNS % 4 == 0),
    "lines, every 2nd": (ROWS % 2 == 0) | (COLUMNS % 2 == 0),
    "lines, every 4th": (ROWS % 4 == 1) | (COLUMNS % 4 == 3),
}


def gray(brightness):
    return np.repeat(np.asarray(brightness, np.float32)[..., None], 3, axis=-1)


def box(top, left, side=20):
    values = np.zeros((64, 64))
    values[top : top + side, left : left + side] = 1
    return values


@pytest.mark.parametrize("scale", [1, -3])
def test_normalized_maps_reach_from_0_to_1(rng, scale):
    values = normalized(scale * rng.normal(size=(5, 6)) + 7)
    assert (values.min(), values.max()) == (0, 1)


def test_a_constant_map_is_normalized_to_0():
    np.testing.assert_array_equal(normalized(np.full((3, 3), 0.4)), 0)


def test_ssim_of_equal_maps_is_1_and_of_unrelated_ones_about_0(rng):
    one, other = rng.uniform(size=(2, 128, 128))
    assert ssim(one, one) == 1
    assert ssim(one, other) == pytest.approx(0, abs=0.05)


def test_ssim_of_constants_is_the_luminance_term_of_wang_et_al():
    expected = (2 * 0.2 * 0.6 + 0.01**2) / (0.2**2 + 0.6**2 + 0.01**2)
    assert ssim(np.full((16, 16), 0.2), np.full((16, 16), 0.6)) == pytest.approx(expected)


@pytest.mark.parametrize(("left", "expected"), [(10, 1), (20, 200 / 600), (25, 100 / 700), (30, 0)])
def test_iou_of_shifted_boxes(left, expected):
    assert iou(box(10, 10), box(10, left)) == pytest.approx(expected)


def test_ssim_inside_counts_the_windows_centered_there(rng):
    one = rng.uniform(size=(32, 32))
    other = one.copy()
    other[:, 16:] = rng.uniform(size=(32, 16))
    left = np.arange(32) < 12  # Windows of 7x7 reach 3 pixels further.
    assert ssim(one, other, inside=np.tile(left, (32, 1))) == 1
    assert ssim(one, other, inside=np.tile(~left, (32, 1))) < 0.5
    whole = np.zeros((32, 32), bool)
    whole[3:-3, 3:-3] = True
    assert ssim(one, other, inside=whole) == pytest.approx(ssim(one, other))


def test_prominent_is_what_reaches_half_of_the_maximum():
    np.testing.assert_array_equal(prominent(np.array([[0.1, 0.39], [0.4, 0.8]])), [[False, False], [True, True]])


def test_correlation_knows_no_scale_and_no_offset(rng):
    one = rng.uniform(size=(8, 9))
    assert correlation(one, 0.3 * one + 0.2) == pytest.approx(1)
    assert correlation(one, 1 - one) == pytest.approx(-1)
    other = rng.uniform(size=(8, 9))
    covariance = np.mean((one - one.mean()) * (other - other.mean()))
    assert correlation(one, other) == pytest.approx(covariance / one.std() / other.std())
    assert correlation(one, np.full((8, 9), 0.3)) == 0


def test_iou_looks_at_what_reaches_half_of_the_maximum():
    assert iou(0.5 * box(0, 0) + 0.2 * box(30, 30), box(0, 0)) == 1
    assert iou(0.5 * box(0, 0) + 0.25 * box(30, 30), box(0, 0)) == 0.5


def test_edges_stand_where_the_brightness_changes():
    step = gray(np.repeat([[0.0] * 8 + [1.0] * 8], 16, axis=0))
    # Sobel's full gradient across and none along, combined as the root mean square.
    expected = np.zeros((16, 16))
    expected[:, 7:9] = np.sqrt((1**2 + 0**2) / 2)
    np.testing.assert_allclose(edges(step), expected, atol=1e-6)


def test_color_is_measured_in_a_and_b():
    red, green = np.zeros((2, 4, 4, 3))
    red[..., 0] = green[..., 1] = 1
    # CIELAB of sRGB's primaries at D65: red 53.24, 80.09, 67.20; green 87.73, -86.18, 83.18.
    assert color_distance(red, green) == pytest.approx(np.hypot(80.09 + 86.18, 67.20 - 83.18), abs=0.02)
    assert color_distance(gray(np.full((4, 4), 0.2)), gray(np.full((4, 4), 0.9))) == pytest.approx(0, abs=0.02)
    assert color_distance(red, red) == 0


@pytest.mark.parametrize("contrast", [1, 0.02])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_grid_is_a_checkerboard_whatever_its_contrast(grid, contrast):
    assert checkerboard(gray(contrast * grid)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_a_photograph_is_no_checkerboard(name):
    assert checkerboard(read(f"sample:{name}").rgb[0]) < 0.01


def test_neither_are_noise_a_ramp_other_periods_and_what_8_bits_do_not_hold(rng):
    noise = rng.normal(size=(256, 256))
    assert checkerboard(gray(0.1 * noise)) < 0.01
    assert checkerboard(gray(COLUMNS / 96)) == pytest.approx(0, abs=1e-6)
    assert checkerboard(gray(COLUMNS % 5 == 0)) < 0.1
    assert checkerboard(gray(0.5 + 1e-4 * GRIDS["squares of 1"])) == 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_it_is_the_share_of_the_grid(rng, share):
    # The differences of neighbors have 4 a^2 for a grid of +-a, and 2 s^2 for noise of standard deviation s.
    rows, columns = np.indices((256, 256))
    grid = np.sqrt(share / 4) * (-1.0) ** (rows + columns)
    noise = np.sqrt((1 - share) / 2) * rng.normal(size=grid.shape)
    assert checkerboard(gray(grid + noise)) == pytest.approx(share, abs=0.02)


SHAPE = 128, 160
DOWN, ACROSS = np.indices(SHAPE)
WHOLE = np.ones(SHAPE, bool)
WEAVES = {
    "squares of 2": (DOWN // 2 + ACROSS // 2) % 2,
    "squares of 4": (DOWN // 4 + ACROSS // 4) % 2,
    "points, every 4th": (DOWN % 4 == 0) & (ACROSS % 4 == 0),
    "lines, every 4th": (DOWN % 4 == 0) | (ACROSS % 4 == 0),
    "lines, every 8th": (DOWN % 8 == 0) | (ACROSS % 8 == 0),
    "lines, every 8th, fainter across": (DOWN % 8 == 0) + 0.3 * (ACROSS % 8 == 0),
    "stripes of 4": DOWN // 4 % 2,
    "hatch of 9 and 18": np.cos(2 * np.pi * (DOWN / 9 + ACROSS / 18)),
    "waves of 24": np.cos(2 * np.pi * ACROSS / 24),
}


def strokes(rng, turn):
    """Strokes of any gray, painted over each other, with angles of up to `turn` from one direction."""
    canvas = np.full(SHAPE, 0.5)
    for _ in range(600):
        angle, half = 0.6 + rng.uniform(-turn, turn), rng.uniform(4, 12)
        middle, reach = rng.uniform(0, SHAPE[::-1]), half * np.array([np.cos(angle), np.sin(angle)])
        ends = (tuple(map(int, middle + sign * reach)) for sign in (-1, 1))
        cv2.line(canvas, *ends, rng.uniform(), int(rng.integers(2, 6)))
    return canvas


@pytest.mark.parametrize("pattern", WEAVES.values(), ids=WEAVES)
def test_a_grid_or_hatch_is_a_weave_whatever_its_contrast_and_brightness(pattern):
    for contrast, brightness in ((1, 0), (0.05, 0.7), (-0.4, 0.5)):
        assert weave(gray(brightness + contrast * pattern), WHOLE) == pytest.approx(1, abs=0.01)


def test_a_weave_does_not_depend_on_brightness_and_contrast(rng):
    picture = gray(np.cos(2 * np.pi * ACROSS / 7) + rng.normal(size=SHAPE))
    assert weave(0.1 * picture + 0.3, WHOLE) == pytest.approx(weave(picture, WHOLE), rel=1e-4)


def test_noise_shading_broad_waves_and_what_8_bits_do_not_hold_are_no_weave(rng):
    # For 20,480 pairs the correlation is 0.007, and the largest of a thousand is about three times that.
    assert weave(gray(rng.normal(size=SHAPE)), WHOLE) < 0.05
    for pattern in (DOWN / 128, (ACROSS - 80) ** 2 / 6400, np.cos(2 * np.pi * ACROSS / 60)):
        assert weave(gray(pattern), WHOLE) == pytest.approx(0, abs=1e-4)
    assert weave(gray(np.full(SHAPE, 0.3)), WHOLE) == 0
    assert weave(gray(0.5 + 1e-3 * WEAVES["stripes of 4"]), WHOLE) == 0


@pytest.mark.parametrize("turn", [np.pi / 2, 0.1])
def test_strokes_are_no_weave_even_where_all_point_one_way(rng, turn):
    assert weave(gray(strokes(rng, turn)), WHOLE) < 0.1


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_weave_is_its_share_of_the_variance(rng, share):
    # Waves of amplitude a have the variance a^2 / 2. At their period their correlation is 1, and that of noise is 0.
    waves = np.sqrt(2 * share) * np.cos(2 * np.pi * DOWN / 8)
    assert weave(gray(waves + np.sqrt(1 - share) * rng.normal(size=SHAPE)), WHOLE) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("period", [4, 8, 10, 16, 22])
def test_it_repeats_at_the_period_and_not_at_its_half(period):
    found = repetition(gray(np.cos(2 * np.pi * ACROSS / period)), WHOLE)
    assert found.shape == (49, 49)
    for sign in (-1, 1):
        assert found[24, 24 + sign * period] == pytest.approx(1, abs=0.01)
        assert found[24, 24 + sign * period // 2] == 0
    # Along the waves nothing rises.
    assert found[24, 24] == 0
    np.testing.assert_allclose(found[:, 24], 0, atol=1e-9)


def test_a_peak_counts_above_the_lowest_value_on_the_way_to_it():
    # The variances of the two waves are as 3 to 1. Across, the stronger ones keep the correlation at 3/4 or more, minus
    # 1/4 of the weaker ones halfway: a rise of 1/2. Down it falls below 0, and a peak is as high as its value.
    found = repetition(gray(np.sqrt(3) * np.cos(2 * np.pi * DOWN / 8) + np.cos(2 * np.pi * ACROSS / 8)), WHOLE)
    assert found[24, 24 + 8] == pytest.approx(1 / 2, abs=0.01)
    assert found[24 + 8, 24] == pytest.approx(1, abs=0.01)


def test_a_weave_is_measured_inside_alone(rng):
    left = np.broadcast_to(ACROSS < 80, SHAPE)
    picture = gray(np.where(left, WEAVES["squares of 4"], 5 * rng.normal(size=SHAPE)))
    assert weave(picture, left) == pytest.approx(1, abs=0.01)
    assert weave(picture, ~left) < 0.1
    shards = rng.uniform(size=SHAPE) < 0.6
    np.testing.assert_array_equal(repetition(picture * shards[..., None], shards), repetition(picture, shards))


def test_an_area_of_less_than_4096_pixels_has_no_weave():
    inside = np.zeros(SHAPE, bool)
    inside[20:84, 30:94] = True
    assert weave(gray(WEAVES["squares of 4"]), inside) == pytest.approx(1, abs=0.01)
    inside[50, 50] = False
    assert weave(gray(WEAVES["squares of 4"]), inside) is None


def test_flat_is_where_the_standard_deviation_is_less_than_5_levels():
    checks = (-1.0) ** (DOWN + ACROSS)
    assert flat(gray(0.5 + 4.8 / 255 * checks)).all()
    assert not flat(gray(0.5 + 5.2 / 255 * checks)).any()
    half = flat(gray(np.where(ACROSS < 80, 0.5, 0.5 + 0.2 * checks)))
    # Windows of 17x17 reach 8 pixels further.
    np.testing.assert_array_equal(half, np.broadcast_to(ACROSS < 72, SHAPE))


def test_the_border_of_a_frame_is_the_difference_in_standard_deviations():
    framed = np.zeros((64, 96))
    framed[16:-16, 16:-16] = 1
    share = framed.mean()
    assert border(gray(framed)) == pytest.approx(1 / np.sqrt(share * (1 - share)), rel=1e-4)


def test_the_border_counts_missing_contrast(rng):
    noise = rng.choice([0.2, 0.8], size=(96, 96))
    assert border(gray(noise)) < 0.1
    inside = np.full((96, 96), 0.5)
    inside[16:-16, 16:-16] = noise[16:-16, 16:-16]
    # The border has the mean of the inside, but zero deviation; the whole has the inside's times the root of its share.
    assert border(gray(inside)) == pytest.approx(1 / np.sqrt((64 / 96) ** 2), rel=0.05)


def test_the_border_does_not_depend_on_contrast_and_is_0_where_there_is_none(rng):
    picture = rng.uniform(size=(64, 64, 3)).astype(np.float32)
    assert border(0.3 * picture + 0.5) == pytest.approx(border(picture), rel=1e-4)
    assert border(np.full((64, 64, 3), 0.3)) == 0


def test_the_interval_of_a_normal_mean_is_its_standard_error_times_1_96(rng):
    values = rng.normal(5, 2, size=400)
    low, high = interval(values)
    error = values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error)
    assert interval(values) == (low, high)


def test_the_interval_covers_the_true_mean_as_often_as_it_says(rng):
    covered = [low <= 0.5 <= high for low, high in (interval(rng.uniform(size=50)) for _ in range(200))]
    assert 0.90 <= np.mean(covered) <= 0.99


def test_the_interval_of_equal_values_is_their_value():
    assert interval([0.25, 0.25, 0.25]) == (0.25, 0.25)


def test_the_seam_of_an_object_as_contrasty_as_the_paintings_own_outlines_is_1():
    painting = np.full((100, 120, 3), 0.3)
    painting[:, 48:][:, np.arange(72) % 12 < 6] = 0.7
    y, x = np.indices((100, 120))
    mask = np.float32((abs(y - 50) < 20) & (abs(x - 25) < 15))
    object_like = np.where(mask[..., None] > 0, 0.7, painting)
    faint = np.where(mask[..., None] > 0, 0.34, painting)
    assert 0.5 < seam(object_like, painting, mask) <= 1.1
    assert seam(faint, painting, mask) == pytest.approx(0.1 * seam(object_like, painting, mask), rel=0.01)
    assert seam(painting, painting, mask) == pytest.approx(0)


def test_the_pictures_border_is_no_seam():
    painting = np.tile(np.linspace(0, 1, 80)[None, :, None], (60, 1, 3))
    assert seam(painting, painting, np.ones((60, 80))) == 0


def sample(rng, count, mean, deviations):
    """Points with exactly these means and standard deviations, uncorrelated."""
    points = rng.normal(size=(count, len(mean)))
    points -= points.mean(axis=0)
    whitened = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T
    return np.asarray(mean) + whitened * np.asarray(deviations)


def test_the_frechet_distance_of_gaussians_is_that_of_means_and_deviations(rng):
    first, second = sample(rng, 50, [1, 2, 3], [1, 2, 0.5]), sample(rng, 30, [1, 5, -1], [2, 2, 3])
    assert frechet(first, second) == pytest.approx(3**2 + 4**2 + 1**2 + 2.5**2)
    assert frechet(second, first) == pytest.approx(frechet(first, second))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert frechet(first @ turn + 7, second @ turn + 7) == pytest.approx(frechet(first, second))
    assert frechet(first, first) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [((40, 6), (50, 6)), ((10, 30), (12, 30)), ((100, 20), (5, 20))])
def test_the_frechet_distance_is_that_of_the_root_of_the_covariances_product(rng, first, second):
    mixing = rng.normal(size=(first[1], first[1]))
    one, other = rng.normal(size=first) @ mixing, rng.normal(0.5, 2, size=second)
    assert frechet(one, other) == pytest.approx(reference.frechet(one, other), rel=1e-5)


def test_the_kernel_distance_is_its_sum_over_pairs(rng):
    one, other = rng.normal(size=(7, 5)), rng.normal(0.3, 1.5, size=(9, 5))
    assert kernel_distance(one, other) == pytest.approx(reference.kernel_distance(one, other))


def test_the_kernel_distance_of_one_distribution_is_0_on_average_whatever_the_size(rng):
    for sizes in ((5, 5), (4, 40)):
        values = [kernel_distance(*(rng.normal(size=(size, 6)) for size in sizes)) for _ in range(2000)]
        assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
        assert min(values) < 0 < max(values)
    apart = kernel_distance(rng.normal(size=(50, 6)), rng.normal(2, 1, size=(50, 6)))
    assert apart > 10 * np.std(values)


def test_the_class_score_counts_classes_that_are_sure_and_varied():
    assert class_score(np.eye(5)) == pytest.approx(5)
    assert class_score(np.eye(5)[[0, 1] * 6]) == pytest.approx(2)
    assert class_score(np.eye(5)[[3] * 6]) == pytest.approx(1)
    assert class_score(np.full((6, 5), 0.2)) == pytest.approx(1)


def test_the_class_score_is_the_gain_in_entropy(rng):
    probabilities = rng.dirichlet(np.full(7, 0.3), size=20)

    def entropy(p):
        return -np.sum(p * np.log(p))

    gain = entropy(probabilities.mean(axis=0)) - np.mean([entropy(row) for row in probabilities])
    assert class_score(probabilities) == pytest.approx(np.exp(gain))
