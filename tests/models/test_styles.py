import hashlib
import json
import zipfile

import h5py
import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.models import styles
from keras_nst.models.transfer_net import transfer_net


@pytest.fixture
def net():
    return transfer_net(filters=(4, 4, 8), residual_blocks=1)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty working directory, in which train.py would put its styles."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / styles.TRAINED


def test_a_saved_style_is_found_by_name_and_by_path(net, shelf):
    styles.save_style(shelf / "mine", net, {"steps": 3})
    assert styles.find_style("mine").resolve() == (shelf / "mine").resolve()
    assert styles.find_style(shelf / "mine") == shelf / "mine"
    assert "mine" in styles.styles()
    net_hash = hashlib.sha256((shelf / "mine" / styles.MODEL).read_bytes()).hexdigest()
    assert styles.read_card("mine") == {"steps": 3, "model_sha256": net_hash}


def test_a_loaded_net_is_the_saved_one_rounded_to_half_precision(net, shelf, rng):
    styles.save_style(shelf / "mine", net, {})
    loaded = styles.load_net("mine")
    for saved, read in zip(net.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(read, saved.astype(np.float16).astype(np.float32))
    assert {weight.dtype for weight in loaded.weights} == {"float32"}
    photograph = rng.random((1, 40, 52, 3), np.float32)
    np.testing.assert_allclose(loaded(photograph), net(photograph), atol=2e-3)


def test_weights_take_two_bytes_each_on_disk(net, shelf, tmp_path):
    styles.save_style(shelf / "mine", net, {})
    with zipfile.ZipFile(shelf / "mine" / styles.MODEL) as archive:
        (tmp_path / "weights.h5").write_bytes(archive.read("model.weights.h5"))
    sizes = []
    with h5py.File(tmp_path / "weights.h5") as file:
        file.visititems(lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == 2 * net.count_params()


def test_an_unknown_style_is_told_with_the_closest_names(net, shelf):
    styles.save_style(shelf / "great_wave", net, {})
    with pytest.raises(InputError, match="great_wave"):
        styles.find_style("graet_wave")


def test_a_folder_without_a_model_is_no_style(shelf):
    (shelf / "empty").mkdir(parents=True)
    with pytest.raises(InputError, match=r"holds no model\.keras"):
        styles.find_style(shelf / "empty")
    assert "empty" not in styles.styles()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_model_is_told_in_one_line(shelf, content):
    folder = shelf / "broken"
    folder.mkdir(parents=True)
    (folder / styles.MODEL).write_bytes(content)
    with pytest.raises(InputError) as told:
        styles.load_net("broken")
    assert "\n" not in str(told.value)


def test_a_damaged_card_is_told(net, shelf):
    styles.save_style(shelf / "mine", net, {})
    (shelf / "mine" / styles.CARD).write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        styles.read_card("mine")


def test_every_shipped_style_has_a_card_that_says_what_made_it_and_a_preview():
    shipped = list(styles._SHIPPED.glob("*/" + styles.MODEL))
    assert shipped
    for folder in (model.parent for model in shipped):
        card = json.loads((folder / styles.CARD).read_text("utf-8"))
        assert {"recipe", "weights", "content", "steps", "final", "version", "style_sha256"} <= card.keys()
        assert (folder / styles.PREVIEW).is_file()
