import dataclasses

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from keras_nst import memory
from keras_nst.errors import InputError
from keras_nst.evaluation.harmonization import UNSEEN, measure
from keras_nst.jobs.harmonize import harmonize
from keras_nst.losses.patches import patches
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, stride, vgg
from keras_nst.options import HarmonizeOptions
from keras_nst.recipes import zhou
from keras_nst.recipes.zhou import matching
from keras_nst.recipes.zhou.matching import (
    MATCHING_LAYER,
    PATCH_LAYERS,
    STYLE_LAYERS,
    matched_style,
    nearest_patch_grams,
    surroundings,
)
from keras_nst.recipes.zhou.strokes import fitting_strength, smoothness
from keras_nst.select.masks import feather
from keras_nst.select.paste import FEATHER, outline

DRAFT = HarmonizeOptions(quality="draft")


def strokes(seed, height, width, color, spread, scale=2):
    """A picture with strokes a few pixels wide, (1, height, width, 3)."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width, 3)), (0, 0), scale)
    return np.float32(np.clip(color + spread * noise / noise.std(), 0, 1))[None]


@pytest.fixture(scope="module")
def scene():
    """A painting of warm strokes, the same with a flat blue disc, and the disc's mask."""
    painting = strokes(0, 112, 128, (0.6, 0.45, 0.2), 0.12)
    y, x = np.indices((112, 128))
    mask = np.float32(np.hypot(y - 50, x - 70) < 26)[None, ..., None]
    return painting, np.where(mask > 0, np.float32((0.2, 0.3, 0.8)), painting), mask


@pytest.fixture(scope="module")
def observer():
    return Observer(vgg=vgg([*STYLE_LAYERS, *UNSEEN]))


@pytest.fixture(scope="module")
def told():
    """The progress reports of the harmonization."""
    return []


@pytest.fixture(scope="module")
def result(scene, told):
    def tell(side, now):
        told.append((side, now._replace(image=now.image.copy())))

    return harmonize(*scene, DRAFT, progress=tell)


def test_progress_shows_the_whole_picture(scene, result, told):
    painting, _, mask = scene
    assert [(side, now.iteration) for side, now in told] == [(128, step + 1) for step in range(len(told))]
    assert len(told) > 5
    outside = feather(mask, FEATHER)[..., 0] == 0
    for _, now in told:
        np.testing.assert_array_equal(now.image[outside], painting[outside])
    first, last = (np.abs(now.image - result).mean() for now in (told[0][1], told[-1][1]))
    assert last < first


def test_outside_of_the_feathered_mask_the_painting_stays_bit_for_bit(scene, result):
    painting, _, mask = scene
    outside = feather(mask, FEATHER)[0, ..., 0] == 0
    assert outside.mean() > 0.7
    np.testing.assert_array_equal(result[0, outside], painting[0, outside])


def test_the_object_comes_near_to_the_paintings_style_and_color(scene, result, observer):
    painting, composite, mask = scene
    before, after = (measure(picture, painting, composite, mask, observer) for picture in (composite, result))
    assert after["style"] < 0.2 * before["style"]
    assert after["moments"] < 0.5 * before["moments"]
    assert after["changed_outside"] == before["changed_outside"] == before["content"] == 0
    inside = cv2.erode(mask[0], np.ones((9, 9))) > 0
    palette = cKDTree(painting.reshape(-1, 3))
    before, after = (palette.query(picture[0, inside])[0].mean() for picture in (composite, result))
    assert after < 0.1 * before  # The nearest color that the painting has.


def test_the_moments_are_those_of_the_features_under_the_mask(scene, observer):
    """Of a picture that is the painting everywhere, the mask is all that tells both apart."""
    painting, _, mask = scene
    apart = []
    for layer in UNSEEN:
        seen = np.asarray(observer(painting, [f"vgg/{layer}"])[f"vgg/{layer}"], np.float64)[0]
        weights = region_weights(mask, [layer])[layer][0]
        mean = (weights * seen).sum((0, 1))
        own = np.stack([mean, np.sqrt((weights * np.square(seen - mean)).sum((0, 1)))])
        whole = np.stack([seen.mean((0, 1)), seen.std((0, 1))])
        apart.append(np.sum(np.square(own - whole)) / np.sum(np.square(whole)))
    assert measure(painting, painting, painting, mask, observer)["moments"] == pytest.approx(np.mean(apart), rel=0.01)


def test_no_strength_leaves_the_object_as_it_was_pasted(scene):
    painting, composite, mask = scene
    left = harmonize(painting, composite, mask, dataclasses.replace(DRAFT, style_strength=0.0))
    inside = cv2.erode(mask[0], np.ones((9, 9))) > 0
    np.testing.assert_allclose(left[0, inside], composite[0, inside], atol=1e-6)


@pytest.fixture(scope="module")
def hairy(scene):
    """A painting, the same with a blue disc with hairs, and the matte of both."""
    painting, _, _ = scene
    scale = 8
    canvas = np.zeros((scale * 112, scale * 128), np.uint8)
    cv2.circle(canvas, (scale * 70, scale * 50), scale * 20, 255, -1)
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        tip = scale * 70 + scale * 30 * np.cos(angle), scale * 50 + scale * 30 * np.sin(angle)
        cv2.line(canvas, (scale * 70, scale * 50), tuple(map(round, tip)), 255, round(0.3 * scale))
    matte = cv2.resize(canvas / np.float32(255), (128, 112), interpolation=cv2.INTER_AREA)[None, ..., None]
    return painting, matte * np.float32((0.2, 0.3, 0.8)) + (1 - matte) * painting, matte


def test_hairs_are_pasted_with_their_share_and_nothing_twice(hairy):
    painting, composite, matte = hairy
    left = harmonize(painting, composite, matte, dataclasses.replace(DRAFT, style_strength=0.0))
    beyond = (matte > 0.05) & (feather(np.float32(matte > 0.5), FEATHER) == 0)
    assert beyond.sum() > 200  # By more than one half, no hair would be selected.
    hairs = beyond[0, ..., 0]
    assert np.abs(left - composite)[0, hairs].mean() < 0.2 * np.abs(painting - composite)[0, hairs].mean()


def test_hairs_get_the_paintings_colors_and_keep_their_share(hairy):
    painting, composite, matte = hairy
    told = []
    result = harmonize(painting, composite, matte, DRAFT, progress=lambda _, now: told.append(now.image.copy()))
    share = outline(matte)
    hairs = ((matte > 0.15) & (feather(np.float32(matte > 0.5), FEATHER) == 0))[0, ..., 0]
    palette = cKDTree(painting.reshape(-1, 3))

    def apart(picture):
        own = (picture - (1 - share) * painting)[0, hairs] / share[0, hairs]
        return palette.query(own)[0].mean()

    assert apart(result) < 0.25 * apart(composite)
    for picture in (result, told[-1]):
        assert np.array_equal(picture[0, share[0, ..., 0] == 0], painting[0, share[0, ..., 0] == 0])
    np.testing.assert_allclose(told[-1], result, atol=1e-3)


def test_on_a_gray_painting_the_object_is_gray(scene):
    painting, composite, mask = scene
    gray = np.repeat(painting.mean(axis=-1, keepdims=True), 3, axis=-1)
    result = harmonize(gray, np.where(mask > 0, composite, gray), mask, dataclasses.replace(DRAFT, style_strength=0.0))
    np.testing.assert_allclose(np.ptp(result, axis=-1), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (np.ones((1, 112, 128, 1), np.float32), DRAFT, "covers all"),
        (np.zeros((1, 112, 128, 1), np.float32), DRAFT, "selects nothing"),
        (None, HarmonizeOptions(weights={"cam": 1.0}), "no cam term"),
    ],
)
def test_what_cannot_be_used_is_refused(scene, mask, options, message):
    painting, composite, own = scene
    with pytest.raises(InputError, match=message):
        harmonize(painting, composite, own if mask is None else mask, options)


def test_the_surroundings_hold_all_that_the_objects_features_see():
    mask = np.zeros((1, 500, 700, 1), np.float32)
    mask[:, 200:260, 300:390] = 1
    rows, columns = surroundings(mask)
    halo = receptive_field(MATCHING_LAYER) // 2
    assert rows.start <= 200 - halo < rows.start + 16
    assert columns.stop >= 390 + halo > columns.stop - 16
    assert rows.start % 16 == columns.start % 16 == 0


def grams(features, rows, columns):
    """Gram matrices of features {layer: (1, h, w, c)} under some positions of relu4_1, computed directly."""
    for layer in STYLE_LAYERS:
        side = stride(MATCHING_LAYER) // stride(layer)
        within = np.arange(side)
        down, right = side * rows[:, None, None] + within[:, None], side * columns[:, None, None] + within
        seen = np.asarray(features[f"vgg/{layer}"])[0][down, right].reshape(-1, features[f"vgg/{layer}"].shape[-1])
        yield seen.T @ seen / seen.size


@pytest.fixture
def halves(scene):
    """The painting, with another one beside it."""
    return np.concatenate([scene[0], strokes(1, 112, 128, (0.2, 0.3, 0.7), 0.03)], axis=2)


@pytest.fixture
def tiled(monkeypatch):
    monkeypatch.setattr(matching, "TILE", 176)


def far(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_a_part_of_the_painting_matches_itself(scene, observer, halves, tiled):
    painting, _, _ = scene
    own = np.zeros((1, 14, 16, 1), np.float32)
    own[:, 3:11, 2:9] = 1 / 56  # Where the other half is outside the receptive fields.
    style = matched_style(zhou.loss(), observer, halves, painting, own, in_line=False)["style"]
    features = observer(halves, [f"vgg/{layer}" for layer in STYLE_LAYERS])
    rows, columns = np.divmod(np.flatnonzero(own), 16)
    everywhere = np.indices((14, 32)).reshape(2, -1)
    for (found,), expected, other in zip(
        style, grams(features, rows, columns), grams(features, *everywhere), strict=True
    ):
        assert far(found[0], expected) < 0.01
        assert far(other, expected) > 0.1


@pytest.mark.parametrize("colored", [True, False])
def test_places_found_window_by_window_are_those_found_at_once(scene, observer, halves, monkeypatch, colored):
    painting, _, _ = scene
    features = matching.features_of(observer, painting, MATCHING_LAYER)
    positions = np.arange(features.shape[1] * features.shape[2])
    colors = matching.block_means(painting, stride(MATCHING_LAYER)).reshape(-1, 3) if colored else None
    found = []
    for tile in (512, 176):
        monkeypatch.setattr(matching, "TILE", tile)
        found.append(matching.matches(observer, MATCHING_LAYER, features, positions, halves, colors))
    np.testing.assert_array_equal(*found)


def test_all_of_a_painting_in_tiles_is_what_it_is_at_once(scene, observer, halves, tiled):
    loss, own = zhou.loss(), np.ones((1, 14, 16, 1), np.float32)
    style = matched_style(loss, observer, halves, scene[0], own, everywhere=True)["style"]
    features = observer(halves, [f"vgg/{layer}" for layer in STYLE_LAYERS])
    for (found,), expected in zip(style, grams(features, *np.indices((14, 32)).reshape(2, -1)), strict=True):
        assert far(found[0], expected) < 1e-4


def test_a_painting_that_memory_will_not_hold_is_refused(scene, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 500_000_000)
    with pytest.raises(InputError, match=r"128 x 112 pixels take about .* GB, and 0\.5 GB are free\. Try a smaller"):
        harmonize(*scene, DRAFT)


def test_smoothness_tells_surfaces_from_dots():
    flat = np.full((1, 40, 40, 3), 0.5, np.float32)
    assert smoothness(flat) == pytest.approx(1, abs=1e-6)
    assert smoothness(strokes(0, 40, 40, 0.5, 0.2, scale=0.5)) < 1e-3
    # Squared differences of 0.0025 each way: 10 / (1 + e^0), half of Luan et al.'s largest weight.
    steps = np.float32(0.5 + 0.025 * (-1) ** np.add(*np.indices((40, 40))))[None, ..., None].repeat(3, axis=-1)
    assert smoothness(steps) == pytest.approx(0.5, abs=1e-3)


def test_the_strength_is_less_for_smooth_paintings():
    flat, rough = np.full((1, 40, 40, 3), 0.5, np.float32), strokes(0, 40, 40, 0.5, 0.2)
    assert fitting_strength(flat) == pytest.approx(0.3)
    assert fitting_strength(rough) == pytest.approx(0.5, abs=1e-3)
    assert 0.3 < fitting_strength(strokes(0, 40, 40, 0.5, 0.02)) < 0.5


def test_a_low_painting_is_harmonized():
    """Of 10 rows at the coarsest scale, the deepest layer has one, for eight; the rest belong to no position."""
    painting = strokes(0, 20, 900, (0.6, 0.45, 0.2), 0.12)
    mask = np.zeros((1, 20, 900, 1), np.float32)
    mask[:, 5:15, 400:440] = 1
    result = harmonize(painting, np.where(mask > 0, np.float32((0.2, 0.3, 0.8)), painting), mask, DRAFT)
    np.testing.assert_array_equal(result[:, :, 450:], painting[:, :, 450:])
    assert not np.array_equal(result[:, 5:15, 400:440], painting[:, 5:15, 400:440])


def test_patch_by_patch_the_object_comes_nearer_and_the_painting_stays(scene):
    painting, composite, mask = scene
    told = []
    chosen = dataclasses.replace(DRAFT, match="patches", mixed_precision="off")
    result = harmonize(painting, composite, mask, chosen, progress=lambda side, now: told.append(now.terms["style"]))
    assert told[-1] < 0.5 * told[0]
    outside = feather(mask, FEATHER)[0, ..., 0] == 0
    np.testing.assert_array_equal(result[0, outside], painting[0, outside])


def test_patches_of_the_painting_itself_are_no_distance_away(scene):
    """A picture cut out of the painting finds each of its patches there, but for those that its border cuts."""
    painting, _, _ = scene
    picture = painting[:, :96, :112]
    deep = Observer(vgg=vgg(PATCH_LAYERS))
    own = {}
    for layer in PATCH_LAYERS:
        height, width = (length // stride(layer) for length in picture.shape[1:3])
        own[layer] = np.zeros((1, height, width, 1), np.float32)
        margin = -(-receptive_field(layer) // 2 // stride(layer)) + 1
        own[layer][:, 1 : max(2, height - margin), 1 : max(2, width - margin)] = 1
    loss = zhou.loss(match="patches")
    targets = nearest_patch_grams(loss, deep, painting, picture, own)["style"]
    nearest, _, _ = targets[0]
    seen = np.asarray(deep(picture, ["vgg/relu3_1"])["vgg/relu3_1"])
    positions = np.flatnonzero(own["relu3_1"])
    expected = patches(seen, positions).reshape(len(positions), -1)
    found = np.asarray(nearest).reshape(-1, expected.shape[1])[positions]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.max())


@pytest.mark.parametrize("changes", [{"quality": "finest"}, {"match": "patch"}, {"patch_size": 4}, {"mask_rule": "in"}])
def test_choices_that_are_not_known_are_refused(changes):
    (name,) = changes
    with pytest.raises(InputError, match=f"Unknown `{name}`"):
        HarmonizeOptions(**changes)
