"""Styles that are codes of a net of many styles: stored ones, and those of any painting."""

import contextlib
import itertools
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from reference.nets import SMALL, randomized

from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.infer.stylizer import Stylizer
from keras_nst.jobs.stylize import in_styles, stylizer
from keras_nst.models import nets, painter, saved, styles
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS, parts, predicted
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg
from keras_nst.pictures.grain import with_grain
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of styles with a small net of many styles."""
    folder = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(nets.NETS, "unet", SMALL["unet"])
        keras.utils.set_random_seed(0)
        net = randomized(predicted("unet"), np.random.default_rng(0), 0.1)
    saved.save_style(folder / "unet", net, {"name": "unet", "style_size": 64})
    return folder


@pytest.fixture(autouse=True)
def shipped(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "SHIPPED", shelf)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def painting(tmp_path, rng):
    path = tmp_path / "meadow.png"
    Image.fromarray(rng.integers(0, 256, (80, 100, 3), np.uint8)).save(path)
    return path


PHOTOGRAPH = np.random.default_rng(5).random((1, 40, 48, 3)).astype(np.float32)


def of_code(shelf, code):
    net, _ = parts(saved.load_painter(shelf / "unet"))
    return np.asarray(
        net({"image": keras.ops.convert_to_tensor(PHOTOGRAPH), "code": keras.ops.convert_to_tensor(code[None])})
    )


def test_a_style_is_a_code_of_the_net_beside_it(shelf, tmp_path):
    code = np.random.default_rng(1).normal(size=128).astype(np.float32)
    saved.save_code(shelf / "meadow", code, {"name": "meadow", "painter": "unet"})
    assert set(styles.styles()) == {"meadow"}  # The net itself is not listed.
    np.testing.assert_allclose(styles.load_net("meadow")(PHOTOGRAPH), of_code(shelf, code), atol=1e-4)


def test_a_code_for_another_net_of_the_same_name_is_refused(shelf):
    known = saved.read_facts(shelf / "unet")[saved.HASH]
    saved.save_code(shelf / "right", np.zeros(128), {"painter": "unet", saved.PAINTER_HASH: known})
    saved.save_code(shelf / "wrong", np.zeros(128), {"painter": "unet", saved.PAINTER_HASH: 64 * "0"})
    assert styles.find_painter(shelf / "right") == shelf / "unet"
    with pytest.raises(InputError, match="is a code for another net"):
        styles.load_net("wrong")


def test_a_net_of_many_styles_is_found_by_its_name(shelf):
    assert saved.find_home("unet") == saved.find_home(shelf / "unet") == shelf / "unet"
    with pytest.raises(InputError, match=r"starry holds no painter\.keras\. Expected the folder or the name of a net"):
        saved.load_painter("starry")


def test_the_style_of_a_painting_is_for_the_net_that_predicted_it(shelf, painting):
    card = saved.read_facts(styles.find_style(painting))
    assert card[saved.PAINTER_HASH] == saved.read_facts(shelf / "unet")[saved.HASH]


def test_a_style_replaces_all_of_the_old_one(tmp_path):
    saved.save_code(tmp_path / "style", np.zeros(128), {"painter": "unet"})
    saved.save_style(tmp_path / "style", transfer_net(filters=(4, 4, 8), residual_blocks=1), {})
    assert styles.load_net(tmp_path / "style")(PHOTOGRAPH).shape == PHOTOGRAPH.shape


@pytest.fixture
def home(tmp_path):
    """A folder with a tiny net of many styles, a code for it, and one for another net."""
    code, folder = keras.Input((3,), name="code"), tmp_path / "home"
    saved.save_style(folder, keras.Model({"code": code}, keras.layers.Dense(3)(code)), {})
    saved.save_code(folder / "own", np.zeros(3), {saved.PAINTER_HASH: sha256(folder / saved.PAINTER)})
    saved.save_code(folder / "other", np.zeros(3), {saved.PAINTER_HASH: "another net"})
    return folder


def codes(folder):
    return {code.parent.name for code in folder.glob(f"*/{saved.CODE}")}


def test_wherever_the_replacement_of_a_net_is_killed_no_code_of_the_old_one_lies_beside_the_new_one(
    home, tmp_path, monkeypatch
):
    net, old = saved.load_painter(home), sha256(home / saved.PAINTER)
    net.set_weights([weight + 1 for weight in net.get_weights()])

    def until(moment, patched):
        """Files are changed so many times, and then no more."""
        changes = iter(range(moment))

        def limited(change):
            def once(*arguments, **more):
                if next(changes, None) is None:
                    raise KeyboardInterrupt
                return change(*arguments, **more)

            return once

        for owner, name in ((Path, "replace"), (Path, "unlink"), (shutil, "rmtree")):
            patched.setattr(owner, name, limited(getattr(owner, name)))

    nets = []
    for moment in itertools.count():
        folder = tmp_path / str(moment)
        shutil.copytree(home, folder)
        with monkeypatch.context() as patched:
            until(moment, patched)
            with contextlib.suppress(KeyboardInterrupt):
                saved.save_style(folder, net, {})
                break
        nets.append(sha256(folder / saved.PAINTER))
        assert codes(folder) == {"other"} or nets[-1] == old
        assert saved.read_facts(folder).get(saved.HASH) in (None, nets[-1])
        saved.save_style(folder, net, {})
        assert codes(folder) == {"other"}
    assert old in nets
    assert old != nets[-1]
    assert codes(folder) == {"other"}


def test_a_net_whose_card_is_broken_is_replaced_with_its_codes(home):
    net = saved.load_painter(home)
    saved.save_code(home / "broken", np.zeros(3), {})
    for card in (home / saved.CARD, home / "broken" / saved.CARD):
        card.write_text("{")
    saved.save_style(home, net, {"steps": 1})
    assert codes(home) == {"broken", "other"}
    assert saved.read_facts(home)["steps"] == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (np.full(128, np.nan, np.float32), "not the code of a style"),
        (np.zeros((2, 64), np.float32), "not the code of a style"),
        (np.zeros(7, np.float32), "has 7 numbers"),
        (np.zeros(128, np.int64), "not the code of a style"),
    ],
)
def test_a_code_that_is_none_is_refused(tmp_path, code, told):
    folder = tmp_path / "bad"
    saved.save_code(folder, np.zeros(128), {"painter": "unet"})
    np.save(folder / saved.CODE, code)
    with pytest.raises(InputError, match=told):
        styles.load_net(folder)


@pytest.mark.parametrize("name", ["", "missing", "../unet", None])
def test_a_code_whose_net_is_not_there_is_refused(tmp_path, name):
    saved.save_code(tmp_path / "lost", np.zeros(128), {"painter": name})
    with pytest.raises(InputError, match="is not next to it"):
        styles.load_net(tmp_path / "lost")


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    saved.save_code(tmp_path / "cut", np.zeros(128), {"painter": "unet"})
    file = tmp_path / "cut" / saved.CODE
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        styles.load_net(tmp_path / "cut")


def test_the_style_of_a_painting_is_what_the_predictor_says_of_its_statistics(shelf, painting):
    net = styles.load_net(painting)
    seen = Observer(vgg=vgg())(painter.seen_of(painting, painter.home()), STATISTICS.probes)
    _, predictor = parts(saved.load_painter(shelf / "unet"))
    code = np.asarray(predictor(*STATISTICS(seen)))[0]
    np.testing.assert_allclose(net(PHOTOGRAPH), of_code(shelf, code), atol=1e-4)
    folder = styles.find_style(painting)
    card = json.loads((folder / "card.json").read_text())
    assert (folder.name, card["style_image"], card["tuned_seconds"]) == ("meadow", "meadow.png", 0)


def test_a_small_picture_in_many_styles_is_each_of_them(shelf):
    rng = np.random.default_rng(2)
    names = [f"style{number}" for number in range(10)]
    for name in names:
        saved.save_code(shelf / name, rng.normal(size=128).astype(np.float32), {"name": name, "painter": "unet"})
    saved.save_style(shelf / "other", transfer_net(filters=(4, 4, 8), residual_blocks=1), {})
    names.insert(3, "other")
    found = dict(in_styles(Picture(PHOTOGRAPH), names))
    assert [*found][-1] == 3  # The one with a net of its own.
    for place, name in enumerate(names):
        alone = styles.load_net(name)(with_grain(PHOTOGRAPH))
        np.testing.assert_allclose(found[place].rgb, alone, atol=1e-4)
        np.testing.assert_allclose(Stylizer(name)(Picture(PHOTOGRAPH)).rgb, alone, atol=1e-4)


def test_styles_of_one_net_share_its_graph_and_bands_are_painted_as_the_whole(shelf, monkeypatch):
    rng = np.random.default_rng(3)
    for name in ("one", "two"):
        saved.save_code(shelf / name, rng.normal(size=128).astype(np.float32), {"name": name, "painter": "unet"})
    picture = Picture(PHOTOGRAPH)
    Stylizer("one")(picture)
    with monkeypatch.context() as patch:
        patch.setattr("keras_nst.infer.stylizer.bake", None)
        patch.setattr("keras_nst.infer.stylizer.tf.function", None)
        whole = Stylizer("two")(picture).rgb
    monkeypatch.setattr("keras_nst.infer.stylizer.WHOLE_PIXELS", 1000)
    monkeypatch.setattr("keras_nst.infer.bands.BAND_PIXELS", 800)
    np.testing.assert_allclose(Stylizer("two")(picture).rgb, whole, atol=1 / 255)


def test_a_painting_is_looked_at_once(painting, monkeypatch):
    first = styles.find_style(painting)
    monkeypatch.setattr("keras_nst.models.vgg.vgg", None)
    assert styles.find_style(painting) == first
    copy = painting.with_name("copy.png")
    copy.write_bytes(painting.read_bytes())
    with pytest.raises(TypeError):  # It has its own name, and so its own style.
        styles.find_style(copy)


def test_beside_a_painting_its_code_is_its_own(painting, tmp_path):
    first, second = (tmp_path / "uploads" / name / "meadow.png" for name in ("first", "second"))
    for path in (first, second):
        path.parent.mkdir(parents=True)
        path.write_bytes(painting.read_bytes())
    with painter.kept_beside(tmp_path / "uploads"):
        folders = [styles.find_style(path) for path in (first, second)]
        painter.keep(folders[0], np.zeros(128), first, tuned=30)
        assert [painter.tuned_seconds(path) for path in (first, second)] == [30, 0]
        assert painter.folder_of(painting).is_relative_to(tmp_path / "cache")  # It does not lie there.
    assert folders[0].is_relative_to(first.parent)
    assert folders[1].is_relative_to(second.parent)
    assert np.abs(np.load(folders[1] / saved.CODE)).max() > 0
    assert not (tmp_path / "cache").exists()


def test_codes_are_kept_beside_paintings_only_within_the_context(painting, tmp_path):
    cached = painter.folder_of(painting)
    with contextlib.suppress(KeyError), painter.kept_beside(tmp_path):
        beside = painter.folder_of(painting)
        raise KeyError
    assert beside != cached == painter.folder_of(painting)


@pytest.mark.parametrize("size", [(16, 16), (16, 600), (700, 17)])
def test_paintings_of_any_shape_have_a_style(tmp_path, rng, size):
    path = tmp_path / "odd.png"
    Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(path)
    height, width = painter.seen_of(path, painter.home()).shape[1:3]
    assert min(height, width) == 64
    assert max(height, width) <= 128
    assert np.isfinite(styles.load_net(path)(PHOTOGRAPH)).all()


def code_of(path, pixels):
    """The code that is predicted for a painting of these pixels."""
    Image.fromarray(pixels).save(path)
    return np.load(styles.find_style(path) / saved.CODE)


def test_of_a_strip_the_middle_is_seen(tmp_path, rng):
    strip = rng.integers(0, 256, (64, 6400, 3), np.uint8)
    code = code_of(tmp_path / "strip.png", strip)
    np.testing.assert_array_equal(code, code_of(tmp_path / "middle.png", strip[:, 3136:3264]))


def test_what_transparency_hides_is_no_style(tmp_path, rng):
    alpha = np.full((64, 80, 1), 255, np.uint8)
    alpha[20:40, 30:60] = 0
    visible, hidden = rng.integers(0, 256, (2, 64, 80, 3), np.uint8)
    other = np.where(alpha > 0, visible, hidden)
    code, same = (
        code_of(tmp_path / f"{name}.png", np.concatenate([rgb, alpha], axis=-1))
        for name, rgb in {"visible": visible, "hidden": other}.items()
    )
    np.testing.assert_allclose(code, same, atol=1e-6)
    assert np.abs(code - code_of(tmp_path / "opaque.png", visible)).max() > 1e-3


def test_what_cannot_be_a_painting_is_refused_before_the_net_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(painter, "CodePredictor", None)
    (tmp_path / "text.jpg").write_text("Starry")
    with pytest.raises(InputError, match=r"Cannot read text\.jpg"):
        styles.find_style("text.jpg")


def test_a_gray_painting_is_read_as_gray_rgb(tmp_path, rng):
    gray = rng.integers(0, 256, (64, 80), np.uint8)
    np.testing.assert_array_equal(
        code_of(tmp_path / "gray.png", gray), code_of(tmp_path / "rgb.png", np.dstack([gray] * 3))
    )


def test_a_large_painting_is_seen_at_the_size_of_the_training(tmp_path, rng):
    small = rng.integers(0, 256, (64, 80, 3), np.uint8)
    large = np.kron(small, np.ones((50, 50, 1), np.uint8))  # 13 megapixels.
    np.testing.assert_allclose(
        code_of(tmp_path / "large.png", large), code_of(tmp_path / "small.png", small), atol=1e-4
    )


@pytest.mark.parametrize("arguments", [[], ["--tune", "5"]])
def test_a_painting_of_too_few_pixels_is_refused_in_one_line(tmp_path, capsys, arguments):
    Image.fromarray(np.uint8(255 * PHOTOGRAPH[0])).save("photo.png")
    Image.fromarray(np.uint8(255 * PHOTOGRAPH[0, :8, :8])).save("dot.png")
    assert main(["stylize", "photo.png", "--style", "dot.png", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "dot.png: 8 x 8 pixels leave a side under the minimum of 16" in error
    assert sorted(path.name for path in tmp_path.glob("*")) == ["dot.png", "photo.png"]


def test_what_is_no_painting_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("Starry")
    with pytest.raises(InputError, match=r"notes\.txt"):
        styles.find_style("notes.txt")


def test_without_a_net_of_many_styles_a_painting_is_refused_in_one_line(painting, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "SHIPPED", tmp_path / "empty")
    with pytest.raises(InputError, match="Learn one with"):
        styles.find_style(painting)


def test_a_name_of_a_style_comes_before_a_file_of_that_name(shelf, painting):
    saved.save_code(shelf / "meadow", np.zeros(128), {"painter": "unet"})
    painting.rename("meadow")
    assert styles.find_style("meadow") == shelf / "meadow"


def test_the_command_stylizes_with_a_painting(painting, tmp_path, rng):
    Image.fromarray(rng.integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / "photo.png")
    assert main(["stylize", "photo.png", "--style", "meadow.png", "-o", "out.png"]) == 0
    assert read("out.png").rgb.shape == (1, 50, 60, 3)


def test_tuning_without_a_painting_is_refused(shelf, capsys):
    saved.save_code(shelf / "meadow", np.zeros(128), {"painter": "unet"})
    assert main(["stylize", "photo.png", "--style", "meadow", "--tune", "5"]) == 2
    assert "a painting's file" in capsys.readouterr().err


def test_tuning_changes_the_code_and_the_net_not_at_all(shelf, painting):
    from keras_nst.jobs.tune import tune

    before = np.load(styles.find_style(painting) / saved.CODE)
    net = (shelf / "unet" / saved.PAINTER).read_bytes()
    folder = tune(painting, 0.01)
    after = np.load(folder / saved.CODE)
    assert folder == styles.find_style(painting)
    assert 0 < np.abs(after - before).max() < 1
    assert json.loads((folder / "card.json").read_text())["tuned_seconds"] == 0.01
    assert (shelf / "unet" / saved.PAINTER).read_bytes() == net


def test_a_second_tuning_goes_on_from_the_first(shelf, painting):
    from keras_nst.jobs.tune import tune

    folder = styles.find_style(painting)
    code = np.load(folder / saved.CODE) + np.linspace(-5, 5, 128, dtype=np.float32)
    painter.keep(folder, code, painting, tuned=30)
    tune(painting, 0.01)
    np.testing.assert_allclose(np.load(folder / saved.CODE), code, atol=1)
    assert painter.tuned_seconds(painting) == pytest.approx(30.01)


def test_the_command_tunes_for_the_time_that_is_left(shelf, painting, tmp_path, rng, monkeypatch):
    from keras_nst.jobs import tune

    Image.fromarray(rng.integers(0, 256, (50, 60, 3), np.uint8)).save(tmp_path / "photo.png")
    folder, asked = styles.find_style(painting), []
    painter.keep(folder, np.load(folder / saved.CODE), painting, tuned=30)
    monkeypatch.setattr(tune, "tune", lambda painting, seconds, **_: asked.append(seconds))
    for seconds in ("20", "30", "50"):
        command = ["stylize", "photo.png", "--style", "meadow.png", "--tune", seconds, "-o", "out.png"]
        assert main(command) == 0
    assert asked == [20.0]


@pytest.mark.parametrize("by", [str, lambda painting: str(styles.find_style(painting))], ids=["file", "folder"])
def test_what_is_learned_stays_when_tuning_is_ended_and_is_the_style_at_once(painting, by, monkeypatch):
    from keras_nst.jobs import tune

    monkeypatch.setattr(tune, "EVERY", 0.0)
    style, codes = by(painting), []
    before = stylizer((style,))
    assert stylizer((style,)) is before

    def end(done):
        codes.append(np.load(styles.find_style(painting) / saved.CODE))
        if len(codes) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune.tune(painting, 600, progress=end)
    np.testing.assert_array_equal(np.load(styles.find_style(painting) / saved.CODE), codes[-1])
    assert np.abs(codes[-1] - codes[0]).max() > 0
    tuned = stylizer((style,))(Picture(PHOTOGRAPH)).rgb
    assert np.abs(tuned - before(Picture(PHOTOGRAPH)).rgb).max() > 0
    np.testing.assert_array_equal(tuned, Stylizer(painting)(Picture(PHOTOGRAPH)).rgb)


@pytest.mark.parametrize("arguments", [[], ["--tune", "5"]])
def test_a_painting_of_one_color_has_no_style(tmp_path, capsys, arguments):
    for name, level in {"photo.png": 200, "plain.png": 128}.items():
        Image.new("RGB", (64, 48), (level, level, level)).save(tmp_path / name)
    assert main(["stylize", "photo.png", "--style", "plain.png", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "plain.png has one color everywhere" in error
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["photo.png", "plain.png"]
