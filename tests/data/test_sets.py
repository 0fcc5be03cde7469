import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from keras_nst.data import references
from keras_nst.data.edges import without_edges
from keras_nst.data.references import References
from keras_nst.data.sets import PaintedPhotographs, PairedSets
from keras_nst.errors import InputError

SIZE = 24


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """An empty cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def sets(tmp_path, rng, monkeypatch, cached):
    """Five photographs and eight style pictures, numbered by their blue; the red of a photograph is its saliency."""
    monkeypatch.setattr(references, "saliency", lambda rgb: rgb[..., :1])
    monkeypatch.setattr(References, "prepare", lambda *args, **kwargs: None)

    def write(folder, count):
        (tmp_path / folder).mkdir()
        for number in range(count):
            picture = rng.integers(0, 256, (30, 40, 3), np.uint8)
            picture[..., 2] = 20 * number
            Image.fromarray(picture).save(tmp_path / folder / f"{number}.png")
        return tmp_path / folder

    return write("photos", 5), write("style", 8)


def take(sets, count, *, batch=4, seed=3, start=0):
    batches = PairedSets(*sets).batches(size=SIZE, batch=batch, seed=seed, start=start)
    return [np.stack(parts) for parts in zip(*batches.take(count).as_numpy_iterator(), strict=True)]


def numbers(crops):
    return np.rint(crops[..., 2].mean((-2, -1)) * 255 / 20).astype(int)


def test_a_batch_holds_four_pictures_of_one_size_in_the_pixel_range(sets):
    spec = PairedSets(*sets).batches(size=SIZE, batch=4, seed=0).element_spec
    assert spec == tuple(tf.TensorSpec((4, SIZE, SIZE, channels), tf.float32) for channels in (3, 1, 3, 3))
    for part in take(sets, 3):
        assert 0 <= part.min() <= part.max() <= 1


def test_a_map_is_cropped_and_mirrored_like_its_photograph(sets):
    photos, saliency, *_ = take(sets, 8)
    np.testing.assert_allclose(saliency[..., 0], photos[..., 0], atol=1e-6)


def test_the_twin_is_the_crop_with_its_edges_blurred(sets):
    *_, style, blurred = take(sets, 3)
    for square, twin in zip(style.reshape(-1, SIZE, SIZE, 3), blurred.reshape(-1, SIZE, SIZE, 3), strict=True):
        np.testing.assert_array_equal(twin, without_edges(square))
    assert not np.array_equal(style, blurred)


def test_a_batch_depends_on_the_seed_and_its_number_only(sets):
    every = take(sets, 7)
    for start in (1, 5):
        for whole, part in zip(every, take(sets, 7 - start, start=start), strict=True):
            np.testing.assert_array_equal(whole[start:], part)
    assert not np.array_equal(every[0], take(sets, 7, seed=4)[0])


def test_sets_of_unequal_sizes_are_each_gone_through_in_an_order_of_their_own(sets):
    photos, _, style, _ = take(sets, 10)
    photos, style = numbers(photos).ravel(), numbers(style).ravel()
    assert [sorted(photos[k : k + 5]) for k in range(0, 40, 5)] == [[*range(5)]] * 8
    assert [sorted(style[k : k + 8]) for k in range(0, 40, 8)] == [[*range(8)]] * 5


def test_sets_of_one_size_are_not_always_in_the_same_pairs(sets):
    photos, _, style, _ = take((sets[0], sets[0]), 15, batch=5)
    assert len(set(zip(numbers(photos).ravel(), numbers(style).ravel(), strict=True))) > 10


def test_corrupt_files_of_both_sets_are_replaced_and_listed(sets):
    for folder in sets:
        (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:300])
    opened = PairedSets(*sets)
    photos, _, style, _ = next(opened.batches(size=SIZE, batch=6, seed=0).skip(2).as_numpy_iterator())
    assert sorted(opened.skipped) == sorted(str(folder / "broken.png") for folder in sets)
    assert set(numbers(photos)) <= {*range(5)}
    assert set(numbers(style)) <= {*range(8)}


def test_a_set_smaller_than_a_batch_is_refused_before_any_map_is_computed(sets):
    message = r"^A batch of 6 needs as many .*folder 'photos' holds 5\..*`batch`\.$"
    for first, second in (sets, sets[::-1]):
        with pytest.raises(InputError, match=message):
            PairedSets(first, second, least=6)
    assert not list(sets[0].parent.rglob(".keras_nst"))


def test_a_missing_set_is_told(sets, tmp_path):
    with pytest.raises(InputError, match=r"nowhere' does not exist"):
        PairedSets(sets[0], tmp_path / "nowhere")


def test_a_photograph_that_changes_during_a_training_gets_its_new_map(sets):
    opened = PairedSets(*sets)
    stream = opened.batches(size=SIZE, batch=5, seed=0)
    next(stream.as_numpy_iterator())
    for path in sets[0].glob("*.png"):
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    photos, saliency, *_ = next(stream.as_numpy_iterator())
    np.testing.assert_allclose(saliency[..., 0], photos[..., 0], atol=1e-6)


def test_datasets_and_the_built_in_samples_serve_as_well(sets, tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))
    tfds.dataset_builders.store_as_tfds_dataset(
        name="noise",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))}),
        split_datasets={
            split: [(path.name, {"image": str(path)}) for path in sorted(folder.glob("*.png"))]
            for split, folder in zip(("photos", "style"), sets, strict=True)
        },
        data_dir=tmp_path / "tfds",
    )
    for _ in range(2):  # The second time, maps exist next to the dataset.
        photos, saliency, *_ = take(("tfds:noise:photos", "tfds:noise:style"), 2, batch=5)
        np.testing.assert_allclose(saliency[..., 0], photos[..., 0], atol=1e-6)
        assert sorted(numbers(photos).ravel()) == sorted([*range(5)] * 2)
    assert len([*(tmp_path / "tfds").rglob(".keras_nst/*/*.png")]) == 5
    photos, saliency, *_ = take((None, "tfds:noise:style"), 2)
    np.testing.assert_allclose(saliency[..., 0], photos[..., 0], atol=0.04)  # Maps are computed at a smaller size.


def test_maps_are_prepared_before_a_stream_begins(sets, monkeypatch):
    prepared = []
    monkeypatch.setattr(References, "prepare", lambda self, sources, count, console: prepared.extend([*sources, count]))
    PairedSets(*sets)
    paths = sorted(sets[0].glob("*.png"))
    assert prepared == [*zip(map(str, paths), paths, strict=True), 5]


def drawn(source, count, start=0, seed=3):
    stream = source.batches(size=SIZE, batch=2, seed=seed, start=start).take(count).as_numpy_iterator()
    return np.stack([batch["style"] for batch in stream])


def test_of_few_paintings_squares_are_known_and_each_is_drawn_once_in_a_turn(sets):
    photos, styles = sets
    source = PaintedPhotographs(photos, [styles, photos, styles], style_size=SIZE)
    assert len(source.known) == 13 * 4  # Four squares of each of eight and five pictures; one folder is there twice.
    assert {square.shape for square in source.known} == {(1, SIZE, SIZE, 3)}
    found = drawn(source, 64)
    assert [sorted(found[begin : begin + 32, 0]) for begin in (0, 32)] == [[*range(32)]] * 2
    assert set(found[:, 1]) == {*range(32, 52)}
    assert not np.array_equal(found[:32, 0], found[32:, 0])
    assert not np.array_equal(found[:, 0], found[:, 2])  # The same paintings, but not in pairs.
    np.testing.assert_array_equal(drawn(source, 60, start=4), found[4:])


def test_known_squares_show_most_of_their_painting(tmp_path):
    ramp = np.linspace(0, 255, 200, dtype=np.uint8)
    Image.fromarray(np.dstack([*np.meshgrid(ramp, ramp), np.zeros((200, 200), np.uint8)])).save(tmp_path / "ramp.png")
    source = PaintedPhotographs(None, [tmp_path / "ramp.png"], style_size=50)
    ranges = [np.ptp(square[0, ..., channel]) for square in source.known for channel in (0, 1)]
    assert len(source.known) == 4
    assert 0.8 < min(ranges) < max(ranges) <= 1


def test_of_many_paintings_each_batch_brings_its_own(sets, monkeypatch):
    monkeypatch.setattr("keras_nst.data.sets._KNOWN", 12)
    source = PaintedPhotographs(sets[0], sets, style_size=SIZE)
    assert source.known == []
    (batch,) = source.batches(size=SIZE, batch=2, seed=0).take(1)
    assert batch["style"].shape == (2, SIZE, SIZE, 3)


def test_a_batch_of_a_collection_brings_no_painting(sets, monkeypatch):
    source = PaintedPhotographs(sets[0], sets, style_size=SIZE, collection=True)
    assert len(source.known) == 13 * 4
    (batch,) = source.batches(size=SIZE, batch=2, seed=0).take(1)
    assert batch.keys() == {"content", "image"}
    monkeypatch.setattr("keras_nst.data.sets._KNOWN", 12)
    with pytest.raises(InputError, match="at most 12 paintings"):
        PaintedPhotographs(sets[0], sets, style_size=SIZE, collection=True)


def test_maps_of_subjects_are_cropped_and_mirrored_like_their_photographs(sets):
    source = PaintedPhotographs(sets[0], subject=References)
    (batch,) = source.batches(size=SIZE, batch=4, seed=0).take(1)
    assert batch.keys() == {"content", "image", "subject"}
    np.testing.assert_allclose(batch["subject"], batch["content"][..., :1], atol=2.5 / 255)


def test_a_painting_that_cannot_be_read_is_left_out_and_told(sets):
    (sets[1] / "broken.png").write_bytes(b"no picture")
    source = PaintedPhotographs(sets[0], [sets[1]], style_size=SIZE)
    assert len(source.known) == 8 * 4
    assert list(source.skipped) == [str(sets[1] / "broken.png")]
