import cv2
import numpy as np
import pytest
from PIL import Image

from keras_nst.cli import main
from keras_nst.models.cam import cam, gap_classifier
from keras_nst.pictures.compositing import fill_transparent
from keras_nst.pictures.io import read, read_record
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.saliency import saliency


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with photographs, one of them transparent, and a file that is not a picture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(rng.integers(0, 256, (36, 48, 3), np.uint8)).save(tmp_path / "photos" / name)
    Image.fromarray(rng.integers(0, 256, (36, 48, 4), np.uint8)).save(tmp_path / "transparent.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    return tmp_path


@pytest.mark.parametrize("method", ["rbd+mbd", "rbd", "mbd"])
def test_one_photograph_gives_a_gray_map_of_its_size_that_records_the_method(here, method):
    assert main(["saliency", "photos/a.jpg", "-o", "new/map.png", "--method", method]) == 0
    written = read("new/map.png").rgb
    np.testing.assert_allclose(written, saliency(read("photos/a.jpg").rgb, method).repeat(3, axis=-1), atol=0.51 / 255)
    assert read_record("new/map.png")["saliency"] == method


def test_without_a_name_the_map_is_called_after_the_photograph(here, capsys):
    assert main(["saliency", "sample:rocket"]) == 0
    assert read("rocket-saliency.png").rgb.shape == read("sample:rocket").rgb.shape
    assert capsys.readouterr().out == "rocket-saliency.png  640x427\n"


def test_a_folder_goes_to_a_folder(here):
    assert main(["saliency", "photos", "-o", "maps"]) == 0
    assert sorted(path.name for path in (here / "maps").iterdir()) == ["a-saliency.png", "b-saliency.png"]


def test_a_bad_photograph_among_good_ones_is_told_and_the_others_are_done(here, capsys):
    assert main(["saliency", "text.jpg", "photos/b.png", "-o", "maps"]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "text.jpg" in errors
    assert [path.name for path in (here / "maps").iterdir()] == ["b-saliency.png"]


def test_stdin_goes_to_stdout(here, capsysbinary, monkeypatch):
    with open("photos/a.jpg", "rb") as stdin:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stdin}))
        assert main(["saliency", "-"]) == 0
    assert read(capsysbinary.readouterr().out).rgb.shape == (1, 36, 48, 3)


def test_what_is_transparent_is_not_looked_at(here):
    assert main(["saliency", "transparent.png", "-o", "map.png", "--method", "rbd+mbd"]) == 0
    picture = read("transparent.png")
    seen = saliency(fill_transparent(picture.straight, picture.alpha))
    np.testing.assert_allclose(read("map.png").rgb, seen.repeat(3, axis=-1), atol=0.51 / 255)


def test_an_activation_map_shows_what_the_classifier_sees(here):
    assert main(["saliency", "sample:chelsea", "-o", "map.png", "--method", "cam"]) == 0
    (written,) = read("map.png").rgb
    assert written.shape == (300, 451, 3)
    assert (written.min(), written.max()) == (0, 1)
    rgb, classifier = resize(Picture(read("sample:chelsea").rgb), 300).rgb, gap_classifier()
    (activation,) = np.asarray(cam(classifier, rgb, np.argmax(classifier(rgb, training=False)["logits"], axis=-1)))
    shrunk = cv2.resize(written[..., 0], activation.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(shrunk.ravel(), activation.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.jpg"], "nowhere.jpg"),
        (["text.jpg"], "text.jpg"),
        (["photos", "-o", "text.jpg"], "folder"),
        (["photos/a.jpg", "-o", "map.xyz"], "xyz"),
        (["photos/a.jpg", "photos/a.jpg"], "a-saliency.png"),
        (["photos/a.jpg", "--method", "rdb"], "rbd"),
        ([], "PHOTO"),
    ],
)
def test_bad_input_is_one_line_and_code_2_and_leaves_nothing(here, capsys, arguments, told):
    before = sorted(here.rglob("*"))
    assert main(["saliency", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert told in captured.err
    assert sorted(here.rglob("*")) == before
