"""The whole job, with a tiny net and, where features do not matter, a narrow VGG16."""

import csv
import json
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from io import StringIO
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from PIL import Image
from reference.trainings import COMMAND, ENVIRONMENT, arguments, exact

from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.fit import checkpoints
from keras_nst.jobs import learn, setups
from keras_nst.jobs.training_folder import OPTIONS, TrainingFolder
from keras_nst.models.saved import save_code
from keras_nst.models.styles import load_net, read_card
from keras_nst.pictures.io import read
from keras_nst.recipes import liu2019

pytestmark = pytest.mark.usefixtures("small")


def test_a_training_lowers_the_loss_and_leaves_a_style_with_its_card(options, real_vgg):
    folder = learn.learn(learn.dataclasses.replace(options, recipe=learn.TrainingOptions.recipe))
    with open(folder / "training" / "log.csv") as file:
        totals = [float(row["total"]) for row in csv.DictReader(file)]
    assert totals[-1] < 0.8 * totals[0]
    card = read_card(folder)
    assert (card["name"], card["steps"], card["content"]["count"]) == ("out", 40, 4)
    assert card["final"]["total"] == pytest.approx(totals[-1])
    parts = sum(weight * card["final"][term] for term, weight in card["weights"].items())
    assert card["final"]["total"] == pytest.approx(parts, rel=1e-4)
    assert load_net(folder)(np.zeros((1, 20, 30, 3), np.float32)).shape == (1, 20, 30, 3)
    assert (folder / "preview.jpg").is_file()
    assert read(folder / "training" / "losses.png").rgb.std() > 0.01
    # The files of the unfinished training are removed.
    assert not list((folder / "training").glob("*checkpoint*"))


def test_the_losses_of_photographs_held_back_are_logged(options):
    folder = learn.learn(learn.dataclasses.replace(options, steps=2, validation=options.content))
    card = read_card(folder)
    with open(folder / "training" / "log.csv") as file:
        *_, last = csv.DictReader(file)
    parts = sum(weight * float(last[f"val_{term}"]) for term, weight in card["weights"].items())
    assert float(last["val_total"]) == pytest.approx(parts, rel=1e-4)
    assert last["val_total"] != last["total"]
    assert card["validation"] == "photos"


def test_what_is_kept_of_the_photographs_is_learned_with_the_style(options, monkeypatch):
    def dark_or_bright(*_, **__):
        """A classifier of two classes whose maps are the darkness and the brightness of blocks of eight pixels."""
        image = keras.Input((None, None, 3))
        blocks = keras.layers.AveragePooling2D(8)(image)
        sum_of_colors = keras.layers.Conv2D(2, 1)
        maps = sum_of_colors(blocks)
        sum_of_colors.set_weights([np.tile([-5.0, 5.0], (1, 1, 3, 1)), np.array([7.5, -7.5])])
        logits = keras.layers.GlobalAveragePooling2D()(maps)
        return keras.Model(image, {"maps": maps, "logits": logits}, trainable=False)

    monkeypatch.setattr(setups, "gap_classifier", dark_or_bright)
    monkeypatch.setattr(setups, "subject_map", lambda rgb: np.ones_like(rgb[..., :1]))
    keep = ["cam", "edge", "color", "subject"]
    folder = learn.learn(learn.dataclasses.replace(options, recipe="liu2019", keep=keep, lambda1=0.01, steps=120))
    card = read_card(folder)
    assert (card["recipe"], card["keep"]) == ("liu2019", keep)
    assert card["weights"]["style"] == pytest.approx(0.01 * liu2019.tuned().perceptual.weights["style"])
    with open(folder / "training" / "log.csv") as file:
        rows = list(csv.DictReader(file))

    def kept(row):
        return sum(card["weights"][term] * float(row[term]) for term in (*keep, "category"))

    assert kept(rows[-1]) < 0.7 * kept(rows[0])


@pytest.fixture
def collection(options, tmp_path, rng, monkeypatch):
    """Options of a training from the photographs to pictures with flat areas; compiling it would take longer."""
    trainer = setups.AdversarialTrainer
    compiled = trainer.compile
    monkeypatch.setattr(trainer, "compile", lambda self, *sides, jit_compile: compiled(self, *sides, jit_compile=False))
    (tmp_path / "flat").mkdir()
    for number in range(3):
        areas = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(areas).resize((64, 64), Image.Resampling.NEAREST).save(tmp_path / "flat" / f"{number}.png")
    return learn.dataclasses.replace(
        options,
        recipe="sdp_gan",
        style=str(tmp_path / "flat"),
        style_size=learn.TrainingOptions.style_size,
        learning_rate=None,
        output=str(tmp_path / "gan"),
    )


def test_a_collection_is_learned_against_a_discriminator(collection):
    folder = learn.learn(collection)
    with open(folder / "training" / "log.csv") as file:
        rows = [{name: float(value) for name, value in row.items() if value != "NA"} for row in csv.DictReader(file)]
    assert rows[-1]["saliency"] < rows[0]["saliency"]
    assert 0 < rows[-1]["accuracy"] <= 1
    card = read_card(folder)
    assert (card["recipe"], card["learning_rate"]) == ("sdp_gan", 2e-4)
    assert (card["style_set"]["count"], card["content"]["count"]) == (3, 4)
    assert card["final"] == pytest.approx({name: rows[-1][name] for name in ("total", *card["weights"])})
    assert load_net(folder)(np.zeros((1, 20, 30, 3), np.float32)).shape == (1, 20, 30, 3)
    # The photograph, the result and the maps of both, 256 pixels each.
    assert read(folder / "preview.jpg").rgb.shape[1] == 4 * (256 + 8) + 8


def test_a_saliency_net_may_be_taught_what_a_net_finds_or_a_folder_holds(collection, tmp_path):
    sides = {"subject": "subject", "maps": str(tmp_path / "maps")}
    (tmp_path / "maps").mkdir()
    for photo in Path(collection.content).glob("*.*"):
        Image.fromarray(np.full((16, 16), 255, np.uint8)).save(tmp_path / "maps" / f"{photo.stem}.png")
    for name, saliency in sides.items():
        options = learn.dataclasses.replace(collection, learning_rate=2e-4, saliency=saliency)
        training = setups.setup(options, Console(quiet=True))
        _, maps, *_ = next(training.source.batches(size=32, batch=2, seed=0).as_numpy_iterator())
        assert (maps == 1).all() == (name == "maps")
        kept = [path.parent.name for path in Path(collection.content).rglob(".keras_nst/*/*.png")]
        assert kept == ["subject-1"] * 4
        assert learn._facts(training)["saliency"] == name


def test_both_sides_learn_at_the_rate_of_the_trainings_step(collection):
    options = learn.dataclasses.replace(collection, steps=2000, learning_rate=2e-4)
    trainer = setups.setup(options, Console(quiet=True)).trainer
    trainer.discriminator_optimizer.iterations.assign(100)  # It does not learn yet.
    # As on the recipe's page: a tenth from half of the steps on, a hundredth in the last quarter.
    for step, rate in ((900, 2e-4), (1300, 2e-5), (1900, 2e-6)):
        trainer.step.assign(step)
        assert [float(optimizer.learning_rate) for optimizer, _ in trainer.players] == pytest.approx([rate, rate])


def test_where_content_is_measured_and_how_much_it_counts_can_be_asked_for(collection):
    asked = {"content_layer": "relu2_2", "content_schedule": "fixed", "learning_rate": 2e-4, "steps": 2000}
    trainer = setups.setup(learn.dataclasses.replace(collection, **asked), Console(quiet=True)).trainer
    assert {"vgg/relu2_2"} == {probe for probe in trainer.objective.loss.probes("content") if "vgg" in probe}
    assert float(trainer.factors(1999)["content"]) == 1


def test_the_style_of_a_collection_can_be_the_start(collection):
    first = learn.learn(collection)
    begun = setups.setup(
        learn.dataclasses.replace(collection, init=str(first), seed=7, learning_rate=2e-4), Console(quiet=True)
    ).trainer
    for start, weight in zip(load_net(first).get_weights(), begun.trained.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, start)


def test_cartoongan_is_learned_without_saliency(collection):
    changed = {"epochs": 2.5, "game": "hinge", "spectral_norm": True}
    card = read_card(learn.learn(learn.dataclasses.replace(collection, recipe="cartoongan", **changed)))
    assert set(card["weights"]) == {"adversarial", "content"}
    assert card["steps"] == 5  # Two of the four photographs per step.
    assert not list(Path(collection.content).rglob(".keras_nst"))


def test_cyclegan_is_learned_with_a_way_back(collection):
    folder = learn.learn(learn.dataclasses.replace(collection, recipe="cyclegan", steps=1))
    assert set(read_card(folder)["weights"]) == {"adversarial", "cycle", "identity"}
    learned = load_net(folder).get_weights()
    begun = setups.setup(
        learn.dataclasses.replace(collection, recipe="cyclegan", init=str(folder), learning_rate=2e-4),
        Console(quiet=True),
    ).trainer
    for weight, start in zip(begun.trained.get_weights(), learned, strict=True):
        np.testing.assert_array_equal(weight, start)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"init": "starry_night"}, "'starry_night' does not have the architecture of the recipe sdp_gan"),
        ({"net": "lite"}, "`net`"),
        ({"recipe": "johnson2016", "style": "sample:coffee", "game": "hinge"}, "`game`"),
        ({"recipe": "johnson2016", "style": "sample:coffee", "spectral_norm": True}, "`spectral_norm`"),
        ({"recipe": "johnson2016", "style": "sample:coffee", "saliency": "subject"}, "`saliency`"),
        ({"recipe": "johnson2016", "style": "sample:coffee", "content_schedule": "fixed"}, "`content_schedule`"),
        ({"content_layer": "relu4_4"}, r"Unknown `content_layer`: 'relu4_4'\. Did you mean 'relu4_"),
        ({"recipe": "cyclegan", "content_layer": "relu4_1"}, "cyclegan has no content term.*`content_layer`"),
        ({"recipe": "cyclegan", "backbone": "vgg19"}, "cyclegan has no content term.*`backbone`"),
        ({"recipe": "cyclegan", "saliency": "subject"}, "No saliency map is used.*`saliency`"),
        ({"recipe": "cartoongan", "saliency": "subject"}, "No saliency map is used.*`saliency`"),
        ({"recipe": "cartoongan", "concatenate": False}, "no saliency net.*`concatenate`"),
        ({"weights": {"saliency": 0.0}, "concatenate": False}, "no saliency net.*`concatenate`"),
        ({"keep": ["cam"]}, "sdp_gan keeps no semantics.*`keep`"),
        ({"recipe": "cartoongan", "lambda2": 2.0}, "cartoongan keeps no semantics.*`lambda2`"),
        ({"classifier_size": 64}, "sdp_gan keeps no semantics.*`classifier_size`"),
        ({"style_size": 64}, "`style_size`"),
        ({"validation": "photos"}, "`validation`"),
        ({"recipe": "kolkin2019", "style": "sample:coffee", "classifier": "ResNet50"}, "`keep` has cam.*`classifier`"),
        ({"recipe": "liu2019", "style": "sample:coffee", "keep": ["edge"], "classifier_classes": 7}, "`classifier_cla"),
        ({"recipe": "cyclegan", "weights": {"adversarial": 0.0}}, "no game"),
        ({"saliency": "nowhere"}, r"nowhere.*subject, rbd\+mbd, or a folder"),
        ({"batch": 5}, "`batch`"),
        ({"style": "nowhere"}, "does not exist"),
        ({"style": ["flat", "round"]}, "one collection"),
        ({"weights": {"adversarial": 0.0}}, "adversarial"),
        ({"content": None, "epochs": 2}, "`steps`"),
    ],
)
def test_what_cannot_be_learned_is_told(collection, tmp_path, changed, message):
    with pytest.raises(InputError, match=message):
        learn.learn(learn.dataclasses.replace(collection, **changed))
    assert not collection.folder.exists()
    assert not [*tmp_path.rglob(".keras_nst/*/*.png")]  # Maps take long.


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recipe": "cyclegan"}, "The recipe cyclegan does not run on JAX"),
        ({"mixed_precision": "float16"}, "`mixed_precision` of float16 does not run on JAX"),
        ({"devices": 2}, "Several `devices` .* need TensorFlow"),
    ],
)
def test_what_jax_cannot_do_is_told_before_anything_is_read(options, monkeypatch, changed, message):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match=message):
        learn.learn(learn.dataclasses.replace(options, content="nowhere", **changed))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_killed_and_resumed_training_ends_with_the_weights_of_an_undisturbed_one(options, tmp_path, backend):
    pytest.importorskip(backend)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command, environment = [*COMMAND, "adam"], {**ENVIRONMENT, "KERAS_BACKEND": backend}
    subprocess.run([*command, *arguments(options, whole)], check=True, capture_output=True, env=environment)
    process = subprocess.Popen([*command, *arguments(options, killed)], stdout=-3, stderr=-3, env=environment)
    log = killed / "training" / "log.csv"
    while not log.is_file() or len(log.read_text().splitlines()) < 1 + 4:  # Four epochs of five steps.
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model.keras").exists()
    subprocess.run(
        [*command, *arguments(options, killed, "--resume")], check=True, capture_output=True, env=environment
    )
    for expected, weight in zip(load_net(whole).get_weights(), load_net(killed).get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


def losses(folder):
    """The logged losses of each epoch, (epochs, terms)."""
    with open(folder / "training" / "log.csv") as file:
        return [[float(value) for value in row.values() if value != "NA"] for row in csv.DictReader(file)]


@pytest.fixture(params=["johnson2016", pytest.param("sdp_gan", marks=pytest.mark.slow(minutes=2))])
def shared(request, collection, options, monkeypatch):
    """Ten steps of each kind of training."""
    exact(monkeypatch.setattr)
    chosen = collection if request.param == "sdp_gan" else options
    return learn.dataclasses.replace(chosen, steps=10, learning_rate=1e-3, output=str(options.folder.parent / "alone"))


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(shared, tmp_path):
    command = [*COMMAND, "descent", *arguments(shared, tmp_path / "two", "--devices", "2")]
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(learn.learn(shared)), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_after_one_died(options, tmp_path, monkeypatch):
    exact(monkeypatch.setattr)
    options = learn.dataclasses.replace(options, steps=16, learning_rate=1e-3)
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])

    def workers(*more):
        command = [*COMMAND, "descent", *arguments(options, tmp_path / "two", *more)]
        for index in range(2):
            cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
            config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
            yield subprocess.Popen(command, stdout=-3, stderr=-3, env={**ENVIRONMENT, "TF_CONFIG": config})

    chief, other = workers()
    log = tmp_path / "two" / "training" / "log.csv"
    while not log.is_file() or len(log.read_text().splitlines()) < 1 + 3:  # Three epochs of two steps.
        assert chief.poll() is other.poll() is None
        time.sleep(0.01)
    for process in (other, chief):
        process.kill()
        process.wait()
    assert not (tmp_path / "two" / "model.keras").exists()
    assert [process.wait() for process in list(workers("--resume"))] == [0, 0]
    rows = {row[0]: row for row in losses(tmp_path / "two")}  # An epoch may be logged twice.
    np.testing.assert_allclose([*rows.values()], losses(learn.learn(options)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "devices", "message"),
    [
        ({}, 3, "A batch of 2 cannot be shared by 3 devices"),
        ({"recipe": "cartoongan"}, 3, "A batch of 2 cannot be shared by 3 devices"),
        ({"net": "unet"}, 2, "1 sets of paintings cannot be shared by 2 devices"),
    ],
)
def test_what_devices_cannot_share_is_refused(options, monkeypatch, changed, devices, message):
    monkeypatch.setattr(learn.devices, "replicas", lambda: devices)
    with pytest.raises(InputError, match=message):
        learn.learn(learn.dataclasses.replace(options, **changed))
    assert not options.folder.exists()


def test_an_unfinished_training_is_neither_overwritten_nor_resumed_as_another_one(options, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(learn, "save_style", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn.learn(options)
    with pytest.raises(InputError, match="`resume`"):
        learn.learn(options)
    with pytest.raises(InputError, match=r"seed 0 became 1"):
        learn.learn(learn.dataclasses.replace(options, seed=1, resume=True))
    assert json.loads((options.folder / "training" / "options.json").read_text())["seed"] == 0


def test_what_saves_an_exploding_training_may_change_as_it_is_resumed(tmp_path):
    before = {"seed": 0, "learning_rate": 1.0, "steps": 40, "weights": {"style": 9.0}}
    folder = TrainingFolder(tmp_path)
    folder.claim(before)
    after = {"seed": 0, "learning_rate": 0.1, "steps": 80, "weights": {"style": 1.0}}
    folder.check_same(after)
    folder.claim(after)
    assert json.loads((folder.path / OPTIONS).read_text()) == after


@pytest.mark.parametrize("changed", [{"size": 65_536}, {"batch": 1_000_000}])
def test_crops_that_the_memory_does_not_hold_are_refused_before_any_net_is_built(options, changed, monkeypatch):
    monkeypatch.setattr(learn, "setup", None)
    with pytest.raises(InputError, match=r"GB are free\. Try a smaller `size` or `batch`\."):
        learn.learn(learn.dataclasses.replace(options, **changed))


def test_two_trainings_cannot_share_a_folder(tmp_path):
    first = TrainingFolder(tmp_path)
    first.claim({"seed": 0})
    with pytest.raises(InputError, match="Another training runs in"):
        TrainingFolder(tmp_path).claim({"seed": 0})


def test_a_training_that_was_interrupted_leaves_its_folder_to_the_next(options, monkeypatch):
    """Even if somebody keeps the exception, and with it all frames, as a notebook does."""
    options = learn.dataclasses.replace(options, steps=1)
    with monkeypatch.context() as patched:
        patched.setattr(learn, "save_style", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt) as kept:
            learn.learn(options)
    assert learn.learn(learn.dataclasses.replace(options, resume=True)) == options.folder
    assert kept.traceback


def test_a_training_with_all_its_steps_takes_none_when_it_is_resumed_and_no_fewer_can_be_asked_for(
    options, monkeypatch
):
    options = learn.dataclasses.replace(options, steps=17)  # Epochs have two steps.
    taken = []

    def written(training, *_):
        taken.append(training.trainer.steps_taken)
        if len(taken) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(learn, "_write", written)
    with pytest.raises(KeyboardInterrupt):
        learn.learn(options)
    before = (options.folder / "training" / "log.csv").read_bytes()
    with pytest.raises(InputError, match=r"has taken 17 steps.*`steps`"):
        learn.learn(learn.dataclasses.replace(options, steps=16, resume=True))
    learn.learn(learn.dataclasses.replace(options, resume=True))
    assert taken == [17, 17]
    assert (options.folder / "training" / "log.csv").read_bytes() == before


def test_what_is_interrupted_while_a_preview_is_painted_loses_no_step(options, monkeypatch):
    steps = learn.dataclasses.replace(options, steps=17)  # Epochs have two steps.
    with monkeypatch.context() as patched:
        patched.setattr(learn.Preview, "on_epoch_end", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn.learn(steps)
    told, console = [], Console()
    console.line = told.append
    learn.learn(learn.dataclasses.replace(steps, resume=True), console=console)
    assert any("Steps 3 to 17" in line for line in told)


def test_of_two_checkpoints_the_newest_that_can_be_read_is_gone_on_from(tmp_path):
    state = {name: keras.Variable(np.zeros(3, np.float32)) for name in ("net/kernel", "average/kernel")}
    for value in (1.0, 2.0, 3.0):
        for variable in state.values():
            variable.assign(np.full(3, value, np.float32))
        checkpoints.save(tmp_path, state)
    told = []
    checkpoints.restore(tmp_path, state, told.append)
    assert (float(state["net/kernel"][0]), told) == (3, [])
    newest = tmp_path / checkpoints.NEWEST
    newest.write_bytes(newest.read_bytes()[:-100])
    checkpoints.restore(tmp_path, state, told.append)
    assert float(state["average/kernel"][0]) == 2
    assert "checkpoint.npz is damaged" in told[0]
    with zipfile.ZipFile(newest, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/kernel.npy", bytes(50_000_000))  # It compresses to 50 kB.
    checkpoints.restore(tmp_path, state, told.append)
    assert "checkpoint.npz unpacks to 50,000,000 bytes" in told[1]
    with pytest.raises(InputError, match=r"checkpoint-before\.npz is damaged \(it is of another net: net/bias"):
        checkpoints.restore(tmp_path, {**state, "net/bias": state["net/kernel"]}, told.append)


def test_variables_have_the_same_names_in_another_process():
    def names():
        net = keras.Sequential([keras.layers.Dense(2, name="one"), keras.layers.Dense(2, name="two")], name="net")
        net.build((None, 3))
        optimizer = keras.optimizers.Adam()
        optimizer.build(net.variables)
        return [*checkpoints.named(net=net.variables, optimizer=optimizer.variables)]

    assert names() == names()
    assert {"net/net/one/kernel", "net/net/two/bias"} <= set(names())


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(options, monkeypatch):
    monkeypatch.setattr(setups, "_rate", lambda *_: 1e30)
    with pytest.raises(InputError, match=r"`learning_rate`"):
        learn.learn(options)
    assert not (options.folder / "model.keras").exists()


def test_photographs_that_cannot_be_read_are_listed_once(options, tmp_path):
    names = [f"broken{number}.jpg" for number in range(4)] + ["z[/red].png", "[bold]\x1b[31m.png"]
    for name in names:
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no picture")
    shown = StringIO()
    folder = learn.learn(learn.dataclasses.replace(options, steps=8), console=Console(file=shown, width=200))
    for name in names:
        assert shown.getvalue().count(name.replace("\x1b", "\\x1b")) == 1
    assert (folder / "model.keras").is_file()


def test_a_message_that_cannot_be_shown_costs_no_style(options, tmp_path, monkeypatch):
    (tmp_path / "photos" / "broken.jpg").write_text("no picture")
    monkeypatch.setattr(learn.Console, "line", mock.Mock(side_effect=[None, BrokenPipeError]))
    monkeypatch.setattr(learn, "ProgressLine", lambda *_: keras.callbacks.Callback())
    with pytest.raises(BrokenPipeError):
        learn.learn(learn.dataclasses.replace(options, steps=1))
    assert (options.folder / "model.keras").is_file()


@pytest.mark.parametrize("damage", ["gone", "empty", "garbage"])
def test_a_log_that_is_lost_costs_no_style(options, monkeypatch, damage):
    """The log is lost after the last checkpoint, before the style is written; then the training is resumed."""
    options = learn.dataclasses.replace(options, steps=1)
    with monkeypatch.context() as patched:
        patched.setattr(learn, "save_style", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn.learn(options)
    training = options.folder / "training"
    (training / "log.csv").unlink()
    shutil.rmtree(training / "tensorboard")
    if damage != "gone":
        for name in ("log.csv", "tensorboard"):
            (training / name).write_bytes(b"" if damage == "empty" else b'\xff\0,,"\n[')
    folder = learn.learn(learn.dataclasses.replace(options, resume=True))
    assert load_net(folder)(np.zeros((1, 20, 30, 3), np.float32)).shape == (1, 20, 30, 3)
    assert not TrainingFolder(folder).can_be_resumed


def test_a_small_net_is_learned_and_named_after_its_size(options, monkeypatch):
    monkeypatch.chdir(options.folder.parent)
    folder = learn.learn(learn.dataclasses.replace(options, steps=1, net="lite", output=None))
    assert (folder.name, read_card(folder)["net"]) == ("stripes-lite", "lite")
    assert load_net(folder).get_layer("encode1_conv").kernel.shape == (5, 5, 3, 8)
    with pytest.raises(InputError, match="architecture"):
        learn.learn(learn.dataclasses.replace(options, init=str(folder), output="full"))


def test_a_finished_style_is_overwritten_on_request_alone_and_as_a_whole(options, monkeypatch):
    options = learn.dataclasses.replace(options, steps=1)
    folder = learn.learn(options)

    def content():
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    before = content()
    assert before.keys() == {"model.keras", "card.json", "preview.jpg"}
    other = learn.dataclasses.replace(options, seed=1)
    with pytest.raises(InputError, match="`overwrite`"):
        learn.learn(other)
    with monkeypatch.context() as patched:  # Stopped at the very end.
        patched.setattr(learn, "save_style", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            learn.learn(learn.dataclasses.replace(other, overwrite=True))
    assert content() == before
    assert learn.learn(learn.dataclasses.replace(other, resume=True)) == folder
    assert all(content()[name] != before[name] for name in before)
    assert read_card(folder)["seed"] == 1
    assert len(losses(folder)) == 1  # That of the training that was replaced is gone.


def test_a_style_that_is_a_code_is_not_replaced_unasked(options):
    save_code(options.folder, np.zeros(128), {"painter": "unet"})
    with pytest.raises(InputError, match="holds a style"):
        learn.learn(options)


@pytest.mark.parametrize("net", ["johnson", "unet"])
def test_a_folder_around_other_styles_is_no_place_for_a_style(options, net):
    save_code(options.folder / "poppies", np.zeros(128), {"painter": "unet"})
    with pytest.raises(InputError, match=r"holds other styles \(poppies\)\. Choose another `output`"):
        learn.learn(learn.dataclasses.replace(options, net=net))


def test_options_that_are_sequences_are_the_same_when_a_training_is_resumed(tmp_path):
    folder, facts = TrainingFolder(tmp_path), {"keep": ("cam", "light"), "paintings": [{"count": 3}], "size": 64}
    folder.claim(facts)  # JSON has lists only.
    folder.release()
    folder.check_same(facts)
    with pytest.raises(InputError, match=r"keep \['cam', 'light'\] became \['cam'\]"):
        folder.check_same({**facts, "keep": ("cam",)})


def test_another_style_can_be_the_start(options, tmp_path):
    first = learn.learn(learn.dataclasses.replace(options, steps=8))
    again = learn.dataclasses.replace(
        options, steps=1, learning_rate=1e-8, init=str(first), output=str(tmp_path / "again")
    )
    for start, weight in zip(load_net(first).get_weights(), load_net(learn.learn(again)).get_weights(), strict=True):
        np.testing.assert_allclose(weight, start, atol=1e-3)


def test_a_collection_is_learned_as_one_style(options, shelf, tmp_path):
    options = learn.dataclasses.replace(options, style=[shelf], recipe="kolkin2019", output=str(tmp_path / "both"))
    folder = learn.learn(learn.dataclasses.replace(options, steps=60))
    assert [(part["kind"], part["count"]) for part in read_card(folder)["paintings"]] == [("folder", 2)]
    with open(folder / "training" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["transport"]) < 0.8 * float(rows[0]["transport"])
