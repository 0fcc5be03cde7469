"""Commands as a user types them."""

import csv
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from reference import clips
from reference.nets import randomized

from keras_nst import losses
from keras_nst.cli import main
from keras_nst.fields import fields
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net
from keras_nst.options import TrainingOptions
from keras_nst.pictures.captioned import Caption, lay_out
from keras_nst.pictures.color import luma
from keras_nst.pictures.io import read, read_record
from keras_nst.video.clips import inspect


@pytest.fixture(scope="session")
def style(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles") / "tiny"
    save_style(folder, transfer_net(filters=(4, 4, 8), residual_blocks=1), {"recipe": "none", "steps": 0})
    return str(folder)


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles") / "other"
    save_style(folder, randomized(transfer_net(filters=(4, 4, 8), residual_blocks=1), np.random.default_rng(0)), {})
    return str(folder)


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with a photograph, files that are not pictures, and folders of both."""
    monkeypatch.chdir(tmp_path)

    def photograph(path, width=48, height=36):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)

    photograph(tmp_path / "photo.png")
    photograph(tmp_path / "painting.jpg", 64, 64)
    for number in range(3):
        photograph(tmp_path / "photos" / f"{number}.jpg")
    photograph(tmp_path / "dot.png", 1, 1)
    photograph(tmp_path / "line.png", 20000, 1)
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "painting.jpg").read_bytes()[:900])
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("not a clip")
    return tmp_path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_one_photograph_gives_one_file_of_its_size_that_records_what_made_it(here, style, capsys):
    code, _, _ = run(capsys, "stylize", "photo.png", "--style", style, "-o", "out.png", "--strength", 0.5)
    assert code == 0
    assert read("out.png").rgb.shape == (1, 36, 48, 3)
    record = read_record("out.png")
    assert (record["style"], record["strength"]) == ("tiny", 0.5)


def test_where_nothing_stands_out_nothing_is_protected(here, style, capsys):
    Image.new("RGB", (48, 40), (120, 130, 140)).save("flat.png")
    arguments = ("stylize", "flat.png", "--style", style, "--output")
    assert run(capsys, *arguments, "whole.png")[0] == 0
    assert run(capsys, *arguments, "kept.png", "--protect", "saliency")[0] == 0
    np.testing.assert_array_equal(read("kept.png").rgb, read("whole.png").rgb)


def test_what_is_protected_is_shown(here, style, capsys):
    white = np.zeros((36, 48), np.uint8)
    white[:, :20] = 255
    Image.fromarray(white).save("mask.png")
    arguments = ("stylize", "photo.png", "--style", style, "-o", "out.png", "--protect", "mask.png")
    assert run(capsys, *arguments, "--show-mask", "shown.png")[0] == 0
    shown, photo = read("shown.png").rgb[0], read("photo.png").rgb[0]
    np.testing.assert_array_equal(shown[:, :20], photo[:, :20])
    assert np.ptp(shown[:, 24:], axis=-1).max() == 0


def test_what_is_protected_stays_as_it_was(here, style, capsys):
    mask = np.zeros((36, 48), np.uint8)
    mask[:, :24] = 255
    Image.fromarray(mask).save("mask.png")
    arguments = ("stylize", "photo.png", "--style", style, "-o", "out.png")
    assert run(capsys, *arguments)[0] == 0
    full = read("out.png").rgb
    assert run(capsys, *arguments, "--protect", "mask.png", "--protect-strength", 0)[0] == 0
    found = read("out.png").rgb
    np.testing.assert_array_equal(found[:, :, :22], read("photo.png").rgb[:, :, :22])
    np.testing.assert_array_equal(found[:, :, 26:], full[:, :, 26:])


def test_a_folder_goes_to_a_folder(here, style, capsys):
    code, out, _ = run(capsys, "stylize", "photos", "--style", style, "-o", "out", "--json")
    assert code == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [f"{number}-tiny.jpg" for number in range(3)]
    results = [json.loads(line) for line in out.splitlines()]
    assert [(result["width"], result["height"]) for result in results] == [(48, 36)] * 3


def test_a_path_that_ends_with_a_slash_is_a_folder(here, style, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", style, "-o", "out/")[0] == 0
    assert [path.name for path in (here / "out").iterdir()] == ["photo-tiny.png"]
    assert run(capsys, "partial", "photo.png", "--style", style, "--rect", "9,9,20,20", "-o", "parts/")[0] == 0
    assert [path.name for path in (here / "parts").iterdir()] == ["photo-partial.png"]


def test_a_style_is_found_whatever_its_case(here, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", "Starry Night-Lite", "-o", "out.png")[0] == 0
    assert read_record("out.png")["style"] == "starry_night-lite"


def test_the_fast_net_of_a_style_paints(here, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", "starry_night", "--fast", "-o", "fast.png")[0] == 0
    assert run(capsys, "stylize", "photo.png", "--style", "starry_night-lite", "-o", "lite.png")[0] == 0
    np.testing.assert_array_equal(read("fast.png").rgb, read("lite.png").rgb)
    code, _, error = run(capsys, "stylize", "photo.png", "--style", "wheat_field", "--fast", "-o", "none.png")
    assert code == 2
    assert "wheat_field has no fast net. Leave out --fast" in error


def test_without_a_command_the_overview_is_shown(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "harmonize" in capsys.readouterr().out


def test_a_misspelled_command_is_answered_with_the_nearest(capsys):
    assert run(capsys, "stylise", "photo.png")[::2] == (
        2,
        "error: Unknown command: 'stylise'. Did you mean 'stylize'?\n",
    )


def test_a_shell_completes_commands_and_flags(here):
    line = "keras-nst stylize --str"
    shell = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": "told",
    }
    code = "from keras_nst.cli import main; main([])"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **shell}, cwd=Path.cwd(), check=False)
    told = Path("told")
    assert "--strength" in told.read_text()


def test_a_pattern_stands_for_its_files(here, style, capsys):
    assert run(capsys, "stylize", "photos/[01].jpg", "--style", style, "-o", "out")[0] == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == ["0-tiny.jpg", "1-tiny.jpg"]


def test_a_bad_picture_among_good_ones_is_told_and_the_others_are_done(here, style, capsys):
    code, _, err = run(capsys, "stylize", "photo.png", "cut.jpg", "--style", style, "-o", "out")
    assert code == 2
    assert err.count("\n") == 1
    assert "cut.jpg" in err
    assert [path.name for path in (here / "out").iterdir()] == ["photo-tiny.png"]


@pytest.mark.parametrize("blend", [(), ("--style", "starry_night-lite", "--blend", "3,1")])
def test_results_that_are_there_are_not_made_again(here, style, capsys, blend):
    arguments, name = ("stylize", "photos", "--style", style, *blend, "-o", "out"), "+".join(("tiny", *blend[1:2]))
    assert run(capsys, *arguments)[0] == 0
    first = {path: path.stat().st_mtime_ns for path in (here / "out").iterdir()}
    (here / "out" / f"1-{name}.jpg").unlink()
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "2 of 3 are already done.\n")
    assert out.count("\n") == 1
    assert out.startswith(f"out/1-{name}.jpg")
    kept = {path.name for path in first if path.stat().st_mtime_ns == first[path]}
    assert kept == {f"0-{name}.jpg", f"2-{name}.jpg"}
    assert run(capsys, *arguments, "--strength", 0.5)[1].count("\n") == 3  # With other options, so other results.


@pytest.mark.parametrize("changed", ["photos/1.jpg", "mask.png", "profile.icc", "style/model.keras"])
def test_a_result_is_made_again_when_a_file_that_made_it_has_changed_whatever_its_time(here, style, capsys, changed):
    shutil.copytree(style, "style")
    Image.fromarray(np.eye(36, 48, dtype=np.uint8) * 255).save("mask.png")
    Path("profile.icc").write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    arguments = ["stylize", "photos", "--style", "style", "-o", "out"]
    arguments += ["--protect", "mask.png", "--proof", "profile.icc"]
    assert run(capsys, *arguments)[0] == 0
    for path in here.rglob("*.*"):  # Like in a copy of the folders.
        os.utime(path)
    assert run(capsys, *arguments)[1:] == ("", "3 of 3 are already done.\n")
    if changed.endswith("keras"):
        net = transfer_net(filters=(4, 4, 8), residual_blocks=1)
        save_style("style", randomized(net, np.random.default_rng(1)), {})
    elif changed.endswith("icc"):
        Path(changed).write_bytes(Path(changed).read_bytes() + b"\0")
    else:
        Image.open(changed).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(changed)
    os.utime(changed, (0, 0))
    assert len(run(capsys, *arguments)[1].splitlines()) == (1 if changed == "photos/1.jpg" else 3)


def test_workers_need_neither_the_masks_file_nor_the_profiles(here, style, capsys, monkeypatch):
    Image.fromarray(np.eye(36, 48, dtype=np.uint8) * 255).save("mask.png")
    Path("profile.icc").write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    arguments = ["stylize", "photo.png", "--style", style, "--protect", "mask.png", "--proof", "profile.icc"]
    assert run(capsys, *arguments, "-o", "here.png", "--show-mask", "shown.png")[0] == 0

    def elsewhere(jobs, run, **_):
        """In another folder, without these files."""
        sent = pickle.dumps(run)
        for file in ("mask.png", "profile.icc"):
            Path(file).unlink()
        monkeypatch.chdir("empty")
        yield from pickle.loads(sent)(jobs)

    monkeypatch.setattr("keras_nst.commands.stylize.on_ray", elsewhere)
    assert run(capsys, *arguments, "-o", "there.png", "--show-mask", "seen.png", "--engine", "ray")[0] == 0
    assert (here / "there.png").read_bytes() == (here / "here.png").read_bytes()  # With the same record.
    assert (here / "seen.png").read_bytes() == (here / "shown.png").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_folder_that_is_stylized_into_itself_leaves_its_results_alone(here, style, capsys, suffix):
    for path in (here / "photos").iterdir():
        Image.open(path).save(path.with_suffix(suffix))
        path.unlink()
    arguments = ("stylize", "photos", "-o", "photos", "--style", style)
    names = {f"{number}{end}{suffix}" for number in range(3) for end in ("", "-tiny")}
    for _ in range(2):
        assert run(capsys, *arguments)[0] == 0
        assert {path.name for path in (here / "photos").iterdir()} == names


def test_results_are_stylized_again_where_they_are_named_or_go_elsewhere(here, style, other, capsys):
    assert run(capsys, "stylize", "photos", "-o", "photos", "--style", style)[0] == 0
    assert "left out" in run(capsys, "stylize", "photos", "-o", "photos", "--style", other)[2]
    assert not list((here / "photos").glob("*-tiny-other.*"))
    assert run(capsys, "stylize", "photos/0-tiny.jpg", "-o", "photos", "--style", other)[0] == 0
    assert [path.name for path in (here / "photos").glob("*-tiny-other.*")] == ["0-tiny-other.jpg"]
    assert run(capsys, "stylize", "photos/*-tiny.jpg", "-o", "elsewhere", "--style", other)[0] == 0
    assert len(list((here / "elsewhere").iterdir())) == 3
    code, _, err = run(capsys, "stylize", "elsewhere", "-o", "elsewhere", "--style", style)
    assert (code, "are results" in err) == (2, True)


def test_a_clip_gives_a_clip(here, style, capsys):
    clips.write("clip.mp4", clips.frames(4))
    code, out, err = run(capsys, "stylize", "clip.mp4", "--style", style, "-o", "out.mkv", "--max-size", 32, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["frames"] == 4
    written = inspect("out.mkv")
    assert (written.frames, float(written.rate)) == (4, pytest.approx(float(clips.RATE), rel=1e-3))
    assert clips.sound_packets("out.mkv") == clips.sound_packets("clip.mp4")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_clips_that_are_there_are_not_made_again(here, style, capsys, suffix):
    for number in range(2):
        clips.write(f"{number}.{suffix}", clips.frames(3))
    arguments = ("stylize", f"0.{suffix}", f"1.{suffix}", "--style", style, "-o", "out", "--max-size", 32)
    assert run(capsys, *arguments)[0] == 0
    first = (here / "out" / f"0-tiny.{suffix}").stat().st_mtime_ns
    (here / "out" / f"1-tiny.{suffix}").unlink()
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "1 of 2 are already done.\n")
    assert out.startswith(f"out/1-tiny.{suffix}")
    assert (here / "out" / f"0-tiny.{suffix}").stat().st_mtime_ns == first
    assert run(capsys, *arguments, "--steadiness", 0)[1].count("\n") == 2  # With other options, so other results.
    code, _, err = run(capsys, "stylize", "out", "--style", style, "-o", "out")
    assert (code, "are results" in err) == (2, True)


def test_a_sheet_has_a_row_for_each_photograph_and_strength_and_a_column_for_each_style(here, style, other, capsys):
    arguments = ("--style", style, "--style", other, "--strengths", "0.5,1", "--height", 36)
    assert run(capsys, "sheet", "photo.png", "photo.png", *arguments)[0] == 0
    sheet, captions = read("sheet.png").rgb, [Caption(name) for name in ("photograph", "tiny", "other")]
    layout = lay_out([(36, 48)] * 4, captions, height=36, sides=["0.5", "1"] * 2)
    assert sheet.shape == (1, layout.height, layout.width, 3)
    photograph, result = read("photo.png").rgb, Stylizer(other)(read("photo.png")).rgb
    for (*_, (left, top, right, bottom)), strength in zip(layout.cells, (0.5, 1, 0.5, 1), strict=True):
        expected = photograph + strength * (result - photograph)
        np.testing.assert_allclose(sheet[:, top:bottom, left:right], expected, atol=1 / 255)


def test_several_styles_are_blended_by_their_shares(here, style, other, capsys):
    arguments = ("stylize", "photo.png", "--style", style, "--style", other, "--blend", "3,1", "-o", "out.png")
    assert run(capsys, *arguments)[0] == 0
    first, second = (Stylizer(name)(read("photo.png")).rgb for name in (style, other))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_allclose(read("out.png").rgb, 0.75 * first + 0.25 * second, atol=1 / 255)
    assert read_record("out.png")["style"] == "tiny+other"


def test_the_colors_alone_leave_the_photographs_brightness(here, style, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", style, "--color", "only", "-o", "out.png")[0] == 0
    np.testing.assert_allclose(luma(read("out.png").rgb), luma(read("photo.png").rgb), atol=1.5 / 255)


def test_stdin_goes_to_stdout(here, style, capsysbinary, monkeypatch):
    with open("photo.png", "rb") as stdin:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stdin}))
        assert main(["stylize", "-", "--style", style]) == 0
    assert read(capsysbinary.readouterr().out).rgb.shape == (1, 36, 48, 3)


def test_the_longest_side_is_limited_on_request(here, style, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", style, "-o", "out.png", "--max-size", 32)[0] == 0
    assert read("out.png").rgb.shape == (1, 24, 32, 3)


def test_the_size_of_strokes_is_that_of_the_painted_picture(here, style, rng, capsys):
    Image.fromarray(rng.integers(0, 256, (30, 800, 3), np.uint8)).save("wide.png")
    for stroke, size in (("large", 720), ("medium", None), (2.5, 320)):
        assert run(capsys, "stylize", "wide.png", "--style", style, "-o", "out.png", "--stroke", stroke)[0] == 0
        expected = Stylizer(style)(read("wide.png"), painted_size=size).rgb
        np.testing.assert_allclose(read("out.png").rgb, expected, atol=0.51 / 255)


def test_sixteen_bits_are_written_where_asked(here, style, capsys):
    assert run(capsys, "stylize", "photo.png", "--style", style, "-o", "out.png", "--bits", 16)[0] == 0
    levels = np.asarray(read("out.png").rgb) * 255
    assert np.abs(levels - np.rint(levels)).max() > 0.1  # More levels than 8 bits have.


def test_the_list_names_each_style_with_its_recipe(here, capsys):
    code, out, _ = run(capsys, "stylize", "--list")
    assert code == 0
    assert "starry_night" in out


def test_an_evaluation_compares_models_in_a_table_and_a_report(here, style, capsys):
    arguments = ("evaluate", "--photos", "photos", "--style", "painting.jpg", "--size", 64, "--limit", 2)
    code, out, _ = run(
        capsys, *arguments, "--model", style, "--model", "same=photos", "--json", "--report", "new/report"
    )
    assert code == 0
    summary = json.loads(out)
    assert (summary["photographs"], summary["size"], summary["style"]) == (2, 64, "painting.jpg")
    assert summary["models"].keys() == {"tiny", "same"}
    for measure in ("cam_ssim", "cam_iou", "top1", "top5", "edge_ssim"):
        assert summary["models"]["same"][measure] == {"mean": 1, "low": 1, "high": 1}
    assert summary == json.loads((here / "new" / "report" / "summary.json").read_text())
    code, out, _ = run(capsys, *arguments, "--model", "same=photos")
    assert code == 0
    assert "cam_ssim" in out


def test_an_evaluation_against_a_folder_compares_sets_and_names_the_networks(here, capsys, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(here))
    monkeypatch.setattr("keras_nst.evaluation.sets._SQUARES", 1)
    arguments = ("evaluate", "--photos", "photos", "--style", "photos", "--size", 64, "--model", "same=photos")
    code, out, _ = run(capsys, *arguments, "--json")
    summary = json.loads(out)
    assert code == 0
    assert (summary["style"], summary["style_pictures"]) == ("photos", summary["photographs"])
    # The same set has the same Gaussian, and the unbiased distance leaves out pairs of a picture with itself.
    assert summary["models"]["same"]["fid_vgg16"] == pytest.approx(0, abs=1e-3)
    assert summary["models"]["same"]["kid_vgg16"] <= 0
    assert summary["models"]["same"]["is_efficientnet_lite0"] >= 1


def test_an_evaluation_takes_classes_and_maps_from_the_classifier_that_is_named(here, capsys):
    for name in ("coffee", "chelsea"):
        read(f"sample:{name}").to_pil().save(here / "empty" / f"{name}.png")
    arguments = "evaluate --photos empty --style painting.jpg --model same=empty --report report --json"
    code, out, _ = run(capsys, *arguments.split(), "--classifier", "squeezenet1_1")
    assert code == 0
    assert json.loads(out)["classifier"] == "cam_squeezenet1_1"
    rows = csv.DictReader((here / "report" / "results.csv").read_text("utf-8").splitlines())
    assert {row["photograph"]: row["class"] for row in rows} == {"coffee": "espresso", "chelsea": "Egyptian cat"}


@pytest.fixture
def trainings(monkeypatch):
    """The options of the trainings that commands start; nothing is trained."""
    asked = []

    def learn(options, *, console):
        asked.append(options)
        return Path("learned")

    monkeypatch.setattr("keras_nst.jobs.learn.learn", learn)
    return asked


def test_each_argument_of_a_training_reaches_its_own_option(here, style, capsys, trainings):
    arguments = (
        "train --style painting.jpg --content photos --validation held --download --recipe liu2019 --keep cam,edge "
        "--lambda1 0.5 --lambda2 3 --content-weight 2 --category-weight 0.75 --edge-weight 7 "
        "--classifier ResNet50 --classifier-weights own.h5 --classifier-classes 11 --classifier-size 96 "
        "--steps 13 --size 64 --batch 5 --style-size 80 --learning-rate 0.002 --seed 17 --mixed-precision bfloat16 "
        "--vgg-weights vgg.h5 --output new --resume --overwrite"
    )
    assert run(capsys, *arguments.split(), "--init", style)[0] == 0
    expected = TrainingOptions(
        style=["painting.jpg"],
        content="photos",
        validation="held",
        recipe="liu2019",
        keep=("cam", "edge"),
        lambda1=0.5,
        lambda2=3.0,
        weights={"content": 2.0, "category": 0.75, "edge": 7.0},
        classifier="ResNet50",
        classifier_weights="own.h5",
        classifier_classes=11,
        classifier_size=96,
        steps=13,
        size=64,
        batch=5,
        style_size=80,
        learning_rate=0.002,
        seed=17,
        init=style,
        output="new",
        mixed_precision="bfloat16",
        vgg_weights="vgg.h5",
        download=True,
        resume=True,
        overwrite=True,
    )
    assert trainings == [expected]


def test_a_training_of_a_painting_alone_is_the_default_one(here, capsys, trainings):
    assert run(capsys, "train", "--style", "painting.jpg")[0] == 0
    assert trainings == [TrainingOptions(style=["painting.jpg"])]


BAD = {
    "a port that is none": ("app --port 70000", "0 to 65535"),
    "a folder that is a file": ("app --share-dir photo.png", "--share-dir photo.png"),
    "missing file": ("stylize nowhere.jpg --style {style}", "nowhere.jpg"),
    "text named .jpg": ("stylize text.jpg --style {style}", "text.jpg"),
    "truncated": ("stylize cut.jpg --style {style}", "cut.jpg"),
    "1x1": ("stylize dot.png --style {style}", "1 x 1"),
    "20000x1": ("stylize line.png --style {style}", "20000 x 1"),
    "too many pixels": ("stylize photo.png --style {style} --max-pixels 100", "--max-pixels"),
    "unknown style": ("stylize photo.png --style stary_night", "starry_night"),
    "style without model": ("stylize photo.png --style empty", "model.keras"),
    "no style": ("stylize photo.png", "--style"),
    "one share of two": ("stylize photo.png --style {style} --style starry_night --blend 1", "--blend"),
    "sheet of no picture": ("sheet text.jpg --style {style}", "text.jpg"),
    "sheet of no style": ("sheet photo.png --style stary_night", "starry_night"),
    "sheet strengths": ("sheet photo.png --strengths 0.5,2", "from 0 to 1"),
    "empty folder": ("stylize empty --style {style}", "empty"),
    "no match": ("stylize *.webp --style {style}", "*.webp"),
    "unknown format": ("stylize photo.png --style {style} -o out.xyz", "xyz"),
    "16 bits in JPEG": ("stylize photo.png --style {style} -o out.jpg --bits 16", "JPEG"),
    "two to one file": ("stylize photo.png painting.jpg --style {style} -o text.jpg", "folder"),
    "unwritable": ("stylize photo.png --style {style} -o text.jpg/out.png", "text.jpg/out.png"),
    "clip is text": ("stylize text.mp4 --style {style}", "text.mp4"),
    "clip missing": ("stylize nowhere.mov --style {style} -o out.mp4", "nowhere.mov"),
    "clip to a picture": ("stylize text.mp4 --style {style} -o out.png", ".png"),
    "clip to stdout": ("stylize text.mp4 --style {style} -o -", "standard output"),
    "picture to a clip": ("stylize photo.png --style {style} -o out.mp4", "mp4"),
    "stdin to workers": ("stylize - --style {style} -o out.png --engine ray", "ray"),
    "no workers": ("stylize photo.png --style {style} --workers 0", "--workers"),
    "protected of another size": ("stylize photo.png --style {style} --protect painting.jpg", "64 x 64"),
    "no profile": ("stylize photo.png --style {style} --proof text.jpg", "not an ICC profile"),
    "proof of a clip": ("stylize text.mp4 --style {style} -o out.mp4 --proof text.jpg", "--proof"),
    "strokes of a clip": ("stylize text.mp4 --style {style} -o out.mp4 --stroke 2", "--stroke"),
    "bits of a clip": ("stylize text.mp4 --style {style} -o out.mp4 --bits 16", "--bits"),
    "protected clip": ("stylize text.mp4 --style {style} -o out.mp4 --protect saliency", "--protect"),
    "strength": ("stylize photo.png --style {style} --strength 2", "from 0 to 1"),
    "unknown flag": ("stylize photo.png --style {style} --stength 1", "--stength"),
    "unknown command": ("stilize photo.png", "stilize"),
    "painting missing": ("train --style nowhere.jpg", "nowhere.jpg"),
    "nothing protected to show": ("stylize photo.png --style {style} --show-mask mask.png", "--protect"),
    "several pictures to show": (
        "stylize photo.png photos --style {style} --protect alpha --show-mask mask.png -o out/",
        "one picture",
    ),
    "no region to show": ("optimize photo.png painting.jpg --show-mask mask.png", "--content-mask"),
    "shown as what": ("harmonize photo.png painting.jpg --show-mask mask.xyz", "xyz"),
    "style for a painting": ("train --style starry_night", "stylize PHOTO --style starry_night"),
    "style for a painting, misspelt": ("train --style starry_nigt", "stylize PHOTO --style starry_night"),
    "style for a painting to measure": (
        "evaluate --model {style} --photos photos --style starry_nigt",
        "stylize PHOTO --style starry_night",
    ),
    "style for a painting to optimize": ("optimize photo.png Starry_Nigth", "stylize photo.png --style starry_night"),
    "style for a painting to paste into": ("harmonize starry_nigt photo.png", "stylize PHOTO --style starry_night"),
    "missing painting by a style's name": ("train --style starry_night.jpg", "No such file"),
    "painting is text": ("train --style text.jpg", "text.jpg"),
    "no photographs": ("train --style painting.jpg --content empty", "empty"),
    "photographs missing": ("train --style painting.jpg --content nowhere", "nowhere"),
    "unknown init": ("train --style painting.jpg --init stary_night", "starry_night"),
    "no steps": ("train --style painting.jpg --steps 0", "--steps"),
    "unknown semantic": ("train --style painting.jpg --recipe liu2019 --keep cam,edges", "edge"),
    "nothing to keep": ("train --style painting.jpg --recipe johnson2016 --keep cam", "liu2019"),
    "nothing kept to multiply": ("train --style painting.jpg --lambda2 3", "--lambda2"),
    "no such term": ("train --style painting.jpg --edge-weight 1", "edge"),
    "no pooling": ("train --style painting.jpg --content photos --recipe liu2019 --classifier VGG16", "VGG16"),
    "no weights": (
        "train --style painting.jpg --content photos --recipe liu2019 "
        "--classifier ResNet50 --classifier-weights text.jpg --size 32",
        "text.jpg",
    ),
    "classes": ("train --style painting.jpg --content photos --recipe liu2019 --classifier-classes 7", "1000 classes"),
    "unknown recipe": ("train --style painting.jpg --recipe johnson", "johnson2016"),
    "nothing to resume": ("train --style painting.jpg --content photos --resume", "--resume"),
    "output is a file": ("train --style painting.jpg --content photos --output text.jpg", "text.jpg"),
    "unknown classifier": (
        "evaluate --model {style} --photos photos --style painting.jpg --classifier squeezenet",
        "squeezenet1_1",
    ),
    "no model": ("evaluate --photos photos --style painting.jpg", "--model"),
    "unknown model": ("evaluate --model stary_night --photos photos --style painting.jpg", "starry_night"),
    "two models of one label": (
        "evaluate --model {style} --model {style} --photos photos --style painting.jpg",
        "--model: LABEL=",
    ),
    "no results": ("evaluate --model empty --photos photos --style painting.jpg", "3 of 3"),
    "nothing to measure": ("evaluate --model {style} --photos empty --style painting.jpg", "at least two"),
    "photographs to measure missing": ("evaluate --model {style} --photos nowhere --style painting.jpg", "nowhere"),
    "style to measure missing": ("evaluate --model {style} --photos photos --style nowhere.jpg", "nowhere.jpg"),
    "no pictures of a style": ("evaluate --model {style} --photos photos --style empty", "No pictures"),
    "no weights of Inception": (
        "evaluate --model {style} --photos photos --style photos --inception-weights nowhere.h5",
        "nowhere.h5",
    ),
    "one photograph": ("evaluate --model {style} --photos photos --style painting.jpg --limit 1", "from 2"),
    "report is a file": (
        "evaluate --model {style} --photos photos --style painting.jpg --report text.jpg",
        "--report text.jpg",
    ),
    "no VGG weights": ("train --style painting.jpg --content photos --vgg-weights nowhere.h5", "nowhere.h5"),
}


@pytest.fixture
def untrained(monkeypatch):
    """Fail where a training begins, which would take hours."""

    def fit(*_, **__):
        pytest.fail("A training has begun.")

    monkeypatch.setattr("keras_nst.jobs.learn._fit", fit)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(("command", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_code_2_and_leaves_nothing(here, style, capsys, command, told):
    before = sorted(here.rglob("*"))
    code, out, err = run(capsys, *(part.format(style=style) for part in command.split()))
    errors = [line for line in err.splitlines() if not line.startswith("Training on built-in")]
    assert code == 2
    assert out == ""
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert told in errors[0]
    assert sorted(here.rglob("*")) == before


def test_every_game_can_be_asked_for():
    assert set(fields(TrainingOptions)["game"].kind.values) == set(losses.GAMES)
