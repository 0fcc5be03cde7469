"""Trainings of nets of many styles, with the styles of the paintings that they learn."""

import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from reference.trainings import arguments, exact

from keras_nst.cli import main
from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.infer.stylizer import Stylizer
from keras_nst.jobs import learn
from keras_nst.jobs.training_folder import TrainingFolder
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS, parts
from keras_nst.models.saved import PAINTER_HASH, load_painter, save_code, save_style
from keras_nst.models.styles import load_net, read_card, styles
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side

pytestmark = pytest.mark.usefixtures("small")


def many(options, shelf, **more):
    styles = (*options.style, shelf)
    return learn.dataclasses.replace(options, style=styles, net="unet", recipe="ghiasi2017", steps=4, **more)


def test_a_net_of_many_styles_is_learned_with_the_predictor_of_their_codes(options, shelf, real_vgg):
    folder = learn.learn(many(options, shelf))
    card = json.loads((folder / "card.json").read_text())
    assert [(style["kind"], style["count"]) for style in card["paintings"]] == [("file", 1), ("folder", 2)]
    assert read(folder / "preview.jpg").rgb.std() > 0.01
    net, predictor = parts(load_painter(folder))
    assert predictor.output.shape[-1] == net.input["code"].shape[-1]
    with pytest.raises(InputError, match="net of many styles"):
        load_net(folder)


def test_each_painting_of_the_first_set_becomes_a_style(options, shelf, real_vgg, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    home = Path("saved_models") / "mine"
    asked = learn.dataclasses.replace(options, style=[shelf], output=str(home))
    Image.new("RGB", (60, 80), (9, 9, 9)).save(Path(shelf) / "flat.png")
    more = ["--net", "unet", "--recipe", "ghiasi2017", "--steps", "2", "--overwrite"]
    (home / "red").mkdir(parents=True)
    (home / "red" / "card.json").write_text("{}")  # Left of a style that was being removed.
    (home / "card.json").write_text("{")
    (home / "painter.keras").write_bytes(b"the net that is replaced")
    for name, net in {"older": sha256(home / "painter.keras"), "other": "another net"}.items():
        save_code(home / name, np.zeros(128), {"painter": "mine", PAINTER_HASH: net})
    assert main(["train", *arguments(asked, home, *more)]) == 0
    assert {code.parent.name for code in home.glob("*/code.npy")} == {"red", "blue", "other"}
    told = capsys.readouterr()
    assert "--style blue -o" in told.out
    assert "flat has no style of its own" in told.err
    assert {"red", "blue"} <= styles().keys()
    card = read_card("red")
    assert (card["painter"], card["steps"], card["style_image"]) == ("mine", 2, "red.png")
    net, predictor = parts(load_painter(home))
    painting = fit_short_side(read(Path(shelf) / "red.png").rgb, asked.style_size)
    seen = Observer(vgg=vgg())(painting, STATISTICS.probes)
    code = np.asarray(predictor(*STATISTICS(seen)))
    photograph = read("sample:coffee").rgb[:, :64, :64]
    expected = np.asarray(net({"image": photograph, "code": code}))
    np.testing.assert_allclose(Stylizer("red")(photograph, grain=False).rgb, expected, atol=0.02)
    assert read(home / "red" / "preview.jpg").rgb.shape[2] > 100


def test_styles_that_are_not_written_when_the_training_is_killed_are_written_when_it_is_resumed(
    options, shelf, real_vgg, monkeypatch
):
    asked = learn.dataclasses.replace(options, style=[shelf], net="unet", recipe="ghiasi2017", steps=1)
    with monkeypatch.context() as patched:
        patched.setattr(learn, "shelve", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn.learn(asked)
    folder = learn.learn(learn.dataclasses.replace(asked, resume=True))
    assert {code.parent.name for code in folder.glob("*/code.npy")} == {"red", "blue"}
    assert not TrainingFolder(folder).can_be_resumed


def test_a_painting_that_cannot_be_read_is_skipped_and_styles_of_one_name_are_several(options, shelf, real_vgg):
    (Path(shelf) / "a_first.png").write_bytes(b"nothing")
    (Path(shelf) / "more").mkdir()
    shutil.copy(Path(shelf) / "red.png", Path(shelf) / "more" / "Red.png")
    shutil.move(Path(shelf) / "blue.png", Path(shelf) / "training.png")
    console = Console(quiet=True)
    told = []
    console.line = told.append
    save_style(options.folder / "red", transfer_net((4, 4, 8), 1), {})
    before = (options.folder / "red" / "model.keras").read_bytes()
    asked = learn.dataclasses.replace(options, style=[shelf], net="unet", recipe="ghiasi2017", steps=1, overwrite=True)
    folder = learn.learn(asked, console=console)
    assert {code.parent.name for code in folder.glob("*/code.npy")} == {"red_2", "training_2", "red_3"}
    assert (folder / "red" / "model.keras").read_bytes() == before
    assert any("a_first.png" in line for line in told)


def test_a_net_of_many_styles_can_be_the_start_of_another(options, shelf, real_vgg, tmp_path):
    first = learn.learn(many(options, shelf))
    second = (
        "--init",
        str(first),
        "--net",
        "unet",
        "--recipe",
        "ghiasi2017",
        "--steps",
        "1",
        "--learning-rate",
        "1e-8",
    )
    assert main(["train", *arguments(options, tmp_path / "second", *second, "--learning-rate", "1e-8")]) == 0
    for one, other in zip(*(load_painter(f).get_weights() for f in (first, tmp_path / "second")), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert json.loads((tmp_path / "second" / "card.json").read_text())["init"]["name"] == "out"


def test_a_training_of_many_styles_goes_on_as_if_it_had_never_stopped(options, shelf, real_vgg, monkeypatch):
    exact(monkeypatch.setattr)
    options = many(options, shelf, learning_rate=1e-3)
    whole = learn.learn(learn.dataclasses.replace(options, output=str(options.folder / "whole")))
    halves = learn.dataclasses.replace(options, output=str(options.folder / "halves"))

    class Interrupted(learn.Checkpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(learn, "Checkpoint", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            learn.learn(halves)
    learn.learn(learn.dataclasses.replace(halves, resume=True))
    for one, other in zip(*(load_painter(f).get_weights() for f in (whole, halves.folder)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_batch_that_the_styles_cannot_share_is_refused(options, shelf):
    with pytest.raises(InputError, match="cannot be shared by 2 styles"):
        learn.learn(many(options, shelf, batch=3))
    assert not (options.folder / "painter.keras").exists()
