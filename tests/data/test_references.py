import cv2
import numpy as np
import pytest
from PIL import Image

from keras_nst.data import references
from keras_nst.data.references import GivenReferences, References
from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.select.saliency import mbd, rbd


@pytest.fixture
def photos(tmp_path, rng):
    """Three photographs, one larger than the maps, and a file that is not a picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    chelsea = np.rint(255 * read("sample:chelsea").rgb[0]).astype(np.uint8)
    Image.fromarray(chelsea).save(folder / "large.png")
    Image.fromarray(chelsea[40:104, 100:180]).save(folder / "small.png")
    Image.fromarray(chelsea[100:164, 200:260]).save(folder / "other.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def listed(folder):
    return [(str(path), path) for path in sorted(folder.glob("*.png"))]


def ages(kept):
    return {path.name: path.stat().st_mtime_ns for path in kept.folder.iterdir()}


@pytest.mark.parametrize(("name", "tolerance"), [("small", 0.51 / 255), ("large", 0.02)])
def test_a_map_is_the_mean_of_rbd_and_mbd_in_steps_of_a_255th(photos, name, tolerance):
    path = photos / f"{name}.png"
    rgb = read(path).rgb
    expected = (rbd(rgb) + mbd(rgb))[0] / 2
    kept = References(photos)
    first, again = kept(path, rgb[0]), kept(path.read_bytes(), rgb[0])
    np.testing.assert_allclose(first, expected, atol=tolerance)
    np.testing.assert_array_equal(first, again)
    assert (first.dtype, first.shape) == (np.float32, (*rgb.shape[1:3], 1))
    assert len(ages(kept)) == 1


def test_missing_maps_are_prepared_and_those_of_photographs_that_changed(photos, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    kept = References(photos)
    # As after a kill, one map of three is missing. Then a photograph is replaced under the same name.
    for name in ("small", "other"):
        kept(photos / f"{name}.png", read(photos / f"{name}.png").rgb[0])
    before = ages(kept)
    cv2.imwrite(str(photos / "other.png"), cv2.imread(str(photos / "other.png"))[::-1])
    kept.prepare(listed(photos), 4)
    after = ages(kept)
    assert len(before) == 2
    assert len(after) == 4  # None for the broken file.
    assert {name: after[name] for name in before} == before
    flipped = read(photos / "other.png").rgb
    expected = (rbd(flipped) + mbd(flipped))[0] / 2
    np.testing.assert_allclose(kept(photos / "other.png", flipped[0]), expected, atol=0.51 / 255)
    assert ages(kept) == after
    kept.prepare(listed(photos), 4)
    assert ages(kept) == after


def test_nothing_is_computed_for_maps_at_hand(photos, monkeypatch):
    kept = References(photos)
    for name, path in listed(photos)[1:]:
        kept(path, read(name).rgb[0])
    monkeypatch.setattr(references, "saliency", lambda rgb: pytest.fail("computed again"))
    for name, path in listed(photos)[1:]:
        kept(path, read(name).rgb[0])


def test_a_damaged_map_is_made_again(photos):
    kept, path = References(photos), photos / "small.png"
    rgb = read(path).rgb[0]
    first = kept(path, rgb)
    (file,) = kept.folder.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    np.testing.assert_array_equal(kept(path, rgb), first)
    np.testing.assert_allclose(read(file).rgb[0, ..., :1], first, atol=1e-6)


def test_a_picture_of_no_file_leaves_none(photos):
    kept = References(photos)
    rgb = read(photos / "small.png").rgb[0]
    np.testing.assert_array_equal(kept(None, rgb), kept(photos / "small.png", rgb))
    assert len(ages(kept)) == 1


def test_where_nothing_can_be_written_beside_the_photographs_the_users_cache_serves(tmp_path, photos, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (photos / ".keras_nst").write_text("in the way")
    assert References(photos).folder.parent == tmp_path / "cache" / "keras_nst"
    assert References(None).folder.parent == tmp_path / "cache" / "keras_nst"
    (tmp_path / "file").write_text("in the way as well")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"^Cannot write saliency maps to .* or .*Set XDG_CACHE_HOME"):
        References(photos)


def test_what_a_net_finds_is_kept_apart_from_what_colors_tell(photos):
    given = References(photos, lambda rgb: rgb[..., 1:2])
    path = photos / "small.png"
    rgb = read(path).rgb[0]
    np.testing.assert_allclose(given(path, rgb), rgb[..., 1:2], atol=0.51 / 255)
    assert given.folder != References(photos).folder
    given.prepare(listed(photos), 4)
    assert len(ages(given)) == 3  # None for the broken file.
    assert not ages(References(photos))


def test_maps_that_were_given_go_by_the_photographs_names(photos, tmp_path, rng):
    maps = tmp_path / "maps"
    maps.mkdir()
    levels = rng.integers(0, 256, (64, 80), np.uint8)
    Image.fromarray(levels).save(maps / "small.png")
    Image.fromarray(levels).save(maps / "other.png")
    given = GivenReferences(maps)
    path = photos / "small.png"
    rgb = read(path).rgb[0]
    given.prepare([("small.png", path)], 1)
    np.testing.assert_allclose(given(path, rgb), levels[..., None] / 255, atol=1e-5)
    assert given(path, rgb[:32, :40]).shape == (32, 40, 1)
    assert not given(None, rgb).any()
    with pytest.raises(InputError, match=r"^No saliency map of .*broken\.png in .*maps"):
        given.prepare(listed(photos), 4)
    (maps / "other.png").write_text("no picture")
    with pytest.raises(InputError, match=r"Cannot read .*other\.png"):
        given.prepare([("other.png", photos / "other.png")], 1)
    with pytest.raises(InputError, match=r"a/small\.png and b/small\.png would share a saliency map"):
        given.prepare([(f"{folder}/small.png", photos.with_name(folder) / "small.png") for folder in "ab"], 2)
    with pytest.raises(InputError, match="No saliency map of tfds-1"):
        given.prepare([("tfds-1", b"")], 1)


def test_a_folder_of_maps_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*Expected subject, rbd\+mbd, or a folder"):
        GivenReferences(tmp_path / "nowhere")
