"""`keras-nst optimize` and `keras-nst partial` from the command line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from keras_nst.cli import main
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.io import read, read_record
from keras_nst.recipes import recipe

# Shallow, so that it compiles in a second.
QUICK = (
    "--recipe",
    "chen2016",
    "--style-layers",
    "relu1_1",
    "--content-layers",
    "relu1_2",
    "--statistic",
    "gram",
    "--iterations",
    3,
)
FAR = ("--iterations", 8, "--style-weight", 100, "--mixed-precision", "off")


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with a photograph, paintings and masks."""
    monkeypatch.chdir(tmp_path)
    sizes = {"photo.png": (48, 36), "a.jpg": (64, 64), "b.jpg": (40, 56)}
    for name, (width, height) in sizes.items():
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(name)
    left = np.zeros((36, 48), np.uint8)
    left[:, :24] = 255
    Image.fromarray(left).save("left.png")
    Image.fromarray(255 - left).save("right.png")
    Image.fromarray(0 * left).save("nothing.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    return tmp_path


def test_a_trained_style_in_place_of_a_painting_is_answered_with_the_command_that_takes_it(here, capsys):
    code, _, error = run(capsys, "optimize", "photo.png", "starry_night")
    assert code == 2
    assert error.count("\n") == 1
    assert "keras-nst stylize photo.png --style starry_night" in error


def test_all_regions_are_shown(here, capsys):
    top = np.zeros((36, 48), np.uint8)
    top[:10] = 255
    Image.fromarray(top).save("top.png")
    masks = ("--content-mask", "left.png", "--content-mask", "top.png", "--show-mask", "shown.png")
    assert run(capsys, "optimize", "photo.png", "a.jpg", *QUICK, *masks, "-o", "out.png")[0] == 0
    shown, photo = read("shown.png").rgb[0], read("photo.png").rgb[0]
    np.testing.assert_array_equal(shown[:, :24], photo[:, :24])
    np.testing.assert_array_equal(shown[:10], photo[:10])
    assert np.ptp(shown[14:, 28:], axis=-1).max() == 0


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_optimize_writes_a_picture_that_records_what_made_it(here, capsys):
    code, out, _ = run(capsys, "optimize", "photo.png", "a.jpg", *QUICK, "-o", "out.png", "--json", "--report", "r")
    assert code == 0
    assert read("out.png").rgb.shape == (1, 36, 48, 3)
    told, record = json.loads(out), read_record("out.png")
    assert (told["output"], told["width"], told["height"]) == ("out.png", 48, 36)
    assert record["recipe"] == "chen2016"
    assert (
        record["loss"]
        == told["loss"]
        == pytest.approx(sum(record["weights"][name] * value for name, value in told["terms"].items()))
    )
    captions = re.findall("<figcaption>(.*?)</figcaption>", (here / "r" / "report.html").read_text("utf-8"))
    assert captions == ["photo.png", "a.jpg", "48 px", "result"]


def test_each_mask_has_its_painting_and_the_rest_stays(here, capsys):
    code, _, _ = run(
        capsys, "optimize", "photo.png", "a.jpg", *QUICK, "--content-mask", "left.png", "-o", "out.png", "--tile", 128
    )
    assert code == 0
    before, after = read("photo.png").rgb, read("out.png").rgb
    np.testing.assert_array_equal(after[:, :, 24:], before[:, :, 24:])
    assert (after[:, :, :24] != before[:, :, :24]).mean() > 0.5


@pytest.mark.parametrize(
    "command", [("optimize", "photo.png", "a.jpg"), ("partial", "photo.png", "--rect", "8,8,32,20", "--style", "a.jpg")]
)
def test_what_a_paper_leaves_open_is_told_for_its_own_numbers(here, capsys, command):
    quick = ("--recipe", "jin2020", "--iterations", 1, "--end-size", 48, "-o", "out.png", "--backbone", "vgg16")
    *_, plain = run(capsys, *command, *quick)
    *_, told = run(capsys, *command, *quick, "--as-printed")
    choices = recipe("jin2020", as_printed=True).left_open
    assert [line for line in told.splitlines() if "leaves open" in line] == [
        f"The paper leaves open {choice}." for choice in choices
    ]
    assert "leaves open" not in plain


def test_previews_are_written_beside_the_result(here, capsys):
    run(capsys, "optimize", "photo.png", "a.jpg", *QUICK, "-o", "out.png", "--save-every", 2)
    assert sorted(path.name for path in here.glob("out*")) == ["out-00002.png", "out.png"]


def test_partial_restyles_a_box_and_gives_the_rest_another_style(here, capsys, tmp_path):
    save_style(tmp_path / "tiny", transfer_net(filters=(4, 4, 8), residual_blocks=1), {})
    arguments = ("partial", "photo.png", "--rect", "4,4,16,16", "--feather", 0, "--style", "tiny")
    assert run(capsys, *arguments, "-o", "part.png")[0] == 0
    assert run(capsys, *arguments, "-o", "both.png", "--background-style", "a.jpg", *QUICK)[0] == 0
    before, part, both = (read(name).rgb for name in ("photo.png", "part.png", "both.png"))
    rest = np.ones((1, 36, 48), bool)
    rest[:, 4:20, 4:20] = False
    np.testing.assert_array_equal(part[rest], before[rest])
    np.testing.assert_array_equal(part[~rest], both[~rest])
    assert (both[rest] != before[rest]).mean() > 0.5


@pytest.mark.parametrize(
    ("arguments", "background"),
    [
        (("optimize", "photo.png", "a.jpg", "--content-mask"), None),
        (("partial", "photo.png", "--style", "a.jpg", "--mask"), None),
        (("partial", "photo.png", "--style", "a.jpg", "--background-style", "b.jpg", "--mask"), "b.jpg"),
    ],
)
def test_through_a_soft_mask_a_painting_is_seen_once(here, capsys, arguments, background):
    levels = np.zeros((36, 48), np.uint8)
    levels[:, 12:32] = 255
    Image.fromarray(levels).save("whole.png")
    Image.fromarray(levels // 5 * 2).save("soft.png")
    for name in ("whole", "soft"):
        assert run(capsys, *arguments, f"{name}.png", *QUICK, *FAR, "-o", f"{name}-out.png")[0] == 0
    ground = read("photo.png").rgb
    if background:
        run(capsys, "optimize", "photo.png", background, *QUICK, *FAR, "-o", "ground.png")
        ground = read("ground.png").rgb
    full, faded = (read(f"{name}-out.png").rgb for name in ("whole", "soft"))
    whole, part = ((result - ground)[:, :, 12:32] for result in (full, faded))
    # A region has the same loss at any opacity, so the painted colors are the same.
    assert np.sum(part * whole) / np.sum(whole**2) == pytest.approx(0.4, abs=0.02)
    np.testing.assert_allclose(part, 0.4 * whole, atol=0.05)


PAIR = ("photo.png", "a.jpg")
BAD = {
    "optimize": [
        ((*PAIR, "--content-mask", "a.jpg"), "The mask a.jpg", "64 x 64"),
        ((*PAIR, "--content-mask", "nothing.png"), "nothing.png", "select"),
        ((*PAIR, "--content-mask", "missing.png"), "missing.png", "No such file"),
        ((*PAIR, "--content-mask", "alpha"), "no transparency", "PNG"),
        ((*PAIR, "--style-mask", "left.png"), "more style masks (1) than content masks (0)", ""),
        ((*PAIR, "b.jpg", "--content-mask", "left.png", "--blend", "1"), "--blend", "2 styles"),
        ((*PAIR, "b.jpg", "a.jpg", "--content-mask", "left.png", "--content-mask", "right.png"), "Received: 3", ""),
        (
            (*PAIR, "b.jpg", "--content-mask", "left.png", "--style-mask", "left.png"),
            "Blended styles",
            "--content-mask",
        ),
        ((*PAIR, "b.jpg", "--blend", "0,0"), "--blend", "not all 0"),
        ((*PAIR, "--iterations", 0), "--iterations", "from 1"),
        ((*PAIR, "--style-weight", -1), "--style-weight", "from 0"),
        ((*PAIR, "--tile", 128, "--end-size", 4096, "--style-layers", "relu6_1"), "relu6_1", "relu"),
        ((*PAIR, "--recipe", "jin2020", "--statistic", "gaussian"), "jin2020", "Known: gram"),
        ((*PAIR, "--init", "missing.png"), "missing.png", "No such file"),
        ((*PAIR, "-o", "out.xyz"), "xyz", ""),
        ((*PAIR, "-o", "photo.png/out.png"), "Cannot write photo.png/out.png", "another place"),
        (("photo.png", "text.jpg"), "text.jpg", "not a picture"),
        (("photo.png",), "STYLE", "--help"),
    ],
    "partial": [
        (("photo.png", "--style", "a.jpg"), "Nothing is selected", "--select"),
        (("photo.png", "--style", "a.jpg", "--select", "90,5"), "90", "48 x 36"),
        (("photo.png", "--style", "a.jpg", "--select", "ninety"), "X,Y", "ninety"),
        (("photo.png", "--style", "a.jpg", "--rect", "60,60,5,5"), "48 x 36", ""),
        (("photo.png", "--style", "unknown", "--rect", "1,1,9,9"), "unknown", "style"),
        (("photo.png", "--style", "a.jpg", "--mask", "a.jpg"), "64 x 64", "48 x 36"),
        (("photo.png", "--style", "a.jpg", "--rect", "1,1,9,9", "--init", "b.jpg"), "--init", "recolored"),
    ],
}


@pytest.mark.parametrize(
    ("arguments", "told", "advised"), [((command, *row[0]), *row[1:]) for command, rows in BAD.items() for row in rows]
)
def test_bad_input_is_one_line(here, capsys, arguments, told, advised):
    before = sorted(here.iterdir())
    code, out, err = run(capsys, *arguments)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out, len(lines)) == (2, "", 1)
    assert told in lines[0]
    assert advised in lines[0]
    assert sorted(here.iterdir()) == before


def test_two_photographs_exchange_their_faces_and_nothing_else(here, capsys, rng):
    """Chen & Hsu 2016, figure 1: by soft masks, and without a change of either background."""
    y, x = np.indices((36, 48))
    masks, pixels = {}, {}
    for name, (row, column) in {"maltese": (15, 18), "terrier": (20, 30)}.items():
        masks[name] = np.uint8(255 * np.clip((14 - np.hypot(y - row, x - column)) / 6, 0, 1))
        pixels[name] = rng.integers(0, 256, (36, 48, 3), np.uint8)
        Image.fromarray(masks[name]).save(f"{name}-mask.png")
        Image.fromarray(pixels[name]).save(f"{name}.png")
    for own, other in (("maltese", "terrier"), ("terrier", "maltese")):
        drawn = ("--content-mask", f"{own}-mask.png", "--style-mask", f"{other}-mask.png", "--end-size", 48)
        code, *_ = run(capsys, "optimize", f"{own}.png", f"{other}.png", *drawn, *QUICK, *FAR, "-o", "out.png")
        assert code == 0
        changed = (np.array(Image.open("out.png")) != pixels[own]).any(axis=-1)
        assert not changed[masks[own] == 0].any()
        assert changed[masks[own] == 255].mean() > 0.9
