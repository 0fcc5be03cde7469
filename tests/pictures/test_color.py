import cv2
import numpy as np
import pytest

from keras_nst.pictures.color import agreed_colors, keep_color, luma, palette, recolored, spread_changes


@pytest.fixture
def pair(rng) -> tuple[np.ndarray, np.ndarray]:
    """A stylized picture and its content, with some pixels at the corners of the gamut."""
    stylized, content = rng.random((2, 1, 40, 40, 3), np.float32)
    content[:, :20] = np.rint(content[:, :20])
    stylized[:, :, :20] = np.rint(stylized[:, :, :20])
    return stylized, content


def test_luma_is_opencvs(rng):
    rgb = rng.random((20, 30, 3), np.float32)
    np.testing.assert_allclose(luma(rgb), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], atol=1e-6)


def test_luma_of_gray_is_its_level():
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    np.testing.assert_allclose(luma(levels.repeat(3, axis=1)), levels, atol=1e-7)


def test_keep_color_keeps_the_luma_of_the_stylized(pair):
    stylized, content = pair
    result = keep_color(stylized, content)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_allclose(luma(result), luma(stylized), atol=1e-6)


def test_keep_color_keeps_the_hue_of_the_content(pair):
    stylized, content = pair
    result = keep_color(stylized, content)
    chroma, expected = result - luma(result), content - luma(content)
    # Parallel, not opposed: the cross product is zero, and the dot product not negative.
    np.testing.assert_allclose(np.cross(chroma, expected), 0, atol=1e-6)
    assert np.sum(chroma * expected, axis=-1).min() >= -1e-6


def test_keep_color_loses_no_chroma_that_fits(pair):
    stylized, content = pair
    result = keep_color(stylized, content)
    full = luma(stylized) + content - luma(content)
    fits = np.all((full >= 0) & (full <= 1), axis=-1)
    np.testing.assert_allclose(result[fits], full[fits], atol=1e-6)
    # Elsewhere the result is on the boundary of the gamut: more chroma would leave it.
    touching = np.minimum(result, 1 - result).min(axis=-1)
    np.testing.assert_allclose(touching[~fits], 0, atol=1e-6)
    assert 0.1 < fits.mean() < 0.9


def test_keep_color_of_a_picture_with_itself_is_that_picture(pair):
    for picture in pair:
        np.testing.assert_allclose(keep_color(picture, picture), picture, atol=1e-6)


def test_keep_color_of_gray_content_is_gray(rng):
    stylized, gray = rng.random((1, 20, 30, 3), np.float32), rng.random((1, 20, 30, 1), np.float32)
    result = keep_color(stylized, np.repeat(gray, 3, axis=-1))
    np.testing.assert_allclose(result, np.broadcast_to(luma(stylized), result.shape), atol=1e-6)


def test_parts_of_one_color_agree_on_what_most_of_them_propose():
    colors = np.repeat(np.float32([[50, 40, 30], [80, -20, 10]]), 40, axis=0)
    proposed = np.repeat(np.float32([[60, 0, 50], [30, 5, -40]]), 40, axis=0)
    expected = proposed.copy()
    proposed[:12], proposed[40:55] = (20, 60, -60), (90, 0, 0)  # A minority of each.
    places = np.stack(np.divmod(np.arange(80), 10), axis=1)
    np.testing.assert_allclose(agreed_colors(colors, proposed, places), expected, atol=0.5)


def test_where_all_propose_one_color_it_is_taken(rng):
    colors, places = 100 * rng.random((700, 3), np.float32), np.stack(np.divmod(np.arange(700), 30), axis=1)
    proposed = np.tile(np.float32([[70, 10, -5]]), (700, 1))
    np.testing.assert_allclose(agreed_colors(colors, proposed, places), proposed, atol=1e-3)


def test_changes_stay_within_the_outlines_of_the_large_picture():
    rgb = np.full((1, 60, 80, 3), (0.8, 0.1, 0.1), np.float32)
    rgb[:, :, 33:] = (0.1, 0.1, 0.8)  # Within a place, which has both colors.
    colors = rgb.reshape(15, 4, 20, 4, 3).mean(axis=(1, 3))
    changes = np.where(colors[..., :1] > 0.5, np.float32((-0.2, 0.3, 0.1)), np.float32((0.1, 0.0, -0.3)))
    changed = spread_changes(rgb, colors, changes, np.ones((15, 20), bool))
    np.testing.assert_allclose(changed[0, :, :33], np.broadcast_to((0.6, 0.4, 0.2), (60, 33, 3)), atol=1e-3)
    np.testing.assert_allclose(changed[0, :, 33:], np.broadcast_to((0.2, 0.1, 0.5), (60, 47, 3)), atol=1e-3)


def test_where_a_change_is_not_known_the_neighbors_is_taken():
    rgb = np.full((1, 24, 24, 3), 0.5, np.float32)
    known = np.zeros((6, 6), bool)
    known[2, 2] = True
    changes = np.where(known[..., None], np.float32((0.1, -0.1, 0.2)), np.float32(9))
    changed = spread_changes(rgb, np.full((6, 6, 3), 0.5), changes, known)
    np.testing.assert_allclose(changed[0, :20, :20], np.broadcast_to((0.6, 0.4, 0.7), (20, 20, 3)), atol=1e-5)
    np.testing.assert_array_equal(changed[0, 20:], 0.5)


@pytest.fixture
def colorful(rng):
    """A picture whose colors stay in range with other colors of the fixture."""
    mixing = np.array([[0.06, 0.03, 0], [0, 0.05, 0.01], [0.02, 0, 0.04]])
    return np.float32(np.clip(0.5 + rng.normal(size=(1, 30, 40, 3)) @ mixing, 0, 1))


def test_a_palette_is_mean_and_covariance(colorful):
    mean, spread = palette([colorful])
    np.testing.assert_allclose(mean, colorful.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(spread, np.cov(colorful.reshape(-1, 3).T, bias=True), rtol=1e-4, atol=1e-8)


def test_a_palette_of_several_is_that_of_both_side_by_side(colorful):
    other = np.clip(1.2 * colorful[:, ::-1] - 0.15, 0, 1)
    together = palette([np.concatenate([colorful, colorful, other], axis=2)])
    for found, expected in zip(palette([colorful, other], (2.0, 1.0)), together, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_a_mask_chooses_the_palette(colorful):
    mask = np.zeros((1, 30, 40, 1), np.float32)
    mask[:, :, :15] = 1
    for found, expected in zip(palette([colorful], mask=mask), palette([colorful[:, :, :15]]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_recolored_has_the_palette_that_is_wanted(colorful, rng):
    turned = np.float32(np.clip(0.4 + (colorful - 0.5) @ np.array([[0, 1, 0.2], [0.3, 0, 0.9], [0.8, 0, 0]]), 0, 1))
    result = recolored(colorful, palette([colorful]), palette([turned]))
    assert result.dtype == np.float32
    for found, expected in zip(palette([result]), palette([turned]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=5e-3, atol=1e-5)


def test_recolored_in_its_own_palette_does_not_change(colorful):
    own = palette([colorful])
    np.testing.assert_allclose(recolored(colorful, own, own), colorful, atol=1e-4)


def test_gray_takes_the_mean_of_a_plain_color():
    gray, plain = np.full((1, 5, 5, 3), 0.3, np.float32), np.broadcast_to(np.float32([0.8, 0.2, 0.1]), (1, 4, 4, 3))
    result = recolored(gray, palette([gray]), palette([plain]))
    np.testing.assert_allclose(result, np.broadcast_to(plain[:, :1, :1], gray.shape), atol=1e-3)
