import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from keras_nst.data import datasets
from keras_nst.data.datasets import Photographs, photographs, random_crop
from keras_nst.errors import InputError

COUNT = 10
WIDTH, HEIGHT = 120, 80


def ramp(number: int) -> Image.Image:
    """A picture whose pixels show where they are: red is x, green is y, blue is the picture's number."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(np.stack([x, y, np.full_like(x, number)], axis=-1).astype(np.uint8))


def numbers(crops: np.ndarray) -> list[int]:
    """The numbers of the ramps of these crops."""
    return np.rint(crops[..., 2].mean((1, 2)) * 255).astype(int).tolist()


def slopes(crop: np.ndarray) -> tuple[float, float]:
    """Pixels of the picture per pixel of a ramp's crop: to the right (negative if mirrored) and downwards."""
    inner = crop[2:-2, 2:-2] * 255
    return np.diff(inner[..., 0], axis=1).mean(), np.diff(inner[..., 1], axis=0).mean()


def take(source: Photographs, count: int, *, size=8, batch=5, seed=7, start=0) -> np.ndarray:
    batches = source.batches(size=size, batch=batch, seed=seed, start=start)
    return np.stack([*batches.take(count).as_numpy_iterator()])


@pytest.fixture
def folder(tmp_path) -> Path:
    for number in range(COUNT):
        ramp(number).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def tfds_home(tmp_path, monkeypatch) -> Path:
    """Let TFDS use this empty folder."""
    home = tmp_path / "tfds"
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(home))
    return home


def prepare(home: Path, paths: list[Path]) -> None:
    """A real TFDS dataset `ramps` of the pictures, with two files for each split."""
    split = [(path.name, {"image": str(path)}) for path in paths]
    tfds.dataset_builders.store_as_tfds_dataset(
        name="ramps",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))}),
        split_datasets={"train": split, "test": split[:3]},
        data_dir=home,
        download_config=tfds.download.DownloadConfig(num_shards=2),
    )


@pytest.fixture(params=["folder", "samples", "tfds", "tfds_mock"])
def opened(request, folder, tfds_home, monkeypatch) -> Photographs:
    """One source of each kind."""
    match request.param:
        case "folder":
            yield photographs(folder)
        case "samples":
            yield photographs(None)
        case "tfds":
            # Ten pictures in windows of four, so the windows overlap the passes.
            monkeypatch.setattr(datasets, "TFDS_WINDOW", 4)
            prepare(tfds_home, sorted(folder.glob("*.png")))
            yield photographs("tfds:ramps")
        case "tfds_mock":
            with tfds.testing.mock_data(num_examples=5):
                yield photographs("tfds:coco/2014", download=True)


def test_batches_have_a_static_shape_and_the_pixel_range(opened):
    assert opened.batches(size=24, batch=3, seed=0).element_spec == tf.TensorSpec((3, 24, 24, 3), tf.float32)
    crops = take(opened, 4, size=24, batch=3)
    assert crops.min() >= 0
    assert crops.max() <= 1


def test_a_batch_depends_on_the_seed_and_its_number_only(opened):
    batches = opened.batches(size=8, batch=5, seed=7)
    every = np.stack([*batches.take(9).as_numpy_iterator()])
    np.testing.assert_array_equal(every, np.stack([*batches.take(9).as_numpy_iterator()]))
    tf.random.set_seed(1)
    for start in (1, 2, 7):
        np.testing.assert_array_equal(every[start:], take(opened, 9 - start, start=start))
    assert not np.array_equal(every, take(opened, 9, seed=8))


def test_the_batch_size_does_not_change_the_stream(opened):
    np.testing.assert_array_equal(
        take(opened, 6, batch=2).reshape(12, 8, 8, 3), take(opened, 4, batch=3).reshape(12, 8, 8, 3)
    )


def test_every_picture_comes_once_a_pass_each_pass_in_a_new_order(folder):
    passes = [numbers(crops) for crops in take(photographs(folder), 6, batch=COUNT)]
    assert [sorted(order) for order in passes] == [[*range(COUNT)]] * 6
    assert len({tuple(order) for order in passes}) == 6


@pytest.mark.parametrize("window", [4, 512])
def test_every_tfds_picture_comes_once_a_pass(folder, tfds_home, monkeypatch, window):
    monkeypatch.setattr(datasets, "TFDS_WINDOW", window)
    prepare(tfds_home, sorted(folder.glob("*.png")))
    # Two passes are five windows of four.
    twice = numbers(take(photographs("tfds:ramps"), 1, batch=2 * COUNT)[0])
    assert sorted(twice) == sorted([*range(COUNT)] * 2)
    assert twice[:COUNT] != twice[COUNT:]


def test_crops_keep_the_proportions_and_stay_inside(folder):
    size = 32
    crops = take(photographs(folder), 8, size=size).reshape(-1, size, size, 3)
    sides = []
    for crop in crops:
        right, down = slopes(crop)
        assert abs(right) == pytest.approx(down, rel=0.01)
        sides.append(down * size)
        # The center of the square is at least half its side from the picture's borders.
        x, y = crop[..., :2].mean((0, 1)) * 255
        half = down * size / 2
        assert half - 1 <= x <= WIDTH - half
        assert half - 1 <= y <= HEIGHT - half
    assert 0.6 * HEIGHT - 1 <= min(sides) < 0.65 * HEIGHT
    assert 0.95 * HEIGHT < max(sides) <= HEIGHT + 1


@pytest.mark.parametrize(("height", "width"), [(16, 20), (33, 43), (1, 1), (1, 50)])
def test_small_pictures_are_enlarged(height, width):
    rgb = np.linspace(0, 1, height * width * 3, dtype=np.float32).reshape(height, width, 3)
    crop = random_crop(rgb, 64, np.random.default_rng(0), smallest=0.6)
    assert crop.shape == (64, 64, 3)
    assert crop.dtype == np.float32
    assert 0 <= crop.min() <= crop.max() <= 1


def test_shrinking_averages():
    # A checkerboard of single pixels becomes gray; sampling without averaging would keep black and white.
    checkerboard = np.repeat(np.indices((64, 64)).sum(0)[..., None] % 2, 3, axis=-1).astype(np.float32)
    crop = random_crop(checkerboard, 8, np.random.default_rng(0), smallest=1.0)
    np.testing.assert_allclose(crop, 0.5, atol=1e-6)


def test_half_of_the_crops_are_mirrored():
    rgb = np.asarray(ramp(0), np.float32) / 255
    rng = np.random.default_rng(0)
    mirrored = sum(slopes(random_crop(rgb, 16, rng, smallest=0.6))[0] < 0 for _ in range(1000))
    # Four standard deviations of a fair coin.
    assert abs(mirrored - 500) < 4 * np.sqrt(250)


def test_a_folder_is_searched_through_but_for_hidden_files(tmp_path):
    places = ["a.PNG", "b.JpEg", "deep/er/c.webp", "deep/d.TIF", "e.bmp", "f.gif"]
    for number, place in enumerate([*places, ".hidden.png", ".cache/x.png", "deep/.git/x.png"]):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        ramp(20 * number).save(tmp_path / place)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    source = photographs(tmp_path)
    described = source.describe()
    assert len(described.pop("files")) == 64
    assert described == {"kind": "folder", "name": tmp_path.name, "count": len(places)}
    seen = numbers(take(source, 1, batch=len(places))[0])
    # JPEG and the palette of GIF change blue slightly.
    assert np.rint(np.sort(seen) / 20).astype(int).tolist() == [*range(len(places))]
    assert source.skipped == {}


@pytest.mark.parametrize(
    "own", ["wave/model.keras", "wave/painter.keras", "wave/code.npy", "wave/training/log.csv", "training/log.csv"]
)
def test_previews_of_styles_and_trainings_among_photographs_are_none(folder, own):
    """As after `cd photographs; keras-nst train --style ../starry.jpg --content .`."""
    before = photographs(folder).describe()
    for path in (folder / own, (folder / own).with_name("preview.jpg")):
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp(0).save(path, "JPEG")
    assert photographs(folder).describe() == before
    assert len(photographs((folder / own).parent)) == 1  # Where they are asked for.


@pytest.fixture
def half_broken(folder) -> dict[str, Path]:
    """A folder with as many corrupt files as good ones."""
    whole = (folder / "0.png").read_bytes()
    broken = {}
    for number, content in zip(range(COUNT), itertools.cycle([b"", b"no picture", whole[: len(whole) // 2]])):
        broken[str(folder / f"broken{number}.jpg")] = folder / f"broken{number}.jpg"
        broken[str(folder / f"broken{number}.jpg")].write_bytes(content)
    return broken


def test_corrupt_files_are_replaced_and_listed_once(folder, half_broken):
    source = photographs(folder)
    assert len(source) == 2 * COUNT
    every = take(source, 20)
    assert sorted(source.skipped) == sorted(half_broken)
    assert all(source.skipped.values())
    seen = [number for crops in every for number in numbers(crops)]
    # Five passes of ten good pictures; the fifty replacements are spread over all of them.
    counts = np.bincount(seen, minlength=COUNT)
    assert counts.sum() == 100
    assert len(counts) == COUNT
    assert counts.min() > 5
    np.testing.assert_array_equal(every[13:], take(photographs(folder), 7, start=13))


def test_a_corrupt_tfds_record_is_replaced_and_listed_by_its_id(folder, half_broken, tfds_home):
    prepare(tfds_home, [*folder.glob("[0-4].png"), *itertools.islice(half_broken.values(), 2)])
    source = photographs("tfds:ramps")
    every = take(source, 4, batch=7)
    assert len(source.skipped) == 2
    assert all(tfds_id.startswith("ramps-train.tfrecord-0000") for tfds_id in source.skipped)
    assert {number for crops in every for number in numbers(crops)} == {0, 1, 2, 3, 4}


def test_only_corrupt_files_fail_at_once(folder, half_broken, tfds_home):
    for path in folder.glob("?.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"^No picture of the folder .* can be read. The first: .*broken0.jpg"):
        photographs(folder)
    prepare(tfds_home, [*half_broken.values()])
    with pytest.raises(InputError, match=r"^No picture of the tfds 'ramps/1.0.0:train' can be read."):
        photographs("tfds:ramps")


def test_a_folder_that_vanishes_says_so(folder):
    source = photographs(folder)
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"InputError: No picture of the folder .* can be read"):
        take(source, 1)


def test_a_source_that_is_no_folder_of_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^A set of pictures must be a folder or .*missing' does not exist\.$"):
        photographs(tmp_path / "missing")
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"^A set of pictures must be a folder or .*a\.txt' is a file\.$"):
        photographs(tmp_path / "a.txt")
    with pytest.raises(InputError, match=r"^No pictures in .* or its subfolders\. .*\.jpg"):
        photographs(tmp_path)


def test_half_of_the_built_in_stream_is_dead_leaves(monkeypatch):
    monkeypatch.setattr(datasets, "dead_leaves", lambda rng, size: np.full((size, size, 3), 2, np.float32))
    source = photographs(None)
    assert source.describe() == {"kind": "samples", "name": "built-in", "count": len(datasets.SAMPLES)}
    leaves = (take(source, 20, batch=10) == 2).all((2, 3, 4)).sum()
    assert abs(leaves - 100) < 4 * np.sqrt(50)


def test_an_iterator_left_over_does_not_hold_up_the_exit():
    # Without protection, about half of such runs hang. The traceback of an uncaught error keeps the iterator alive too.
    script = (
        "from keras_nst.data.datasets import photographs\n"
        "stream = iter(photographs(None).batches(size=256, batch=8, seed=0))\n"
        "next(stream)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)


def test_tfds_splits_and_versions(folder, tfds_home):
    prepare(tfds_home, sorted(folder.glob("*.png")))
    assert photographs("tfds:ramps").describe() == {"kind": "tfds", "name": "ramps/1.0.0:train", "count": COUNT}
    assert len(photographs("tfds:ramps:test")) == 3
    assert len(photographs("tfds:ramps:1.0.0:train[:50%]")) == COUNT // 2
    with pytest.raises(InputError, match=r"^Cannot read the split 'trian' of 'ramps'. .*train"):
        photographs("tfds:ramps:trian")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tfds:", r"tfds:NAME\[:SPLIT\].* Received: 'tfds:'\.$"),
        ("tfds:cocoo", r"^Unknown TFDS dataset: 'cocoo'\. Did you mean 'coco'"),
        ("tfds:coco/1999", r"^Cannot open the TFDS dataset 'coco/1999'\. .*1999"),
        ("tfds:coco/2014:9.9.9", r"^Cannot open the TFDS dataset 'coco/2014:9\.9\.9'\. .*9\.9\.9"),
        ("tfds:ag_news_subset", r"^The TFDS dataset 'ag_news_subset' has no 'image'\."),
        ("tfds:coco/2014", r"^The TFDS dataset 'coco/2014' is not in .*Pass `download`"),
    ],
)
def test_unusable_tfds_sources_are_refused_without_a_download(tfds_home, monkeypatch, source, message):
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", lambda self: pytest.fail("downloads"))
    with pytest.raises(InputError, match=message) as caught:
        photographs(source)
    assert "\n" not in str(caught.value)


def test_a_failed_download_says_so_in_one_line(tfds_home, monkeypatch):
    def download_and_prepare(self):
        raise ConnectionError("Name or service not known\nMax retries exceeded")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download_and_prepare)
    with pytest.raises(InputError, match=r"^Cannot download the TFDS dataset 'coco/2014'\. Name or .* known$"):
        photographs("tfds:coco/2014", download=True)


def test_a_picture_that_is_replaced_under_its_name_makes_another_source(folder):
    before = photographs(folder).describe()
    assert photographs(folder).describe() == before
    path = next(folder.glob("*.png"))
    content = path.read_bytes()
    Image.new("RGB", (50, 50)).save(path)
    assert photographs(folder).describe() != before
    path.write_bytes(content)
    assert photographs(folder).describe() == before


def test_what_systems_leave_in_folders_is_no_picture(folder):
    count = len(photographs(folder))
    for name in ("._IMG_0001.JPG", "Thumbs.db", ".DS_Store", "MVI_0003.MP4"):
        (folder / name).write_bytes(b"no picture")
    assert len(photographs(folder)) == count
