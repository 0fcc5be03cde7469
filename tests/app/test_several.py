"""Several photographs and clips of a visitor."""

import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from reference import clips

from keras_nst.app.limits import Limits
from keras_nst.app.stylize import StylizeTab
from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.video.clips import inspect, read_frames

gr = pytest.importorskip("gradio")
VISITOR = SimpleNamespace(session_hash="one")
SETTINGS = ("tiny", 0.5, 1, "style", "no", 0.4, "", 0.5, "png")


def several(workshop, files, settings=SETTINGS):
    return StylizeTab(workshop).several.paint(VISITOR, files, *settings)


def test_several_photographs_come_in_one_archive(workshop, uploaded):
    photos = [uploaded(name, name) for name in ("halves.png", "painting.png")]
    photos.insert(1, uploaded(b"not a picture", "text.png"))
    *_, (note, download) = several(workshop, photos)
    assert note.startswith("2 of 3 painted. Cannot read the image")
    with zipfile.ZipFile(download["value"]) as archive:
        assert archive.namelist() == ["01-halves-tiny.png", "02-painting-tiny.png"]
        packed = read(archive.read("02-painting-tiny.png")).rgb
    (_, after), *_ = StylizeTab(workshop).stylize(photos[2], None, *SETTINGS)
    np.testing.assert_array_equal(packed, read(after).rgb)


def test_a_single_photograph_of_several_comes_by_itself(workshop, uploaded):
    *_, (note, download) = several(workshop, [uploaded("halves.png", "halves.png")])
    assert (note.strip(), Path(download["value"]).name) == ("1 of 1 painted.", "halves-tiny.png")


@pytest.fixture
def clip(workshop, tmp_path):
    """The path of an uploaded clip of 12 frames with sound."""
    clips.write(tmp_path / "own" / "walk.mp4", clips.frames(12))
    return str(tmp_path / "own" / "walk.mp4")


def test_a_clip_is_painted_as_by_the_command_with_its_sound(workshop, clip, tmp_path):
    settings = ("tiny", 0.5, 1, "keep", "no", 0.4, "", 0.5, "png")
    *_, (note, download) = several(workshop, [clip], settings)
    assert note.startswith('1 of 1 painted. <video controls loop src="gradio_api/file=')
    result = Path(download["value"])
    assert result.name == "walk-tiny.mp4"
    assert clips.sound_packets(result) == clips.sound_packets(clip)
    assert clips.stamps(result) == clips.stamps(clip)
    assert main(["stylize", clip, "-s", "tiny", "--strength", "0.5", "--color", "keep", "-o", f"{tmp_path}/o.mp4"]) == 0
    both = ([rgb for _, rgb in read_frames(inspect(path))] for path in (result, tmp_path / "o.mp4"))
    np.testing.assert_array_equal(*both)
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == result.read_bytes()


def test_an_animation_stays_one_and_is_packed_with_a_photograph(workshop, uploaded, tmp_path):
    first, *others = map(Image.fromarray, clips.frames(3))
    first.save(tmp_path / "own" / "cat.gif", save_all=True, append_images=others, duration=100)
    *_, (_, download) = several(workshop, [str(tmp_path / "own" / "cat.gif"), uploaded("halves.png", "halves.png")])
    with zipfile.ZipFile(download["value"]) as archive:
        assert archive.namelist() == ["01-cat-tiny.gif", "02-halves-tiny.png"]
        with Image.open(archive.open("01-cat-tiny.gif")) as image:
            assert (image.format, image.n_frames, image.size) == ("GIF", 3, (64, 48))


def test_a_clip_is_shrunk_to_the_limit(workshop, clip):
    workshop.limits = Limits(clip=32)
    *_, (_, download) = several(workshop, [clip])
    assert inspect(download["value"]).size == (24, 32)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"frames": 11}, "has 12 frames, more than the limit of 11"),
        ({"pixels": 3000}, "frames of 64 x 48 pixels are more than the limit of 3,000"),
        ({"clip": 20}, "64 x 48 pixels shrunk to 20 .* minimum of 16"),
    ],
)
def test_a_clip_beyond_the_limits_is_told_in_a_line(workshop, clip, tmp_path, limits, told):
    workshop.limits = Limits(**limits)
    refused_in_a_line(workshop, clip, told, tmp_path)


def refused_in_a_line(workshop, path, expected, tmp_path, settings=SETTINGS):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=expected) as told:
        list(several(workshop, [path], settings))
    assert str(tmp_path) not in str(told.value)
    assert "\n" not in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_hostile_clips_are_told_in_a_line(workshop, uploaded, clip, tmp_path, home):
    whole = Path(clip).read_bytes()
    hostile = {
        "picture.mp4": (home / "halves.png").read_bytes(),
        "list.mp4": f"ffconcat version 1.0\nfile {Path(clip).name}\n".encode(),
        "playlist.mov": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n",
        "cut.mp4": whole[: len(whole) // 2],
        "nothing.webm": b"",
    }
    for name, content in hostile.items():
        refused_in_a_line(workshop, uploaded(content, name), "Cannot read [a-z]+[.]", tmp_path)
    refused_in_a_line(workshop, "/etc/passwd.mp4", "not here any more", tmp_path)
    refused_in_a_line(workshop, clip, "since it moves", tmp_path, ("tiny", 1, 1, "style", "subject", *SETTINGS[5:]))
    refused_in_a_line(workshop, clip, "size of strokes to 1", tmp_path, ("tiny", 1, 2, *SETTINGS[3:]))
    refused_in_a_line(workshop, clip, "no such style", tmp_path, ("/etc/passwd", *SETTINGS[1:]))


def test_a_clip_that_is_stopped_leaves_nothing(workshop, clip, tmp_path, monkeypatch):
    def slow(picture, **settings):
        time.sleep(0.3)
        return picture

    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("keras_nst.jobs.stylize.stylizer", lambda styles, shares=None: slow)
    tab = StylizeTab(workshop)
    told = []
    for note, _ in tab.several.paint(VISITOR, [clip], *SETTINGS):
        told.append(note)
        if " s left" in note:
            tab.several.stop(VISITOR)
    assert told[-1].startswith("Stopped. 0 of 1 painted.")
    workshop.close()  # Waits for the work.
    assert sorted(tmp_path.rglob("*")) == before


def test_too_many_photographs_and_those_that_are_none_are_refused(workshop, uploaded):
    with pytest.raises(InputError, match="At most 20"):
        next(several(workshop, [uploaded("halves.png")] * 21))
    with pytest.raises(InputError, match="Cannot read the image"):
        list(several(workshop, [uploaded(b"not a picture")]))
    with pytest.raises(InputError, match="not here any more"):
        list(several(workshop, ["/etc/passwd"]))
