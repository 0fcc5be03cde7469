import numpy as np
import pytest

from keras_nst.pictures.pyramid import Enlarged, finer, finished, fit, sizes


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [
        (512, 128, [128, 256, 512]),
        (500, 128, [250, 500]),
        (450, 450, [450]),
        (100, 128, [100]),
        (451, 113, [113, 226, 451]),
    ],
)
def test_each_scale_is_half_of_the_next(end, start, expected):
    assert sizes(end, start) == expected


def test_what_begins_at_a_scale_goes_on_as_from_coarser_ones():
    for end in range(16, 1200):
        scales = sizes(end, 16)
        assert [sizes(end, side) for side in scales] == [scales[place:] for place in range(len(scales))]


def test_the_work_that_is_finished_is_in_pixels_and_steps():
    plan = {100: 30, 200: 10}  # 300,000 and 400,000 pixels of a square.
    shares = [finished(plan, *now) for now in ((100, 0), (100, 15), (200, 0), (200, 5), (200, 10))]
    np.testing.assert_allclose(shares, [0, 1.5 / 7, 3 / 7, 5 / 7, 1])


def test_halving_is_the_mean_of_four(rng):
    image = rng.random((1, 6, 8, 3), np.float32)
    means = image.reshape(1, 3, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(fit(image, means), means, atol=1e-6)


def test_a_mask_keeps_its_one_channel(rng):
    assert fit(rng.random((1, 6, 8, 1), np.float32), np.zeros((1, 9, 5, 3))).shape == (1, 9, 5, 1)


def test_what_the_coarser_scale_did_not_change_has_all_its_detail(rng):
    photograph = rng.random((1, 12, 16, 3), np.float32)
    coarser = fit(photograph, np.zeros((1, 6, 8, 3)))
    np.testing.assert_allclose(finer(coarser, coarser, photograph), photograph, atol=1e-6)


@pytest.fixture
def edge():
    """A bright disc on dark at full size, and the same at a quarter of it."""
    y, x = np.indices((256, 320))
    disc = np.float32(0.2 + 0.6 * (np.hypot(y - 128, x - 150) < 80))
    full = np.repeat(disc[None, ..., None], 3, axis=-1)
    return full, fit(full, np.empty((1, 64, 80, 0)))


def test_a_painted_picture_gets_the_edges_of_the_photograph(edge):
    full, small = edge
    paint = 0.9 * small + 0.05
    enlarged = Enlarged(paint, small, full).rows(0, 256)
    expected, blurred = 0.9 * full + 0.05, fit(paint, full)
    assert np.abs(enlarged - expected).mean() < 0.35 * np.abs(blurred - expected).mean()


def test_paint_that_has_nothing_of_the_photograph_is_only_enlarged(edge, rng):
    full, small = edge
    paint = np.full_like(small, 0.4)
    np.testing.assert_allclose(Enlarged(paint, small, full).rows(0, 256), 0.4, atol=1e-5)
    against = Enlarged(1 - small, small, full).rows(0, 256)  # No edge is turned around.
    np.testing.assert_allclose(against, fit(1 - small, full), atol=1e-3)


def test_an_enlarged_picture_of_the_same_size_is_itself(rng):
    rgb = rng.random((1, 40, 50, 3), np.float32)
    np.testing.assert_allclose(Enlarged(rgb, rgb, rgb).rows(0, 40), rgb, atol=1e-5)


def test_rows_are_those_of_the_whole(edge):
    full, small = edge
    enlarged = Enlarged(small, small, full)
    parts = [enlarged.rows(begin, min(begin + 100, 256)) for begin in range(0, 256, 100)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), enlarged.rows(0, 256), atol=1e-6)


@pytest.mark.parametrize("size", [(16, 40_000), (40_000, 16)])
def test_long_pictures_are_enlarged_to_their_end(size):
    ramp = np.linspace(0.1, 0.9, 40_000, dtype=np.float32)
    ramp = np.broadcast_to(ramp[:, None, None] if size[0] == 40_000 else ramp[None, :, None], (*size, 3))[None]
    small = fit(np.ascontiguousarray(ramp), np.empty((1, *(max(16, length // 20) for length in size), 0)))
    gray, full = np.full_like(small, 0.5), np.full_like(ramp, 0.5)
    end = Enlarged(small, gray, full).rows(max(0, size[0] - 100), size[0])
    np.testing.assert_allclose(end[:, :, -100:], ramp[:, -100:, -100:], atol=2e-3)


def test_enlarging_shifts_nothing():
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 320, dtype=np.float32)[None, None, :, None], (1, 256, 320, 3))
    small = fit(np.ascontiguousarray(ramp), np.empty((1, 64, 80, 0)))
    enlarged = Enlarged(small, np.full_like(small, 0.5), np.full_like(ramp, 0.5)).rows(0, 256)
    np.testing.assert_allclose(enlarged[:, :, 8:-8], ramp[:, :, 8:-8], atol=2e-3)
