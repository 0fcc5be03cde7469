import cv2
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from keras_nst.errors import InputError
from keras_nst.pictures.color import luma
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import (
    bounding_box,
    check,
    feather,
    filled,
    flood,
    from_alpha,
    from_picture,
    largest,
    likely,
    otsu,
    overlay,
    rectangle,
    refine,
    strengths,
    stroke,
)
from keras_nst.select.saliency import saliency

RED, BLUE = (0.9, 0.3, 0.2), (0.3, 0.4, 0.5)


def disc(height=200, width=240, center=(100, 110), radius=45.0):
    """The mask of a disc, (1, height, width, 1)."""
    y, x = np.indices((height, width))
    return np.float32(np.hypot(y - center[0], x - center[1]) < radius)[None, ..., None]


def painted(mask, color=RED, ground=BLUE):
    return np.where(mask > 0.5, np.float32(color), np.float32(ground))


def noisy(rng, rgb, spread=0.03):
    return np.clip(rgb + rng.normal(0, spread, rgb.shape), 0, 1).astype(np.float32)


def overlap(found, mask):
    found, mask = found > 0.5, mask > 0.5
    return np.sum(found & mask) / np.sum(found | mask)


def gray(lightness):
    """A gray picture with this L* in CIELAB, (1, h, w) to (1, h, w, 3)."""
    lab = np.zeros((*lightness.shape[1:], 3), np.float32)
    lab[..., 0] = lightness[0]
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[None]


# --- Flood -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0, 15])
def test_a_disc_and_its_ground_are_selected_exactly(tolerance):
    mask = disc()
    np.testing.assert_array_equal(flood(painted(mask), [(110, 100)], tolerance), mask)
    np.testing.assert_array_equal(flood(painted(mask), [(0, 0)], tolerance), 1 - mask)


def test_a_seed_is_column_and_row():
    mask = rectangle(40, 90, (60, 5, 20, 10))
    np.testing.assert_array_equal(flood(painted(mask), [(79, 5)]), mask)


def test_of_two_discs_those_with_a_seed_are_selected():
    left, right = disc(center=(100, 50), radius=30), disc(center=(100, 180), radius=30)
    rgb = painted(left + right)
    np.testing.assert_array_equal(flood(rgb, [(50, 100)]), left)
    np.testing.assert_array_equal(flood(rgb, [(50, 100), (180, 100)]), left + right)


def test_the_selection_of_several_seeds_is_the_union_of_each():
    rgb = read("sample:coffee", max_size=200).rgb
    seeds = [(40, 66), (45, 60), (120, 100)]
    expected = np.maximum.reduce([flood(rgb, [seed]) for seed in seeds])
    np.testing.assert_array_equal(flood(rgb, seeds) * (1 - expected), 0 * expected)
    # Together they may close a pinhole that neither closes alone.
    assert np.mean(flood(rgb, seeds) != expected) < 0.001


@pytest.mark.parametrize("tolerance", [5, 10])
def test_in_a_gradient_twice_the_tolerance_of_lightness_is_selected(tolerance):
    lightness = np.broadcast_to(np.linspace(0, 100, 201, dtype=np.float32), (1, 30, 201))
    (columns,) = flood(gray(lightness), [(100, 15)], tolerance)[0, 15, :, 0].nonzero()
    # Two columns per unit of L*, and L* = 50 at the seed.
    assert columns[0] == pytest.approx(100 - 4 * tolerance, abs=1)
    assert columns[-1] == pytest.approx(100 + 4 * tolerance, abs=1)
    assert len(columns) == columns[-1] - columns[0] + 1


def test_a_blurred_outline_does_not_leak():
    mask = disc()
    blurred = cv2.GaussianBlur(painted(mask)[0], (0, 0), 6)
    found = flood(blurred[None], [(110, 100)], 15)
    assert not (found > mask).any()
    assert found.sum() > 0.6 * mask.sum()
    # Compared between neighbors, even a third of the tolerance would leak through.
    lab = cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB)
    count, *_ = cv2.floodFill(lab, None, (110, 100), 0, (5, 5, 5), (5, 5, 5))
    assert count == mask.size


def test_noise_leaves_no_pinholes(rng):
    mask = disc()
    assert overlap(flood(noisy(rng, painted(mask)), [(110, 100)], 20), mask) > 0.98


def test_specks_inside_are_filled_and_specks_outside_are_not_selected(rng):
    mask = disc()
    specks = (rng.random(mask.shape) < 0.02) & ((disc(radius=43) > 0) | (disc(radius=47) == 0))
    np.testing.assert_array_equal(flood(painted(np.abs(mask - specks)), [(110, 105)]), mask)


def test_a_hole_of_some_size_stays():
    hole = disc(radius=10)
    ring = disc() - hole
    np.testing.assert_array_equal(flood(painted(ring), [(110, 70)]), ring)


@pytest.mark.parametrize(
    ("seed", "inside", "outside"),
    [
        # The orange suit, but not the flag, the badge, the face, the shuttle, the helmet.
        ((100, 440), [(150, 320), (90, 300), (200, 450)], [(20, 300), (170, 385), (220, 100), (410, 60), (420, 420)]),
        # The gray background, but not the hair, the flag, the tank, the face.
        ((330, 60), [(300, 20), (350, 120)], [(220, 40), (30, 100), (410, 60), (220, 120), (100, 440)]),
    ],
)
def test_in_a_photograph_the_suit_or_the_backdrop_is_selected(seed, inside, outside):
    mask = flood(read("sample:astronaut").rgb, [seed])[0, ..., 0]
    assert [mask[y, x] for x, y in inside] == [1] * len(inside)
    assert [mask[y, x] for x, y in outside] == [0] * len(outside)


@pytest.mark.parametrize("seed", [(240, 10), (10, 200), (-1, 10), (10, -1)])
def test_a_seed_outside_of_the_picture(seed):
    with pytest.raises(InputError, match=rf"point {seed[0]},{seed[1]} .* 240 x 200 .* 239,199") as raised:
        flood(painted(disc()), [(5, 5), seed])
    assert "\n" not in str(raised.value)


# --- Boxes, files, maps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((3, 2, 10, 5), slice(2, 7), slice(3, 13)),
        ((25, 15, 10, 10), slice(15, 20), slice(25, 30)),
        ((-4, -3, 10, 10), slice(0, 7), slice(0, 6)),
        ((-5, -5, 100, 100), slice(0, 20), slice(0, 30)),
    ],
)
def test_a_box_is_clipped_to_the_picture(box, rows, columns):
    mask = rectangle(20, 30, box)
    assert mask.shape == (1, 20, 30, 1)
    assert mask[0, rows, columns].all()
    assert mask.sum() == (rows.stop - rows.start) * (columns.stop - columns.start)


@pytest.mark.parametrize(
    "box", [(30, 0, 5, 5), (0, 20, 5, 5), (-9, 0, 9, 5), (-9, -9, 3, 3), (3, 3, 0, 5), (9, 9, -4, 5)]
)
def test_a_box_outside_of_the_picture(box):
    with pytest.raises(InputError, match=r"Nothing of the box .* 30 x 20"):
        rectangle(20, 30, box)


def test_the_mask_of_a_picture_is_its_alpha_or_its_luma(rng):
    rgb, alpha = rng.random((1, 20, 30, 3), np.float32), rng.random((1, 20, 30, 1), np.float32)
    np.testing.assert_array_equal(from_picture(Picture(rgb, alpha)), alpha)
    np.testing.assert_allclose(from_picture(Picture(rgb)), luma(rgb), atol=1e-6)
    np.testing.assert_allclose(from_picture(Picture(rgb, np.ones_like(alpha))), luma(rgb), atol=1e-6)
    np.testing.assert_array_equal(from_alpha(Picture(rgb, alpha)), alpha)
    for opaque in (None, np.ones_like(alpha)):
        with pytest.raises(InputError, match="no transparency"):
            from_alpha(Picture(rgb, opaque))


def test_white_is_selected_black_is_not_and_gray_in_part():
    shades = np.array([0, 0.5, 1], np.float32)
    mask = from_picture(Picture(np.broadcast_to(shades[:, None], (1, 4, 3, 3))))
    assert mask.max() <= 1
    np.testing.assert_allclose(mask[0, 0, :, 0], shades, atol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.2, 0.6), (0.45, 0.55)])
def test_the_subject_of_a_map_of_two_levels_is_the_higher(low, high):
    mask = disc()
    np.testing.assert_allclose(otsu(np.float32(low) + np.float32(high - low) * mask), mask, atol=0.1)


def test_the_subject_is_parted_where_otsu_parts_and_softly(rng):
    level = np.where(disc() > 0, rng.normal(0.75, 0.08, (1, 200, 240, 1)), rng.normal(0.25, 0.08, (1, 200, 240, 1)))
    level = np.clip(level, 0, 1).astype(np.float32)
    candidates = np.arange(1, 255) / 255
    groups = [(level[level <= t], level[level > t]) for t in candidates]
    within = [sum(group.var() * group.size for group in pair) for pair in groups]
    threshold = candidates[np.argmin(within)]
    found = otsu(level)
    np.testing.assert_array_equal(found[level < threshold - 0.12], 0)
    np.testing.assert_array_equal(found[level > threshold + 0.12], 1)
    slope = np.polyfit(level[np.abs(level - threshold) < 0.08], found[np.abs(level - threshold) < 0.08], 1)[0]
    assert slope == pytest.approx(1 / 0.2, rel=0.02)


def test_every_map_that_is_not_flat_selects_its_highest_and_not_its_lowest(rng):
    for low, high, *shape in rng.uniform([0, 0.52, 0.1, 0.1], [0.48, 1, 3, 3], (100, 4)):
        level = rng.beta(*shape, (1, 20, 30, 1))
        level = np.float32(low + (high - low) * (level - level.min()) / np.ptp(level))
        found = otsu(level)
        assert found[level == level.min()] == pytest.approx(0, abs=0.05)
        assert found[level == level.max()] == pytest.approx(1, abs=0.05)
        assert (np.diff(found.ravel()[np.argsort(level.ravel())]) >= 0).all()


def test_what_is_surrounded_is_filled_and_what_reaches_the_border_stays():
    ring = disc() - disc(radius=20)
    np.testing.assert_array_equal(filled(ring), disc())
    cut = ring.copy()
    cut[:, 100, 110:] = np.minimum(cut[:, 100, 110:], 0.5)
    np.testing.assert_array_equal(filled(cut), cut)


def test_what_is_more_likely_than_not_is_selected():
    certainty = np.float32([0, 0.39, 0.4, 0.45, 0.5, 0.6, 0.61, 1]).reshape(1, 1, 8, 1)
    np.testing.assert_allclose(likely(certainty).ravel(), [0, 0, 0, 0.25, 0.5, 1, 1, 1], atol=1e-6)
    assert not likely(np.full((1, 20, 30, 1), 0.3, np.float32)).any()


@pytest.mark.parametrize("adds", [True, False])
def test_a_stroke_is_as_wide_as_its_brush_and_has_round_ends(rng, adds):
    mask = rng.random((1, 80, 120, 1), np.float32)
    y, x = np.indices((80, 120))
    # From (30, 40) to (90, 40), then a dot; the distance of each pixel from both.
    bar = np.hypot(x - np.clip(x, 30, 90), y - 40)
    dab = np.hypot(x - 20, y - 70)
    painted = stroke(stroke(mask, [(30, 40), (90, 40)], 21, adds=adds), [(20, 70)], 9, adds=adds)[0, ..., 0]
    assert (painted[(bar <= 9) | (dab <= 3)] == adds).all()
    elsewhere = (bar >= 12) & (dab >= 6)
    np.testing.assert_array_equal(painted[elsewhere], mask[0, ..., 0][elsewhere])


def test_a_stroke_goes_on_from_outside():
    painted = stroke(np.zeros((1, 40, 60, 1), np.float32), [(-500, 20), (500, 20)], 5)
    assert painted[0, 20].all()
    assert painted.mean() == pytest.approx(5 / 40)


def test_the_largest_piece_is_the_one_with_most_of_it():
    faint, small, large = (np.zeros((1, 60, 90, 1), np.float32) for _ in range(3))
    faint[:, :50, :40] = 0.1  # 200 in total.
    small[:, 5:15, 50:60] = 1
    large[:, 30:50, 60:75] = 1
    large[:, 50, 75] = 0.5  # Connected by a corner.
    np.testing.assert_array_equal(largest(faint + small + large), large)
    assert not largest(np.zeros_like(large)).any()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_map_has_no_subject(value):
    assert not otsu(np.full((1, 20, 30, 1), value, np.float32)).any()


# --- Refine ----------------------------------------------------------------------------------------------------------


def coarse(mask, side):
    """The mask in squares of this side."""
    height, width = mask.shape[1:3]
    small = cv2.resize(mask[0], (width // side, height // side), interpolation=cv2.INTER_AREA)
    return cv2.resize(np.float32(small > 0.5), (width, height), interpolation=cv2.INTER_NEAREST)[None, ..., None]


@pytest.mark.parametrize(
    ("height", "width", "radius"),
    [(200, 240, 45), (200, 240, 8), (900, 1080, 180), (900, 1080, 24)],
    ids=["small", "small dot", "large", "large dot"],
)
@pytest.mark.parametrize("change", ["shifted", "coarse", "grown", "shrunk"])
def test_a_disc_is_recovered(rng, height, width, radius, change):
    center, step = (height // 2, width // 2), 0.35 * min(radius, 0.08 * width)
    mask = disc(height, width, center, radius)
    start = {
        "shifted": disc(height, width, (center[0] + round(step), center[1]), radius),
        "coarse": coarse(mask, round(step)),
        "grown": disc(height, width, center, radius + step),
        "shrunk": disc(height, width, center, radius - step),
    }[change]
    assert overlap(start, mask) < 0.95
    assert overlap(refine(noisy(rng, painted(mask)), start), mask) > 0.95


@pytest.mark.parametrize("channel", range(3))
def test_a_disc_that_differs_in_one_channel_is_recovered(rng, channel):
    color, mask = np.where(np.arange(3) == channel, 0.6, 0.4), disc()
    rgb = noisy(rng, painted(mask, color, (0.4, 0.4, 0.4)))
    assert overlap(refine(rgb, disc(center=(104, 107))), mask) > 0.95


@pytest.mark.parametrize("width", [1, 5, 15])
def test_of_a_narrow_part_the_middle_stays(rng, width):
    # Narrower than the band, in a plain picture.
    mask = rectangle(200, 240, (40, 100 - width // 2, 160, width))
    refined = refine(rng.random((1, 200, 240, 3), np.float32), mask)
    assert refined[0, 100, 50:190].all()


def test_two_discs_at_the_border_are_recovered(rng):
    mask = disc(center=(0, 0), radius=60) + disc(center=(199, 239), radius=60)
    start = disc(center=(0, 0), radius=54) + disc(center=(199, 239), radius=66)
    assert overlap(refine(noisy(rng, painted(mask)), start), mask) > 0.95


def test_it_is_the_same_each_time():
    rgb = read("sample:coffee").rgb
    start = rectangle(*rgb.shape[1:3], (75, 10, 430, 380))
    first = refine(rgb, start)
    cv2.setRNGSeed(12345)
    np.testing.assert_array_equal(refine(rgb, start), first)


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_what_is_far_from_the_outline_stays(rng, spread):
    rgb = noisy(rng, np.full((1, 200, 240, 3), 0.5), spread)
    refined, reach = refine(rgb, disc()), 0.04 * 240 + 2
    assert refined[disc(radius=45 - reach) > 0].all()
    assert not refined[disc(radius=45 + reach) == 0].any()


@pytest.mark.parametrize("value", [0, 1])
def test_nothing_and_everything_stay(rng, value):
    mask = np.full((1, 40, 50, 1), value, np.float32)
    np.testing.assert_array_equal(refine(rng.random((1, 40, 50, 3), np.float32), mask), mask)


@pytest.mark.parametrize("size", [(16, 16), (16, 900), (900, 16)])
def test_any_size(rng, size):
    refined = refine(rng.random((1, *size, 3), np.float32), disc(*size, (8, 8), 4))
    assert refined.shape == (1, *size, 1)
    assert refined.dtype == np.float32
    assert 0 <= refined.min() <= refined.max() <= 1


def test_a_disc_of_one_photograph_on_another_is_recovered():
    cat, table = (read(f"sample:{name}").rgb[:, 90:290, 30:270] for name in ("chelsea", "rocket"))
    mask = disc()
    assert overlap(refine(np.where(mask > 0, cat, table), disc(center=(104, 107))), mask) > 0.95


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("rocket", lambda rgb: rectangle(*rgb.shape[1:3], (300, 125, 40, 290))),
        ("coffee", lambda rgb: otsu(saliency(rgb))),
        ("astronaut", lambda rgb: coarse(flood(rgb, [(100, 440), (320, 340)]), 16)),
    ],
)
def test_in_a_photograph_the_outline_moves_to_edges(name, start):
    rgb = read(f"sample:{name}").rgb
    before, slopes = start(rgb), np.hypot(*np.gradient(luma(rgb)[0, ..., 0]))

    def steepness(mask):
        inside = mask[0, ..., 0] > 0.5
        return slopes[binary_dilation(inside) & ~binary_erosion(inside, border_value=1)].mean()

    assert steepness(refine(rgb, before)) > 1.25 * steepness(before)


# --- Feather ---------------------------------------------------------------------------------------------------------


def test_radius_0_changes_nothing():
    mask = disc()
    assert feather(mask, 0) is mask


@pytest.mark.parametrize("radius", [1, 1.5, 6, 20.5])
def test_nothing_further_from_the_outline_than_the_radius_changes(radius):
    soft, reach = feather(disc(), radius), np.ceil(radius) * np.sqrt(2) + 1
    np.testing.assert_allclose(soft[disc(radius=45 - reach) > 0], 1, atol=1e-6)
    np.testing.assert_allclose(soft[disc(radius=45 + reach) == 0], 0, atol=1e-6)
    assert ((soft > 0.05) & (soft < 0.95)).any()


@pytest.mark.parametrize("radius", [3, 10])
def test_a_straight_outline_becomes_the_gaussian_distribution(radius):
    mask = rectangle(60, 100, (50, 0, 50, 60))
    row = feather(mask, radius)[0, 0, :, 0]
    # Symmetric around the outline, which is between columns 49 and 50.
    np.testing.assert_allclose(row + row[::-1], 1, atol=1e-6)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * (radius / 2) ** 2))
    expected = np.cumsum(weights) / weights.sum()
    np.testing.assert_allclose(row[50 - radius : 50 + radius], expected[: 2 * radius], atol=1e-5)


def test_mass_is_kept_and_the_border_is_no_outline():
    inner = disc()
    assert feather(inner, 12).sum() == pytest.approx(inner.sum(), rel=1e-5)
    cut = rectangle(60, 100, (50, 0, 50, 60))
    np.testing.assert_allclose(feather(cut, 12)[0, 0], feather(cut, 12)[0, 30], atol=1e-6)
    np.testing.assert_allclose(feather(np.ones_like(cut), 12), 1, atol=1e-6)


# --- Show and check --------------------------------------------------------------------------------------------------


def test_the_overlay_keeps_what_is_selected_and_grays_the_rest_and_draws_a_line_between(rng):
    mask, rgb = disc(), rng.random((1, 200, 240, 3), np.float32)
    shown = overlay(rgb, mask)
    assert shown.shape == rgb.shape
    np.testing.assert_array_equal(shown[mask[..., 0] > 0], rgb[mask[..., 0] > 0])
    grown = binary_dilation(mask[0, ..., 0])
    assert (shown[0, grown > mask[0, ..., 0]] == np.float32([1, 0.9, 0])).all()
    assert np.ptp(shown[0, ~grown], axis=-1).max() < 1e-6
    assert (luma(shown) < luma(rgb))[0, ~grown].all()


def test_strengths_go_from_one_to_the_other_within_three_percent():
    mask = np.zeros((1, 100, 200, 1), np.float32)
    mask[:, :, 100:] = 1
    found = strengths(mask, 0.9, 0.2)[0, 50, :, 0]
    np.testing.assert_allclose(found[:96], 0.9, atol=1e-6)
    np.testing.assert_allclose(found[104:], 0.2, atol=1e-6)
    assert (np.diff(found) <= 1e-6).all()
    assert found[99] + found[100] == pytest.approx(1.1, abs=1e-5)


@pytest.mark.parametrize(("value", "unchanged"), [(0, False), (1, True)])
def test_the_overlay_without_an_outline(rng, value, unchanged):
    rgb = rng.random((1, 30, 40, 3), np.float32)
    shown = overlay(rgb, np.full((1, 30, 40, 1), value, np.float32))
    assert np.array_equal(shown, rgb) == unchanged
    assert 0 <= shown.min() <= shown.max() <= 1


def test_a_mask_of_another_size_is_told_with_both_sizes():
    with pytest.raises(InputError, match=r"The mask m\.png has 240 x 200 pixels, the picture 200 x 240") as raised:
        check(disc(), 240, 200, "The mask m.png")
    assert "\n" not in str(raised.value)
    check(disc(), 200, 240)


def test_an_empty_mask_is_told():
    with pytest.raises(InputError, match="The selection selects nothing"):
        check(0 * disc(), 200, 240, "The selection")


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((7, 4, 5, 3), 0, (slice(4, 7), slice(7, 12))),
        ((7, 4, 5, 3), 2, (slice(2, 9), slice(5, 14))),
        ((7, 4, 5, 3), 100, (slice(0, 20), slice(0, 30))),
        ((0, 0, 30, 20), 0, (slice(0, 20), slice(0, 30))),
        ((29, 19, 1, 1), 1, (slice(18, 20), slice(28, 30))),
    ],
)
def test_bounding_box(box, margin, expected):
    assert bounding_box(rectangle(20, 30, box), margin) == expected


def test_the_bounding_box_holds_the_faintest_selection():
    mask = np.zeros((1, 20, 30, 1), np.float32)
    mask[0, 3, 4], mask[0, 15, 25] = 1e-4, 1
    assert bounding_box(mask) == (slice(3, 16), slice(4, 26))
