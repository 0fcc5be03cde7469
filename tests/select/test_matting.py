import cv2
import numpy as np
import pytest

from keras_nst.select.masks import rectangle
from keras_nst.select.matting import matte, object_colors

SIZE = 400, 480


def hairs(rng, size=SIZE, count=160):
    """A disc with thin hairs, as a matte (1, h, w, 1), and the disc alone."""
    height, width = size
    scale = 8
    canvas = np.zeros((scale * height, scale * width), np.uint8)
    middle, radius = (scale * width // 2, scale * height // 2), scale * height // 4
    cv2.circle(canvas, middle, radius, 255, -1)
    disc = canvas.copy()
    for angle in rng.uniform(0, 2 * np.pi, count):
        tip = [round(c + (radius + 2.2 * scale) * f(angle)) for c, f in zip(middle, (np.cos, np.sin), strict=True)]
        cv2.line(canvas, middle, tip, 255, round(0.7 * scale))
    return [
        cv2.resize(x / np.float32(255), (width, height), interpolation=cv2.INTER_AREA)[None, ..., None]
        for x in (canvas, disc)
    ]


def shaded(color, slope, size=SIZE):
    rows, columns = np.indices(size) / max(size)
    return np.clip(np.float32(color) + slope * np.float32(rows + columns)[..., None], 0, 1)[None]


@pytest.fixture
def scene(rng):
    """A hairy object before a wall: the picture, its true matte, the object's colors, and a hard mask of the disc."""
    true, disc = hairs(rng)
    front, wall = shaded((0.75, 0.45, 0.1), 0.1), shaded((0.1, 0.25, 0.5), 0.1)
    return true * front + (1 - true) * wall, true, front, np.float32(disc > 0.5)


def test_hairs_come_with_the_object_that_the_mask_cut_off(scene):
    rgb, true, _, mask = scene
    found = matte(rgb, mask)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    ring = (true != mask)[..., 0]
    assert np.abs(found - true)[ring].mean() < 0.25 * np.abs(mask - true)[ring].mean()


def test_a_sharp_outline_stays_sharp(rng):
    mask = rectangle(*SIZE, (120, 100, 200, 180))
    rgb = mask * shaded((0.8, 0.3, 0.2), 0.05) + (1 - mask) * shaded((0.2, 0.3, 0.6), 0.05)
    np.testing.assert_allclose(matte(rgb, mask), mask, atol=0.01)


def test_what_is_far_from_the_outline_stays_whatever_its_color(rng):
    rgb = rng.random((1, *SIZE, 3), np.float32)
    mask = rectangle(*SIZE, (120, 100, 200, 180))
    found = matte(rgb, mask)
    band = max(2, round(0.015 * max(SIZE))) + 2
    inner, outer = (
        rectangle(*SIZE, (120 + band, 100 + band, 200 - 2 * band, 180 - 2 * band)),
        rectangle(*SIZE, (120 - band, 100 - band, 200 + 2 * band, 180 + 2 * band)),
    )
    assert (found[inner == 1] == 1).all()
    assert (found[outer == 0] == 0).all()


@pytest.mark.parametrize("value", [0, 1])
def test_nothing_and_everything_stay(rng, value):
    mask = np.full((1, *SIZE, 1), value, np.float32)
    np.testing.assert_array_equal(matte(rng.random((1, *SIZE, 3), np.float32), mask), mask)


@pytest.mark.parametrize("size", [(16, 16), (16, 300), (1500, 40)])
def test_any_size(rng, size):
    mask = rectangle(*size, (4, 4, 8, 8))
    found = matte(rng.random((1, *size, 3), np.float32), mask)
    assert found.shape == mask.shape
    assert np.isfinite(found).all()


def test_a_large_picture_is_read_at_its_own_size(rng):
    # In a picture of half the size, hairs of one pixel would be lost.
    true, disc = hairs(rng, (1500, 1800), 60)
    rgb = true * np.float32([0.75, 0.45, 0.1]) + (1 - true) * np.float32([0.1, 0.25, 0.5])
    mask = np.float32(disc > 0.5)
    ring = (true != mask)[..., 0]
    assert np.abs(matte(rgb, mask) - true)[ring].mean() < 0.25 * np.abs(mask - true)[ring].mean()


def test_the_wall_that_shines_through_is_taken_out_of_the_colors(scene):
    rgb, true, front, _ = scene
    colors = object_colors(rgb, true)
    soft = ((true > 0.1) & (true < 0.9))[..., 0]
    assert np.abs(colors - front)[soft].mean() < 0.15 * np.abs(rgb - front)[soft].mean()
    np.testing.assert_array_equal(colors[true[..., 0] == 1], rgb[true[..., 0] == 1])
    assert 0 <= colors.min() <= colors.max() <= 1


def test_pasted_elsewhere_it_has_no_halo(scene):
    rgb, true, front, _ = scene
    black = np.zeros_like(rgb)
    pasted, ideal = (true * colors + (1 - true) * black for colors in (object_colors(rgb, true), true * 0 + front))
    naive = true * rgb
    assert np.abs(pasted - ideal).max() < 0.3 * np.abs(naive - ideal).max()


def test_a_known_background_is_taken_out_with_its_texture(rng):
    true, _ = hairs(rng)
    front, ground = shaded((0.75, 0.45, 0.1), 0.1), rng.random((1, *SIZE, 3), np.float32)
    rgb = true * front + (1 - true) * ground
    soft = ((true > 0.1) & (true < 0.9))[..., 0]
    left, estimated = (np.abs(object_colors(rgb, true, known) - front)[soft].mean() for known in (ground, None))
    assert left < 0.02
    assert left < 0.5 * estimated


def test_where_object_and_ground_share_their_colors_the_mask_stays(rng):
    rgb = rng.random((1, *SIZE, 3), np.float32)
    mask = rectangle(*SIZE, (120, 100, 200, 180))
    np.testing.assert_allclose(matte(rgb, mask), mask, atol=1e-6)
