"""`keras-nst harmonize` from the command line."""

import json
import re

import cv2
import numpy as np
import pytest
from PIL import Image

from keras_nst.cli import main
from keras_nst.pictures.io import read, read_record


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with a painting, a composite, and an object, transparent and on white."""
    monkeypatch.chdir(tmp_path)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (96, 128, 3)), (0, 0), 2)
    painting = np.uint8(np.clip(140 + 25 * noise / noise.std(), 0, 255))
    y, x = np.indices((96, 128))
    disc = np.hypot(y - 48, x - 64) < 22
    save(painting, "painting.png")
    save(np.where(disc[..., None], np.uint8((30, 60, 220)), painting), "composite.png")
    save(255 * np.uint8(disc), "disc.png")
    save(np.zeros((96, 128), np.uint8), "nothing.png")
    save(np.full((96, 128), 255, np.uint8), "all.png")
    small = np.uint8(np.hypot(*(np.indices((60, 60)) - 30)) < 20)
    save(np.dstack([np.full((60, 60, 3), (200, 40, 40), np.uint8), 255 * small]), "object.png")
    save(np.where(small[..., None] > 0, np.uint8((200, 40, 40)), np.uint8(250)), "onwhite.png")
    return tmp_path


def save(pixels, name):
    Image.fromarray(pixels).save(name)


def run(capsys, *arguments):
    code = main(["harmonize", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_of_a_composite_the_object_is_found_and_all_else_stays(here, capsys):
    code, out, _ = run(
        capsys,
        *("painting.png", "composite.png", "-o", "out.png", "--quality", "draft", "--keep-mask", "mask.png"),
        *("--report", "report", "--compare", "before=composite.png", "--json", "--show-mask", "shown.png"),
    )
    assert code == 0
    shown, composite, disc = read("shown.png").rgb, read("composite.png").rgb, read("disc.png").rgb[..., 0] > 0.5
    np.testing.assert_array_equal(shown[0, 40:56, 56:72], composite[0, 40:56, 56:72])
    assert np.ptp(shown[0, cv2.dilate(np.uint8(disc[0]), np.ones((9, 9))) == 0], axis=-1).max() == 0
    told, found, expected = json.loads(out), read("mask.png").rgb[..., 0] > 0.5, read("disc.png").rgb[..., 0] > 0.5
    assert (found & expected).sum() / (found | expected).sum() > 0.9
    before, after = read("painting.png").rgb, read("out.png").rgb
    far = cv2.dilate(np.uint8(found[0]), np.ones((7, 7))) == 0
    np.testing.assert_array_equal(after[0, far], before[0, far])
    assert (told["width"], told["height"], told["changed_outside"]) == (128, 96, 0)
    record = read_record("out.png")
    assert record["quality"] == "draft"
    assert record["mixed_precision"] in ("off", "bfloat16")
    report = json.loads((here / "report" / "report.json").read_text())
    assert report["keras_nst"]["style"] == told["style"] < 0.5 * report["before"]["style"]
    assert read(here / "report" / "sheet.png").rgb.shape[1] > 480
    page = (here / "report" / "report.html").read_text("utf-8")
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions == ["painting", "composite", "128 px", "result", "before"]
    assert "<tr><td>quality<td>draft" in page


@pytest.mark.parametrize("source", ["object.png", "onwhite.png"])
def test_an_object_goes_where_it_is_told(here, capsys, source):
    code, _, _ = run(
        capsys,
        *("painting.png", source, "-o", "out.png", "--at", "30,40", "--scale", 0.5, "--style-strength", 0),
        *("--keep-mask", "mask.png"),
    )
    assert code == 0
    changed = np.abs(read("out.png").rgb - read("painting.png").rgb)[0].max(axis=-1) > 0.2
    rows, columns = np.nonzero(changed)
    assert (columns.mean(), rows.mean()) == pytest.approx((30, 40), abs=1)
    assert len(rows) == pytest.approx(np.pi * 10**2, rel=0.1)
    np.testing.assert_allclose(read("out.png").rgb[0, 40, 30] * 255, (200, 40, 40), atol=2)
    again = ("--at", "30,40", "--scale", 0.5, "--style-strength", 0, "--mask", "mask.png")
    assert run(capsys, "painting.png", source, "-o", "again.png", *again)[0] == 0
    np.testing.assert_allclose(read("again.png").rgb, read("out.png").rgb, atol=3 / 255)


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("composite.png", "the painting with the object in it"),
        ("speck.png", "the painting with the object in it"),
        ("layer.png", "an object on a transparent background, which has the painting's size"),
        ("white.png", "an object on a plain background, which has the painting's size"),
    ],
)
def test_an_object_of_the_paintings_size_stays_where_it_is_and_it_is_said_what_it_is(here, capsys, source, taken):
    disc, painted = read("disc.png").rgb[0, ..., :1], np.uint8(255 * read("composite.png").rgb[0])
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[3, 5] = 254  # A single pixel, as painting programs leave it.
    save(np.dstack([painted, alpha]), "speck.png")
    save(np.dstack([painted, np.uint8(255 * disc)]), "layer.png")
    save(np.where(disc > 0, painted, np.uint8(252)), "white.png")
    code, _, err = run(
        capsys, "painting.png", source, "-o", "out.png", "--keep-mask", "mask.png", "--style-strength", 0
    )
    assert code == 0
    assert f"{source} is used as {taken}" in err
    found, expected = read("mask.png").rgb[0, ..., 0] > 0.5, disc[..., 0] > 0.5
    assert (found & expected).sum() / (found | expected).sum() > 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("painting.png", "painting.png"), "shows nothing that the painting does not"),
        (("painting.png", "composite.png", "--mask", "nothing.png"), "selects nothing"),
        (("painting.png", "composite.png", "--mask", "all.png"), "covers all"),
        (("painting.png", "object.png", "--scale", 4), "the painting has 128 x 96"),
        (("painting.png", "object.png", "--at", "500,20"), "lies outside the painting"),
        (("painting.png", "onwhite.png", "--select", "90,90"), "90,90"),
        (("painting.png", "object.png", "--mask", "disc.png"), "60 x 60"),
        (("painting.png", "nowhere.png"), "nowhere.png"),
        (("painting.png", "composite.png", "--compare", "composite.png"), "--report"),
        (("painting.png", "composite.png", "--report", "new", "--compare", "object.png"), "another size"),
        (("painting.png", "composite.png", "--report", "new", "--compare", "composite.png"), "called 'composite'"),
        (("painting.png", "composite.png", "--keep-mask", "mask.png", "--report", "disc.png"), "--report disc.png"),
        (("painting.png", "object.png", "-o", "out.xyz"), "xyz"),
        (("painting.png", "object.png", "--style-strength", "2"), "from 0 to 1"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(here, capsys, arguments, message):
    before = sorted(here.iterdir())
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(here.iterdir()) == before
