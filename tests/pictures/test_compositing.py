import numpy as np
from PIL import Image

from keras_nst.pictures.compositing import blend, fill_transparent


def test_a_blend_is_what_pillow_makes(rng):
    ground, picture = rng.integers(0, 256, (2, 20, 30, 3), np.uint8)
    mask = rng.integers(0, 256, (20, 30), np.uint8)
    expected = Image.composite(*(Image.fromarray(values) for values in (picture, ground, mask)))
    found = blend(*(np.float32(values[None]) / 255 for values in (ground, picture, mask[..., None])))
    assert found.dtype == np.float32
    np.testing.assert_allclose(255 * found[0], np.asarray(expected), atol=0.6)


def test_where_a_mask_is_whole_or_nothing_a_blend_is_one_of_both_bit_for_bit(rng):
    ground, picture = rng.random((2, 1, 20, 30, 3), np.float32)
    mask = rng.integers(0, 2, (1, 20, 30, 1)).astype(np.float32)
    np.testing.assert_array_equal(blend(ground, picture, mask), np.where(mask == 1, picture, ground))
    np.testing.assert_array_equal(blend(ground, picture, 1.0), picture)


def test_a_blend_of_what_is_in_range_is_in_range(rng):
    white, mask = np.ones((1, 200, 300, 3), np.float32), rng.random((1, 200, 300, 1), np.float32)
    assert blend(white, white, mask).max() <= 1


def test_fill_transparent_leaves_opaque_pixels_alone(rng):
    rgb, alpha = rng.random((1, 20, 30, 3), np.float32), rng.integers(0, 2, (1, 20, 30, 1)).astype(np.float32)
    filled = fill_transparent(rgb, alpha)
    opaque = alpha[..., 0] == 1
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[opaque], rgb[opaque])
    np.testing.assert_allclose(filled[~opaque], np.tile(rgb[opaque].mean(axis=0), (np.sum(~opaque), 1)), rtol=1e-5)


def test_fill_transparent_composites_as_pillow_does(rng):
    rgb, alpha = rng.integers(0, 256, (20, 30, 3), np.uint8), rng.integers(0, 256, (20, 30, 1), np.uint8)
    ground = np.average(rgb.reshape(-1, 3), axis=0, weights=alpha.ravel())
    expected = Image.new("RGBA", (30, 20), tuple(np.rint(ground).astype(int).tolist()))
    expected.alpha_composite(Image.fromarray(np.concatenate([rgb, alpha], axis=-1)))
    filled = fill_transparent(rgb[None].astype(np.float32) / 255, alpha[None].astype(np.float32) / 255)
    np.testing.assert_allclose(filled[0] * 255, np.asarray(expected)[..., :3], atol=1.1)


def test_fill_transparent_does_not_show_hidden_colors(rng):
    rgb, alpha = rng.random((1, 20, 30, 3), np.float32), np.ones((1, 20, 30, 1), np.float32)
    alpha[:, :10] = 0
    garbage = rgb.copy()
    garbage[:, :10] = rng.random((1, 10, 30, 3))
    np.testing.assert_array_equal(fill_transparent(garbage, alpha), fill_transparent(rgb, alpha))


def test_fill_transparent_of_nothing_is_gray(rng):
    filled = fill_transparent(rng.random((1, 20, 30, 3), np.float32), np.zeros((1, 20, 30, 1), np.float32))
    np.testing.assert_array_equal(filled, np.full((1, 20, 30, 3), 0.5))


def test_fill_transparent_treats_each_picture_of_a_batch_alone(rng):
    rgb, alpha = rng.random((3, 20, 30, 3), np.float32), rng.random((3, 20, 30, 1), np.float32)
    alone = np.concatenate([fill_transparent(rgb[i : i + 1], alpha[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(fill_transparent(rgb, alpha), alone, atol=1e-7)
