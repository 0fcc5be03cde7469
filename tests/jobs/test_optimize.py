import dataclasses
import re

import numpy as np
import pytest
from reference import losses as reference

from keras_nst import memory
from keras_nst.errors import InputError
from keras_nst.jobs import optimize as job
from keras_nst.jobs.optimize import check_size, coverage, optimize, scales, settled
from keras_nst.models.vgg import vgg
from keras_nst.options import PixelOptions, Region
from keras_nst.pictures.color import palette
from keras_nst.select.masks import feather

# With few layers, so that it compiles in a second.
SHALLOW = PixelOptions(
    recipe="chen2016",
    style_layers=("relu1_1",),
    content_layers=("relu1_2",),
    statistic="gram",
    end_size=48,
    start_size=48,
    iterations=40,
    mixed_precision="off",
)


@pytest.fixture
def photograph(rng):
    return rng.uniform(0.2, 0.8, (1, 36, 48, 3)).astype(np.float32)


@pytest.fixture
def stripes():
    """Yellow and blue stripes, across and along: two paintings."""
    across = np.zeros((1, 40, 40, 3), np.float32)
    across[:, ::4] = across[:, 1::4] = (0.9, 0.8, 0.1)
    across[..., 2] += 0.1
    return across, 1 - across.transpose(0, 2, 1, 3)


@pytest.fixture
def left():
    mask = np.zeros((1, 36, 48, 1), np.float32)
    mask[:, :, :20] = 1
    return mask


def distance(image, painting, columns=slice(None)):
    """The distance of the Gram matrices at relu1_1, by the reference."""
    observe = vgg(["relu1_1"])
    grams = [
        reference.gram(np.asarray(observe(picture)["relu1_1"])[0])
        for picture in (np.ascontiguousarray(image[:, :, columns]), painting)
    ]
    return reference.relative_squared(*grams)


def test_the_result_is_much_nearer_to_the_painting(photograph, stripes):
    painting = stripes[0]
    result = optimize(photograph, [Region([painting])], dataclasses.replace(SHALLOW, weights={"style": 100.0}))
    assert result.shape == photograph.shape
    assert distance(result, painting) < 0.2 * distance(photograph, painting)


def test_outside_of_the_mask_nothing_changes(photograph, stripes, left):
    result = optimize(photograph, [Region([stripes[0]], mask=left)], SHALLOW)
    np.testing.assert_array_equal(result[:, :, 20:], photograph[:, :, 20:])
    assert (result[:, :, :20] != photograph[:, :, :20]).mean() > 0.9


def test_what_is_selected_in_part_is_restyled_as_a_whole(photograph, stripes, left):
    full, soft = (optimize(photograph, [Region([stripes[0]], mask=mask)], SHALLOW) for mask in (left, 0.25 * left))
    # The weights of a region sum to 1 at any opacity.
    np.testing.assert_allclose(soft, full, atol=2e-3)


def test_regions_cover_together_what_they_share(left):
    soft = feather(left, 8)
    painting = np.zeros((1, 40, 40, 3), np.float32)
    np.testing.assert_allclose(coverage([Region([painting], mask=mask) for mask in (soft, 1 - soft)]), 1)
    np.testing.assert_array_equal(coverage([Region([painting], mask=mask) for mask in (soft, left)])[left == 1], 1)
    assert coverage([Region([painting])]) is None


def test_each_region_takes_its_own_painting(photograph, stripes, left):
    regions = [Region([stripes[0]], mask=left), Region([stripes[1]], mask=1 - left)]
    result = optimize(photograph, regions, dataclasses.replace(SHALLOW, weights={"style": 100.0}))
    assert distance(result, stripes[0], slice(2, 18)) < 0.5 * distance(result, stripes[1], slice(2, 18))
    assert distance(result, stripes[1], slice(22, 46)) < 0.5 * distance(result, stripes[0], slice(22, 46))


def test_by_default_each_part_takes_what_is_like_it():
    """Of a painting whose dark half is red and whose bright half is green, dark parts become red, bright ones green."""
    across = np.linspace(0, 40, 64)
    waves = 0.1 * np.sin(across)[:, None] * np.sin(across)
    light = np.where(np.arange(64) < 32, 0.15, 0.8) + waves
    photograph = np.float32(np.repeat(light[None, ..., None], 3, axis=-1))
    tint = np.where((np.arange(64) < 32)[:, None], (1, 0.1, 0.1), (0.2, 1, 0.3))[:, None]
    painting = np.float32(light.T[None, ..., None] * tint)
    result = optimize(photograph, [Region([painting])], PixelOptions(end_size=64, iterations=15))
    dark, bright = (result[:, :, columns].mean(axis=(0, 1, 2)) for columns in (slice(4, 28), slice(36, 60)))
    assert dark[0] > 1.3 * dark[1]
    assert bright[1] > 2 * bright[0]


def test_it_starts_from_the_photograph_in_the_colors_of_its_regions(rng, left):
    """The start is what the first step departs from; outside of the region it is the photograph."""
    photograph = np.float32(0.5 + 0.1 * rng.uniform(-1, 1, (1, 36, 48, 3)))
    painting = np.float32((0.6, 0.3, 0.5) + 0.2 * rng.uniform(-1, 1, (1, 40, 40, 1)) * np.float32((1, 1, -1)))
    start = job._start(settled(PixelOptions()), photograph, {0: Region([painting], mask=left)}, {0: left})
    np.testing.assert_array_equal(start[:, :, 20:], photograph[:, :, 20:])
    for found, wanted in zip(palette([start[:, :, :20]]), palette([painting]), strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    assert palette([photograph[:, :, :20]])[0][1] > 0.45  # Before, it was gray.


def test_a_blend_lies_between_its_paintings(photograph, stripes):
    options = dataclasses.replace(SHALLOW, weights={"style": 100.0}, iterations=16)
    alone, blended = (
        optimize(photograph, [Region(stripes, shares=shares)], options) for shares in ((1.0, 0.0), (1.0, 1.0))
    )
    assert distance(alone, stripes[0]) < distance(blended, stripes[0]) < distance(photograph, stripes[0])
    assert distance(blended, stripes[1]) < distance(alone, stripes[1])


def test_a_style_mask_hides_the_rest_of_the_painting(photograph, stripes):
    pair = np.concatenate(stripes, axis=2)
    mask = np.zeros((1, 40, 80, 1), np.float32)
    mask[:, :, :36] = 1
    result = optimize(
        photograph,
        [Region([pair], style_mask=mask)],
        dataclasses.replace(SHALLOW, weights={"style": 100.0}, style_scale=80 / 48),
    )
    assert distance(result, stripes[0]) < 0.5 * distance(result, stripes[1])


def test_it_goes_from_coarse_to_fine(photograph, stripes):
    seen = []
    options = dataclasses.replace(SHALLOW, start_size=24, iterations=2)
    optimize(
        photograph, [Region([stripes[0]])], options, progress=lambda side, now: seen.append((side, now.image.shape))
    )
    assert list(dict.fromkeys(seen)) == [(24, (1, 18, 24, 3)), (48, (1, 36, 48, 3))]


@pytest.mark.parametrize("size", [(300, 3000), (3000, 300), (48, 900), (300, 400)])
def test_the_first_scale_is_wide_enough_for_the_network(size):
    plan = [*scales(size, settled(PixelOptions()))]
    shorter = [round(side * min(size) / max(size)) for side in plan]
    assert shorter[0] >= 16
    assert plan[-1] == min(512, max(size))
    assert shorter[0] < 32 or plan[0] < 128  # Not finer than needed.


def test_a_panorama_is_painted_with_the_defaults(rng):
    photograph, painting = (rng.random((1, *size, 3), np.float32) for size in ((20, 200), (40, 40)))
    told = []
    result = optimize(
        photograph, [Region([painting])], PixelOptions(iterations=1), progress=lambda side, now: told.append(side)
    )
    assert result.shape == photograph.shape
    assert min(told) == 200


def test_a_region_in_which_no_receptive_field_fits_is_restyled_at_all_scales(photograph, stripes):
    small = np.zeros((1, 36, 48, 1), np.float32)
    small[:, 10:14, 10:14] = 1
    options = dataclasses.replace(SHALLOW, start_size=24, iterations=1, mask_rule="inside", style_layers=("relu2_1",))
    told = []
    result = optimize(
        photograph, [Region([stripes[0]], mask=small)], options, progress=lambda side, now: told.append(side)
    )
    assert set(told) == {24, 48}
    changed = (result != photograph).any(axis=-1, keepdims=True)
    assert changed[small == 1].mean() > 0.9
    assert not changed[small == 0].any()


def test_a_finer_scale_has_the_photographs_detail(photograph, stripes):
    starts = []
    options = dataclasses.replace(SHALLOW, start_size=24, iterations=1, weights={"style": 1e-6, "tv": 0.0})
    optimize(photograph, [Region([stripes[0]])], options, progress=lambda side, now: starts.append(now))
    assert starts[1].terms["content"] < 1e-2  # If it were enlarged from 24 pixels, it would be blurred.


def test_tiles_change_nothing(photograph, stripes):
    large = np.tile(photograph, (1, 2, 2, 1))
    options = dataclasses.replace(SHALLOW, end_size=96, start_size=96, pooling="average", iterations=3)
    whole, tiled = (
        optimize(large, [Region([stripes[0]])], dataclasses.replace(options, tile=tile)) for tile in (None, 80)
    )
    np.testing.assert_allclose(tiled, whole, atol=1e-3)


def test_tiles_change_no_match(rng):
    photograph, painting = rng.random((2, 1, 176, 32, 3), np.float32)
    options = PixelOptions(end_size=176, start_size=176, pooling="average", iterations=2, mixed_precision="off")
    whole, tiled = (
        optimize(photograph, [Region([painting])], dataclasses.replace(options, tile=tile)) for tile in (None, 160)
    )
    np.testing.assert_allclose(tiled, whole, atol=2e-3)


def test_a_region_is_matched_with_its_part_of_the_painting(rng):
    """The left half takes from the red half of a painting, the right half from the blue one."""
    light = rng.uniform(0.3, 0.9, (1, 64, 64, 1)).astype(np.float32)
    half = np.zeros((1, 64, 64, 1), np.float32)
    half[:, :, :32] = 1
    painting = light[:, ::-1] * np.where(half > 0, np.float32([1, 0.2, 0.2]), np.float32([0.2, 0.2, 1]))
    regions = [Region([painting], mask=mask, style_mask=mask) for mask in (half, 1 - half)]
    photograph = np.repeat(light, 3, axis=-1)
    result = optimize(photograph, regions, PixelOptions(end_size=64, start_size=64, iterations=12))
    left, right = (result[:, :, columns].mean(axis=(0, 1, 2)) for columns in (slice(2, 30), slice(34, 62)))
    assert left[0] > 1.5 * left[2]
    assert right[2] > 1.5 * right[0]


def test_noise_is_the_seeds(photograph, stripes):
    options = dataclasses.replace(SHALLOW, init="noise", iterations=1)
    first, again, other = (
        optimize(photograph, [Region([stripes[0]])], dataclasses.replace(options, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize(
    ("optimizer", "other"),
    [(None, {"learning_rate": 0.1}), ("lbfgs", {"average": True}), ("adam", {"least_improvement": 0.1})],
)
def test_an_option_of_the_other_optimizer_is_refused(optimizer, other):
    (name,) = other
    with pytest.raises(InputError, match=rf"{optimizer or 'lbfgs'} has no `{name}`"):
        settled(PixelOptions(optimizer=optimizer, **other))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_settled_options_are_settled(optimizer):
    options = settled(PixelOptions(optimizer=optimizer))
    assert settled(options) == options


def test_adam_lowers_the_loss(photograph, stripes):
    values = []
    options = dataclasses.replace(
        SHALLOW, optimizer="adam", learning_rate=0.05, weights={"style": 100.0}, iterations=10
    )
    optimize(photograph, [Region([stripes[0]])], options, progress=lambda _, now: values.append(now.value))
    assert len(values) == 10
    assert values[-1] < 0.8 * values[0]


def test_vgg16_takes_the_place_of_vgg19_that_is_not_at_hand(monkeypatch):
    for at_hand, backbone, layer in ((False, "vgg16", "relu4_3"), (True, "vgg19", "relu4_4")):
        monkeypatch.setattr(job, "at_hand", lambda *_, at_hand=at_hand: at_hand)
        options = settled(PixelOptions(recipe="jin2020"))
        assert (options.backbone, options.content_layers) == (backbone, (layer,))


def test_the_quality_is_a_number_of_steps_unless_one_is_given():
    draft, good, best = (settled(PixelOptions(quality=quality)).iterations for quality in ("draft", "good", "best"))
    assert 3 * draft == pytest.approx(good, abs=3)
    assert best == 3 * good
    assert settled(PixelOptions(quality="best", iterations=7)).iterations == 7


def test_a_paper_has_its_own_statistic():
    with pytest.raises(InputError, match=r"Unknown statistic of jin2020: 'gaussian'\. Known: gram"):
        settled(PixelOptions(recipe="jin2020", statistic="gaussian"))


def asked(precision="bfloat16", tile=None, **more):
    return settled(PixelOptions(recipe="chen2016", mixed_precision=precision, tile=tile, **more))


def test_half_precision_is_given_larger_pictures(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 6_700_000_000)
    check_size((1024, 1024), asked("bfloat16"))  # It takes 6.3 to 6.6 GB, and more in float32.
    check_size((2048, 2048), asked("bfloat16", 512))
    with pytest.raises(InputError, match="`tile`"):
        check_size((1024, 1024), asked("off"))


def test_what_remembers_fewer_steps_is_given_larger_pictures(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 6_200_000_000)
    with pytest.raises(InputError, match="`tile`"):
        check_size((1024, 1024), asked())
    check_size((1024, 1024), asked(tile=1024))
    check_size((1024, 1024), asked(optimizer="adam"))


def test_what_matches_places_is_given_smaller_pictures(monkeypatch):
    # Measured in float32: 2.78 GB, and in tiles of 512 pixels 3.76 GB.
    for size, tile, measured in (((341, 512), None, 2_780_000_000), ((683, 1024), 512, 3_760_000_000)):
        monkeypatch.setattr(memory, "free_memory", lambda measured=measured: measured)
        check_size(size, asked("off", tile))
        with pytest.raises(InputError, match="GB are free"):
            check_size(size, dataclasses.replace(settled(PixelOptions(tile=tile)), mixed_precision="off"))


@pytest.mark.parametrize("precision", ["off", "bfloat16"])
def test_memory_that_will_not_suffice_is_told_with_the_tile_that_would(monkeypatch, precision):
    monkeypatch.setattr(memory, "free_memory", lambda: 6_000_000_000)
    with pytest.raises(InputError, match=r"2048 x 1536 pixels take about .* GB, and 6\.0 GB are free") as refused:
        check_size((1536, 2048), asked(precision))
    tile = int(re.search(r"`tile` of (\d+)", str(refused.value))[1])
    check_size((1536, 2048), asked(precision, tile))
    with pytest.raises(InputError, match="`tile`"):
        check_size((1536, 2048), asked(precision, 2 * tile))
    with pytest.raises(InputError, match="a smaller `end_size`"):
        check_size((20_000, 20_000), asked(precision))
