import hashlib
import json
import zipfile
from unittest import mock

import h5py
import keras
import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.models import saved, styles
from keras_nst.models.transfer_net import transfer_net
from keras_nst.options import TrainingOptions


@pytest.fixture
def net():
    return transfer_net(filters=(4, 4, 8), residual_blocks=1)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty working directory, in which train.py would write its styles."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / saved.TRAINED


def test_a_saved_style_is_found_by_name_and_by_path(net, shelf):
    saved.save_style(shelf / "mine", net, {"steps": 3})
    assert styles.find_style("mine").resolve() == (shelf / "mine").resolve()
    assert styles.find_style(shelf / "mine") == shelf / "mine"
    assert "mine" in styles.styles()
    net_hash = hashlib.sha256((shelf / "mine" / saved.MODEL).read_bytes()).hexdigest()
    assert styles.read_card("mine") == {"steps": 3, "model_sha256": net_hash}


def test_a_loaded_net_is_the_saved_one_rounded_to_half_precision(net, shelf, rng):
    saved.save_style(shelf / "mine", net, {})
    loaded = styles.load_net("mine")
    for kept, read in zip(net.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(read, kept.astype(np.float16).astype(np.float32))
    assert {weight.dtype for weight in loaded.weights} == {"float32"}
    photograph = rng.random((1, 40, 52, 3), np.float32)
    np.testing.assert_allclose(loaded(photograph), net(photograph), atol=2e-3)


def test_weights_take_two_bytes_each_on_disk(net, shelf, tmp_path):
    saved.save_style(shelf / "mine", net, {})
    with zipfile.ZipFile(shelf / "mine" / saved.MODEL) as archive:
        (tmp_path / "weights.h5").write_bytes(archive.read("model.weights.h5"))
    sizes = []
    with h5py.File(tmp_path / "weights.h5") as file:
        file.visititems(lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == 2 * net.count_params()


def test_an_unknown_style_is_told_with_the_closest_names(net, shelf):
    saved.save_style(shelf / "great_wave", net, {})
    with pytest.raises(InputError, match="great_wave"):
        styles.find_style("graet_wave")


def test_a_folder_without_a_model_is_no_style(shelf):
    (shelf / "empty").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds neither model\.keras"):
        styles.find_style(shelf / "empty")
    assert "empty" not in styles.styles()


def test_the_fast_net_of_a_style_is_found_and_not_listed(net, shelf):
    for name in ("mine", "mine-lite", "alone-lite"):
        saved.save_style(shelf / name, net, {})
    assert {"mine", "alone-lite"} <= set(styles.styles())
    assert "mine-lite" not in styles.styles()
    assert (styles.has_fast("mine"), styles.has_fast("alone-lite")) == (True, False)
    for style in ("mine", shelf / "mine", "mine-lite"):
        assert styles.find_style(style, fast=True).resolve() == (shelf / "mine-lite").resolve()
    assert styles.find_style("mine-lite").name == "mine-lite"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (".", "monet"),
        ("../monet/", "monet"),
        ("late/..", "monet"),
        ("van.gogh", "van.gogh"),
        ("van.gogh.jpg", "van.gogh"),
        ("Starry Night.jpg", "starry_night"),
        ("linked.jpg", "linked"),
        ("tfds:noise", "tfds:noise"),
        ("/", "style"),
    ],
)
def test_a_style_has_the_name_of_its_painting_however_the_path_is_typed(tmp_path, monkeypatch, given, name):
    here = tmp_path / "Monet"
    (here / "van.gogh").mkdir(parents=True)
    (here / "late").mkdir()
    (here / "linked.jpg").symlink_to(here / "other.jpg")
    monkeypatch.chdir(here)
    assert saved.name_for(given.replace("monet", "Monet")) == name


def test_a_folder_that_is_typed_as_dots_gives_a_style_its_name(tmp_path, monkeypatch):
    (tmp_path / "monet" / "late").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "monet" / "late")
    names = [TrainingOptions(style="x.jpg", output=output).folder.name for output in (".", "..", "early", "early/")]
    assert names == ["late", "monet", "early", "early"]


def test_steps_are_those_of_all_trainings():
    assert styles.steps_of({"steps": 3, "init": {"steps": 20, "init": {"steps": 100, "init": None}}}) == 123
    assert styles.steps_of({}) == 0


def test_a_style_without_a_fast_net_is_told(net, shelf):
    saved.save_style(shelf / "mine", net, {})
    with pytest.raises(InputError, match="The style mine has no fast net"):
        styles.find_style("mine", fast=True)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_model_is_told_in_one_line(shelf, content):
    folder = shelf / "broken"
    folder.mkdir(parents=True)
    (folder / saved.MODEL).write_bytes(content)
    with pytest.raises(InputError) as told:
        styles.load_net("broken")
    assert "\n" not in str(told.value)


def keep_odd(shelf, net):
    """A style that anybody may have made, without a card."""
    (shelf / "odd").mkdir(parents=True)
    net.save(shelf / "odd" / saved.MODEL)


def refused(message):
    with pytest.raises(InputError, match=message) as told:
        styles.load_net("odd")
    assert "\n" not in str(told.value)


def of_layers(*stack, channels=3, size=(None, None)):
    image = keras.Input((*size, channels))
    result = image
    for layer in stack:
        result = layer(result)
    return keras.Model(image, result)


def test_layers_of_keras_that_only_compute_make_a_net(shelf):
    keep_odd(shelf, of_layers(keras.layers.Conv2D(3, 3, padding="same"), keras.layers.LeakyReLU()))
    assert styles.load_net("odd")(np.zeros((1, 16, 16, 3))).shape == (1, 16, 16, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_and_not_saved(net, shelf, value):
    kernel, *others = net.get_layer("encode1_conv").get_weights()
    kernel[0, 0, 0, 0] = value
    net.get_layer("encode1_conv").set_weights([kernel, *others])
    keep_odd(shelf, net)
    refused("not finite")
    with pytest.raises(InputError, match="not finite"):
        saved.save_style(shelf / "mine", net, {})
    assert list((shelf / "mine").iterdir()) == []


def test_a_net_of_which_results_are_no_numbers_is_refused(shelf):
    keep_odd(shelf, of_layers(keras.layers.Rescaling(3e38), keras.layers.Rescaling(3e38)))
    refused("not finite")


@pytest.mark.parametrize(
    "build",
    [
        lambda: of_layers(keras.layers.Conv2D(4, 1)),
        lambda: of_layers(keras.layers.Conv2D(3, 1), channels=1),
        lambda: of_layers(keras.layers.Conv2D(3, 1), size=(64, 64)),
        lambda: of_layers(keras.layers.AveragePooling2D(2)),
        lambda: of_layers(keras.layers.UpSampling2D(2)),
        lambda: of_layers(keras.layers.GlobalAveragePooling2D()),
        lambda: keras.Model([image := keras.Input((None, None, 3)), keras.Input((1,))], image),
        lambda: keras.Model(image := keras.Input((None, None, 3)), {"image": keras.layers.ReLU()(image)}),
        lambda: keras.Model(image := keras.Input((None, None, 3)), [keras.layers.ReLU()(image), image]),
        lambda: keras.Sequential([keras.Input((None, None, 1)), keras.layers.ReLU()]),
    ],
)
def test_a_net_of_other_shapes_inputs_or_outputs_is_refused(shelf, build):
    keep_odd(shelf, build())
    refused(r"model\.keras")


@pytest.mark.parametrize("layer", [keras.layers.Lambda(lambda x: x), keras.layers.RandomFlip()])
def test_layers_that_no_net_is_made_of_are_refused_before_they_are_made(shelf, monkeypatch, layer):
    keep_odd(shelf, of_layers(layer))
    monkeypatch.setattr(keras.saving, "load_model", None)
    refused(type(layer).__name__)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(shelf, monkeypatch):
    (shelf / "odd").mkdir(parents=True)
    with zipfile.ZipFile(shelf / "odd" / saved.MODEL, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", bytes(100_000_000))
    monkeypatch.setattr(saved, "MAX_BYTES", 99_999_999)
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    refused("unpacks to 100,000,000")


def test_a_style_is_replaced_as_a_whole_or_not_at_all(net, shelf, tmp_path, monkeypatch):
    folder = shelf / "mine"
    (tmp_path / "first.jpg").write_bytes(b"first")
    saved.save_style(folder, net, {"steps": 1}, preview=tmp_path / "first.jpg")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {saved.MODEL, saved.CARD, saved.PREVIEW}
    net.set_weights([2 * weight for weight in net.get_weights()])
    with monkeypatch.context() as patched:
        patched.setattr(saved, "sha256", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            saved.save_style(folder, net, {"steps": 2})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    saved.save_style(folder, net, {"steps": 2})
    assert styles.read_card(folder)["steps"] == 2
    assert {path.name for path in folder.iterdir()} == {saved.MODEL, saved.CARD}  # The preview was of another net.


def test_a_damaged_card_is_told(net, shelf):
    saved.save_style(shelf / "mine", net, {})
    (shelf / "mine" / saved.CARD).write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        styles.read_card("mine")


def test_every_shipped_style_has_a_card_that_says_what_made_it_and_a_preview():
    shipped = list(saved.SHIPPED.glob("*/" + saved.MODEL))
    assert shipped
    for folder in (model.parent for model in shipped):
        card = json.loads((folder / saved.CARD).read_text("utf-8"))
        assert {"recipe", "weights", "content", "steps", "final", "version"} <= card.keys()
        assert card.keys() & {"style_sha256", "paintings", "style_set"}
        assert (folder / saved.PREVIEW).is_file()
