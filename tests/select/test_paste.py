import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import bounding_box, feather, rectangle
from keras_nst.select.paste import FEATHER, cut_object, find_object, outline, place

# NN/background.jpg, NN/composite.jpg and NN/mask.jpg: eighteen composites of a public data set.
SHARED = Path(__file__).parents[3] / "shared" / "data" / "harmonization"


def disc(height=200, width=240, center=(100, 110), radius=45.0):
    """The mask of a disc, (1, height, width, 1)."""
    y, x = np.indices((height, width))
    return np.float32(np.hypot(y - center[0], x - center[1]) < radius)[None, ..., None]


def textured(rng, height=200, width=240, color=(0.55, 0.5, 0.35), spread=0.08):
    """A picture with strokes a few pixels wide, (1, height, width, 3)."""
    strokes = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 2)
    return np.float32(np.clip(color + spread * strokes / strokes.std(), 0, 1))[None]


def pasted(painting, mask, color):
    return np.where(mask > 0.5, np.float32(color), painting)


def through_jpeg(rgb, quality):
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * rgb[0]).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return (np.asarray(Image.open(file), np.float32) / 255)[None]


def overlap(found, mask):
    found, mask = found > 0.5, mask > 0.5
    return np.sum(found & mask) / np.sum(found | mask)


def one_line(raised):
    return "\n" not in str(raised.value)


# --- Finding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", [(0.8, 0.2, 0.1), (0.1, 0.1, 0.1), (0.4, 0.55, 0.35)], ids=["red", "black", "faint"])
@pytest.mark.parametrize("quality", [50, 60, 75, 95, None])
def test_a_disc_in_a_painting_is_found(rng, quality, color):
    painting, mask = textured(rng), disc()
    composite = pasted(painting, mask, color)
    if quality:
        composite = through_jpeg(composite, quality)
    found = find_object(composite, painting)
    assert found.shape == mask.shape
    assert found.dtype == np.float32
    assert set(np.unique(found)) == {0, 1}
    assert overlap(found, mask) > 0.94


def test_files_of_different_quality(rng):
    painting, mask = textured(rng), disc()
    composite = through_jpeg(pasted(painting, mask, (0.8, 0.2, 0.1)), 70)
    assert overlap(find_object(composite, through_jpeg(painting, 85)), mask) > 0.94


def test_the_ring_that_jpeg_leaves_is_not_the_object(rng):
    painting, mask = textured(rng, spread=0.02), disc()
    composite = through_jpeg(pasted(painting, mask, (0.9, 0.0, 0.0)), 50)
    ring = disc(radius=53) - disc(radius=47)
    # The ring differs as much as a faint object.
    lab = [cv2.cvtColor(rgb[0], cv2.COLOR_RGB2LAB) for rgb in (composite, painting)]
    assert np.percentile(np.linalg.norm(lab[0] - lab[1], axis=-1)[ring[0, ..., 0] > 0], 90) > 9
    assert np.mean(find_object(composite, painting)[ring > 0]) < 0.05


def test_noise_everywhere_is_not_the_object(rng):
    painting, mask = textured(rng), disc()
    noise = rng.normal(0, 0.06, painting.shape)
    composite = np.float32(np.clip(pasted(painting, mask, (0.8, 0.2, 0.1)) + noise, 0, 1))
    assert overlap(find_object(composite, painting), mask) > 0.94


def test_a_large_hole_stays_open_and_a_speck_of_the_paintings_color_is_filled(rng):
    painting = textured(rng)
    hole, speck = disc(center=(100, 90), radius=15), disc(center=(100, 135), radius=3)
    found = find_object(through_jpeg(pasted(painting, disc() - hole - speck, (0.8, 0.2, 0.1)), 90), painting)
    assert overlap(found, disc() - hole) > 0.94
    assert found[speck > 0].all()


def test_an_object_partly_of_the_paintings_color(rng):
    # The lower half differs only in its lack of strokes.
    painting, mask = textured(rng), disc()
    color = np.where(np.arange(200)[:, None, None] < 100, (0.8, 0.2, 0.1), (0.6, 0.5, 0.3))
    assert overlap(find_object(through_jpeg(pasted(painting, mask, color), 90), painting), mask) > 0.85


def test_parts_belong_to_it_and_specks_do_not(rng):
    painting, mask = textured(rng), disc() + disc(center=(40, 210), radius=15)
    speck = rectangle(200, 240, (20, 20, 3, 3))
    found = find_object(pasted(painting, mask + speck, (0.8, 0.2, 0.1)), painting)
    assert overlap(found, mask) > 0.98
    assert not found[speck > 0].any()


def test_an_object_of_two_thirds_of_the_picture_that_is_cut_by_its_border(rng):
    painting, mask = textured(rng), disc(center=(90, 0), radius=172)
    assert 0.6 < mask.mean() < 0.7
    assert overlap(find_object(through_jpeg(pasted(painting, mask, (0.8, 0.2, 0.1)), 80), painting), mask) > 0.97


def test_the_same_object_is_found_in_any_size(rng):
    painting, mask = textured(rng, 1500, 1200), disc(1500, 1200, (700, 500), 300)
    assert overlap(find_object(pasted(painting, mask, (0.8, 0.2, 0.1)), painting), mask) > 0.98
    painting, mask = textured(rng, 12, 15), disc(12, 15, (6, 7), 3)
    assert overlap(find_object(pasted(painting, mask, (0.9, 0, 0)), painting), mask) > 0.8


@pytest.mark.parametrize("quality", [50, 80, None])
def test_nothing_was_pasted(rng, quality):
    painting = textured(rng)
    composite = through_jpeg(painting, quality) if quality else painting
    with pytest.raises(InputError, match=r"nothing that the painting does not.*give a mask") as raised:
        find_object(composite, painting)
    assert one_line(raised)


def test_another_painting(rng):
    with pytest.raises(InputError, match=r"nearly everywhere.*give a mask") as raised:
        find_object(textured(rng, color=(0.2, 0.3, 0.7)), textured(rng))
    assert one_line(raised)


def test_a_composite_of_another_size(rng):
    with pytest.raises(InputError, match=r"composite has 240 x 200 pixels, the painting 200 x 240") as raised:
        find_object(textured(rng), textured(rng, 240, 200))
    assert one_line(raised)


@pytest.mark.parametrize("quality", [None, 75])
def test_composites_of_a_public_data_set(quality):
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    overlaps = []
    for folder in sorted(SHARED.iterdir()):
        composite, painting, mask = (read(folder / f"{name}.jpg").rgb for name in ("composite", "background", "mask"))
        if quality:
            composite, painting = through_jpeg(composite, quality), through_jpeg(painting, quality)
        overlaps.append(overlap(find_object(composite, painting), mask[..., :1]))
    assert len(overlaps) == 18
    assert sum(value >= 0.9 for value in overlaps) >= 15
    assert sum(value >= 0.8 for value in overlaps) >= 17


# --- Cutting out -----------------------------------------------------------------------------------------------------


def on_plain(rng, mask, ground=(0.9, 0.9, 0.88), color=(0.7, 0.3, 0.2)):
    """An object with many shades on a background that darkens downwards."""
    shade = np.linspace(0.04, -0.04, mask.shape[1])[:, None, None]
    noise = rng.normal(0, 0.01, (*mask.shape[1:3], 3))
    object_ = textured(rng, *mask.shape[1:3], color)
    edge = feather(mask, 1)
    return np.float32(np.clip(edge * object_ + (1 - edge) * (ground + shade + noise), 0, 1))


@pytest.mark.parametrize("ground", [(0.95, 0.95, 0.95), (0.1, 0.5, 0.2), (0.05, 0.05, 0.05)])
def test_an_object_is_cut_off_its_plain_ground(rng, ground):
    mask = disc()
    assert overlap(cut_object(Picture(through_jpeg(on_plain(rng, mask, ground), 85))), mask) > 0.97


@pytest.mark.parametrize("center", [(100, 0), (0, 0), (199, 120)], ids=["side", "corner", "bottom"])
def test_an_object_that_reaches_the_border(rng, center):
    mask = disc(center=center, radius=70)
    assert overlap(cut_object(Picture(on_plain(rng, mask))), mask) > 0.97


def test_alpha_is_the_mask(rng):
    rgb, alpha = rng.random((1, 20, 30, 3), np.float32), rng.random((1, 20, 30, 1), np.float32)
    np.testing.assert_array_equal(cut_object(Picture(rgb, alpha)), alpha)
    with pytest.raises(InputError, match="transparency selects nothing"):
        cut_object(Picture(rgb, 0 * alpha))


def test_the_alpha_of_an_opaque_picture_says_nothing(rng):
    mask = disc()
    picture = Picture(on_plain(rng, mask), np.ones_like(mask))
    np.testing.assert_array_equal(cut_object(picture), cut_object(Picture(picture.rgb)))


def test_a_large_hole_of_the_grounds_color_is_cut_out_and_others_stay(rng):
    hole, glint = disc(center=(100, 90), radius=15), disc(center=(100, 135), radius=4)
    rgb = on_plain(rng, disc() - hole - glint)
    blue = disc(center=(75, 120), radius=12)
    found = cut_object(Picture(pasted(rgb, blue, (0.2, 0.3, 0.8))))
    assert overlap(found, disc() - hole - glint) > 0.94
    assert found[disc(center=(75, 120), radius=10) > 0].all()


def test_seeds_lie_in_the_background(rng):
    # Its corners are walls around the plain background.
    mask, wall = disc(), 1 - rectangle(200, 240, (20, 20, 200, 160))
    rgb = pasted(on_plain(rng, mask), wall, (0.2, 0.3, 0.5))
    found = cut_object(Picture(rgb), seeds=[(30, 30), (0, 0)])
    assert overlap(found, mask) > 0.97


def test_a_picture_without_plain_ground():
    with pytest.raises(InputError, match=r"no plain background.*give a mask") as raised:
        cut_object(read("sample:astronaut"))
    assert one_line(raised)
    with pytest.raises(InputError, match="no plain background"):
        cut_object(Picture(np.random.default_rng(1).random((1, 50, 60, 3), np.float32)))


def test_a_picture_without_an_object(rng):
    with pytest.raises(InputError, match="nothing but background"):
        cut_object(Picture(np.full((1, 50, 60, 3), 0.4, np.float32)))
    with pytest.raises(InputError, match="point 240,0 lies outside"):
        cut_object(Picture(on_plain(rng, disc())), seeds=[(240, 0)])


# --- Placing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def scene(rng):
    """A painting, a picture with an object, and the object's mask."""
    mask = disc(90, 80, (40, 42), 25) + disc(90, 80, (60, 20), 8)
    return textured(rng, 200, 240), rng.random((1, 90, 80, 3), np.float32), np.minimum(mask, 1)


def test_as_it_is_nothing_is_interpolated(scene):
    painting, rgb, mask = scene
    composite, placed = place(painting, rgb, mask, scale=1)
    source, target = bounding_box(mask), bounding_box(placed)
    np.testing.assert_array_equal(placed[:, *target], mask[:, *source])
    inside = mask[:, *source, 0] > 0
    np.testing.assert_array_equal(composite[:, *target][inside], rgb[:, *source][inside])
    for span, length in zip(target, (200, 240), strict=True):
        assert abs(span.start + span.stop - length) <= 1


@pytest.mark.parametrize(
    "options", [{}, {"scale": 0.4}, {"scale": 1.7, "rotate": 33}, {"at": (5, 190)}, {"at": (239.5, 0), "rotate": -120}]
)
def test_outside_of_the_mask_it_is_the_painting_bit_for_bit(scene, options):
    painting, rgb, mask = scene
    for soft in (mask, feather(mask, 4)):
        composite, placed = place(painting, rgb, soft, **options)
        assert composite.shape == painting.shape
        assert placed.shape == (1, 200, 240, 1)
        assert composite.dtype == placed.dtype == np.float32
        assert 0 <= composite.min() <= composite.max() <= 1
        assert 0 <= placed.min() < placed.max() <= 1
        np.testing.assert_array_equal(composite[placed[..., 0] == 0], painting[placed[..., 0] == 0])


@pytest.mark.parametrize(("x", "y"), [(0, 1), (7, -3), (-11, 20)])
@pytest.mark.parametrize(("scale", "rotate"), [(1, 0), (0.63, 0), (1.2, 25)])
def test_it_moves_with_its_place(scene, x, y, scale, rotate):
    painting, rgb, mask = scene
    painting = np.zeros_like(painting)
    first, first_mask = place(painting, rgb, mask, (100, 90), scale, rotate)
    second, second_mask = place(painting, rgb, mask, (100 + x, 90 + y), scale, rotate)
    np.testing.assert_array_equal(np.roll(first_mask, (y, x), (1, 2)), second_mask)
    np.testing.assert_array_equal(np.roll(first, (y, x), (1, 2)), second)


@pytest.mark.parametrize("scale", [0.25, 0.5, 0.8, 1.5, 2.2])
def test_its_area_goes_with_the_square_of_its_scale(scene, scale):
    painting, rgb, mask = scene
    rows, columns = (span.stop - span.start for span in bounding_box(mask))
    _, placed = place(painting, rgb, mask, scale=scale)
    # Sides are whole numbers of pixels.
    exact = round(scale * rows) / rows * round(scale * columns) / columns
    assert placed.sum() == pytest.approx(exact * mask.sum(), rel=0.01)


def test_four_right_angles_bring_it_back(scene):
    painting, rgb, mask = scene
    start = turned, turned_mask = place(painting, rgb, mask, scale=1)
    for count in range(1, 5):
        turned, turned_mask = place(painting, turned, turned_mask, scale=1, rotate=90)
        np.testing.assert_array_equal(
            turned_mask[:, *bounding_box(turned_mask)],
            np.rot90(start[1][:, *bounding_box(start[1])], count, (1, 2)),
        )
    shift = [a.start - b.start for a, b in zip(bounding_box(turned_mask), bounding_box(start[1]), strict=True)]
    assert max(map(abs, shift)) == 0
    np.testing.assert_allclose(turned, start[0], atol=1e-6)


@pytest.mark.parametrize("angle", [20, 45, -70])
def test_turning_keeps_the_area_and_goes_counterclockwise(rng, angle):
    painting, bar = textured(rng), rectangle(60, 100, (10, 25, 80, 10))
    _, placed = place(painting, np.ones((1, 60, 100, 3), np.float32), bar, scale=1, rotate=angle)
    assert placed.sum() == pytest.approx(bar.sum(), rel=0.03)
    y, x = np.nonzero(placed[0, ..., 0] > 0.5)
    slope = np.linalg.eigh(np.cov(x, -y))[1][:, 1]  # Rows are counted downwards.
    assert np.degrees(np.arctan(slope[1] / slope[0])) == pytest.approx(angle, abs=1)


@pytest.mark.parametrize("size", [(30, 20), (400, 90), (50, 700)])
@pytest.mark.parametrize("rotate", [0, 90, 30])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_without_a_scale_it_fits_into_a_share_of_the_sides(rng, size, rotate, share):
    painting, mask = textured(rng), np.ones((1, *size, 1), np.float32)
    _, placed = place(painting, rng.random((1, *size, 3), np.float32), mask, rotate=rotate, share=share)
    rows, columns = (span.stop - span.start for span in bounding_box(placed))
    assert max(rows / 200, columns / 240) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("options", [{"scale": 0.3}, {"scale": 2}, {"rotate": 40}])
def test_no_background_bleeds(options):
    mask = disc(90, 80, (40, 42), 25)
    painting = np.full((1, 200, 240, 3), (0, 0, 1), np.float32)
    rgb = pasted(np.full((1, 90, 80, 3), (0, 1, 0), np.float32), mask, (1, 0, 0))
    composite, _ = place(painting, rgb, mask, **options)
    assert composite[..., 1].max() == 0
    assert (composite[..., 0] + composite[..., 2]).min() > 0.99  # No dark fringe.


def test_what_goes_beyond_the_painting_is_cut_off(rng):
    painting, mask = textured(rng), np.ones((1, 40, 60, 1), np.float32)
    rgb = rng.random((1, 40, 60, 3), np.float32)
    composite, placed = place(painting, rgb, mask, at=(0, 199), scale=1)
    rows, columns = bounding_box(placed)
    assert (rows.stop, columns.start) == (200, 0)
    left = rgb[:, : rows.stop - rows.start, columns.start - columns.stop :]
    np.testing.assert_array_equal(composite[:, rows, columns], left)


@pytest.mark.parametrize("at", [(-1, 100), (240, 100), (100, 200), (100, -0.5)])
def test_a_center_outside_of_the_painting(scene, at):
    with pytest.raises(InputError, match=r"of \d+ x \d+ pixels lies outside the painting of 240 x 200") as raised:
        place(*scene, at=at)
    assert one_line(raised)


def test_an_object_larger_than_the_painting(scene):
    with pytest.raises(InputError, match=r"would have \d+ x \d+ pixels, the painting has 240 x 200") as raised:
        place(*scene, scale=5)
    assert one_line(raised)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_that_is_none(scene, scale):
    with pytest.raises(InputError, match="scale of the object"):
        place(*scene, scale=scale)


def test_a_mask_that_does_not_fit(scene):
    painting, rgb, mask = scene
    with pytest.raises(InputError, match="object's mask has 79 x 90"):
        place(painting, rgb, mask[:, :, :-1])
    with pytest.raises(InputError, match="object's mask selects nothing"):
        place(painting, rgb, 0 * mask)


@pytest.fixture
def sharp():
    mask = np.zeros((1, 60, 80, 1), np.float32)
    mask[:, 20:40, 20:50] = 1
    return mask


def test_a_sharp_outline_is_feathered(sharp):
    np.testing.assert_array_equal(outline(sharp), feather(sharp, FEATHER))
    smoothed = np.where(feather(sharp, 0.9) > 0, feather(sharp, 0.9), 0)
    assert 0 < ((smoothed > 0) & (smoothed < 1)).mean() < 0.1
    np.testing.assert_array_equal(outline(smoothed), feather(sharp, FEATHER))


def test_shares_beyond_the_feathered_outline_are_kept_and_all_else_is_feathered(sharp):
    hairy = sharp.copy()
    hairy[0, 10:20, 30, 0] = hair = np.linspace(0.1, 0.45, 10)  # A hair that fades, on the upper side.
    hairy[0, 28:32, 33:37, 0] = 0.7  # And a translucent part.
    found = outline(hairy)
    np.testing.assert_allclose(found[0, 10:20, 30, 0], hair, atol=1e-6)
    assert (found[0, 10:17, [28, 32]] == 0).all()
    np.testing.assert_allclose(found[0, 28:32, 33:37], 0.7, atol=1e-6)
    np.testing.assert_array_equal(found[:, 36:], feather(sharp, FEATHER)[:, 36:])


def test_errors_of_jpeg_in_a_mask_are_no_object(sharp, rng):
    noisy = np.clip(sharp + rng.uniform(-0.04, 0.04, sharp.shape), 0, 1).astype(np.float32)
    np.testing.assert_array_equal(outline(noisy), outline(sharp))
