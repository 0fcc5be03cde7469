import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.fit.tiles import ALIGNMENT, assemble, windows

STRIDES = (1, 2, 4, 8, 16)


def cases(number=150):
    """Height, width, tile and halo: one case where poolings drop nearly half of a map, then random ones."""
    rng = np.random.default_rng(0)
    yield 254, 47, 32, 0
    for _ in range(number):
        halo = int(rng.integers(0, 50))
        least = 2 * (-(-halo // ALIGNMENT) * ALIGNMENT) + ALIGNMENT
        yield *map(int, rng.integers(16, 400, 2)), int(rng.integers(least, least + 120)), halo


def whole_maps(height, width):
    """A map of different numbers at each stride, as from poolings, which drop a remainder."""
    sizes = ((stride, height // stride, width // stride) for stride in STRIDES)
    return {stride: np.arange(rows * columns * 2).reshape(1, rows, columns, 2) for stride, rows, columns in sizes}


def covered(window):
    return window.rows, window.columns


def test_cores_cover_every_pixel_once():
    for height, width, tile, halo in cases():
        times = np.zeros((height, width), int)
        for window in windows(height, width, tile, halo):
            times[window.core_rows, window.core_columns] += 1
        assert (times == 1).all(), (height, width, tile, halo)


def test_windows_lie_inside_and_begin_where_pooling_does():
    for height, width, tile, halo in cases():
        for window in windows(height, width, tile, halo):
            for span, side in zip(covered(window), (height, width), strict=True):
                assert 0 <= span.start < span.stop <= side
                assert span.start % ALIGNMENT == 0
                assert span.stop % ALIGNMENT == 0 or span.stop == side


def test_windows_show_the_halo_around_their_core_or_reach_the_border():
    for height, width, tile, halo in cases():
        for window in windows(height, width, tile, halo):
            cores = window.core_rows, window.core_columns
            for span, core, side in zip(covered(window), cores, (height, width), strict=True):
                assert span.start <= max(0, core.start - halo)
                assert span.stop >= min(side, core.stop + halo)


def test_windows_are_no_larger_than_the_tile_but_for_what_the_last_one_has_left():
    for height, width, tile, halo in cases():
        found = windows(height, width, tile, halo)
        for spans, side in zip(zip(*map(covered, found), strict=True), (height, width), strict=True):
            sizes = {span.stop - span.start for span in spans}
            assert len(sizes) <= 2
            assert max(sizes) < tile + ALIGNMENT
            assert min(sizes) >= min(side, tile - tile % ALIGNMENT)


@pytest.mark.parametrize("tile", [None, 64, 80])
def test_a_picture_that_fits_is_one_window(tile):
    (window,) = windows(64, 50, tile, 17 if tile == 80 else 8)
    assert covered(window) == (window.core_rows, window.core_columns) == (slice(0, 64), slice(0, 50))


@pytest.mark.parametrize(("tile", "halo", "least"), [(15, 0, 16), (47, 1, 48), (63, 17, 80), (175, 78, 176)])
def test_a_tile_that_is_too_small_for_its_halo_is_refused(tile, halo, least):
    with pytest.raises(InputError) as error:
        windows(300, 300, tile, halo)
    assert str(error.value) == f"Tiles of {tile} pixels are too small for these layers. Expected at least {least}."
    assert windows(300, 300, least, halo)


def test_windows_of_maps_assemble_to_the_maps():
    for height, width, tile, halo in cases():
        whole = whole_maps(height, width)
        joined = assemble([(window, window.crop(whole)) for window in windows(height, width, tile, halo)])
        for stride, values in whole.items():
            np.testing.assert_array_equal(joined[stride], values, err_msg=f"{height, width, tile, halo, stride}")


def test_windows_put_their_parts_where_they_were():
    for height, width, tile, halo in cases():
        whole = whole_maps(height, width)
        written = {stride: np.full_like(values, -1) for stride, values in whole.items()}
        for window in windows(height, width, tile, halo):
            for stride, part in window.crop(whole).items():
                window.put(part, written[stride])
        for stride, values in whole.items():
            np.testing.assert_array_equal(written[stride], values, err_msg=f"{height, width, tile, halo, stride}")


def test_a_window_of_a_map_is_the_map_of_the_window():
    for height, width, tile, halo in cases():
        for window in windows(height, width, tile, halo):
            rows, columns = (span.stop - span.start for span in covered(window))
            for stride, part in window.crop(whole_maps(height, width)).items():
                assert part.shape == (1, rows // stride, columns // stride, 2), (height, width, tile, halo, stride)
                corner = [span.start // stride for span in covered(window)]
                if part.size:
                    assert part[0, 0, 0, 0] == 2 * (corner[0] * (width // stride) + corner[1])


def test_weights_of_the_windows_count_every_position_once(rng):
    for height, width, tile, halo in cases(40):
        whole = {f"relu{stride}": rng.uniform(size=(1, height // stride, width // stride, 1)) for stride in STRIDES}
        parts = [(window, window.weights(whole)) for window in windows(height, width, tile, halo)]
        for name, weights in whole.items():
            assert sum(part[name].sum() for _, part in parts) == pytest.approx(weights.sum())
        joined = assemble(parts)
        for name, weights in whole.items():
            np.testing.assert_array_equal(joined[name], weights)


def test_weights_are_zero_outside_of_the_core():
    for window in windows(100, 90, 64, 16):
        inside = window.weights({"image": np.ones((1, 100, 90, 1), np.float32)})["image"]
        expected = np.zeros((100, 90))
        expected[window.core_rows, window.core_columns] = 1
        np.testing.assert_array_equal(inside[0, ..., 0], expected[window.rows, window.columns])


def test_what_is_no_map_is_summed_and_kept_whole(rng):
    found = windows(100, 90, 64, 16)
    gram = rng.normal(size=(1, 3, 3))
    assert all(window.crop((gram,))[0] is gram for window in found)
    (sums, scalar), one = assemble([(window, ((index * gram, float(index)), 1)) for index, window in enumerate(found)])
    total = sum(range(len(found)))
    np.testing.assert_allclose(sums, total * gram)
    assert (scalar, one) == (total, len(found))
