import av
import numpy as np
import pytest
from reference import clips

from keras_nst.errors import InputError
from keras_nst.video.clips import inspect
from keras_nst.video.stylized import SEGMENT, stylize_clip
from keras_nst.video.writing import write_frames

FRAMES = 2 * SEGMENT + 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "in.mp4"
    clips.write(path, clips.frames(FRAMES, 32, 32))
    return inspect(path)


def negative(frame, _):
    return 1 - frame


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def whole(clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "out.mp4"
    stylize_clip(clip, path, negative)
    return path


def test_a_clip_keeps_its_sound_and_time_stamps_and_leaves_nothing_beside(clip, whole):
    assert clips.stamps(whole) == clips.stamps(clip.path)
    assert clips.sound_packets(whole) == clips.sound_packets(clip.path)
    assert [path.name for path in whole.parent.iterdir()] == ["out.mp4"]
    mean = np.mean([np.mean(now, (0, 1)) for now in decoded(whole)], 0)
    np.testing.assert_allclose(mean, 255 - np.mean([np.mean(then, (0, 1)) for then in decoded(clip.path)], 0), atol=3)


class Killed(BaseException):
    pass


def killed_after(frames):
    calls = 0

    def stylize(frame, grain):
        nonlocal calls
        calls += 1
        if calls > frames:
            raise Killed
        return negative(frame, grain)

    return stylize


@pytest.fixture
def encoded(monkeypatch):
    """The frames of each finished segment."""
    segments = {}

    def write(path, clip, suffix, frames):
        kept = list(frames)
        write_frames(path, clip, suffix, kept)
        segments[kept[0][0]] = kept

    monkeypatch.setattr("keras_nst.video.stylized.write_frames", write)
    return segments


def test_a_stopped_clip_goes_on_and_ends_with_the_same_frames(clip, tmp_path, encoded):
    stylize_clip(clip, tmp_path / "whole.mp4", negative)
    whole = dict(encoded)
    encoded.clear()
    output, told = tmp_path / "out.mp4", []
    with pytest.raises(Killed):
        stylize_clip(clip, output, killed_after(SEGMENT + 10))
    assert not output.exists()
    stylize_clip(clip, output, negative, progress=told.append)
    assert told == list(range(SEGMENT, FRAMES + 1))
    assert encoded.keys() == whole.keys()
    for stamp, frames in whole.items():
        for (_, once), (_, resumed) in zip(frames, encoded[stamp], strict=True):
            np.testing.assert_array_equal(resumed, once)
    assert clips.stamps(output) == clips.stamps(clip.path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "whole.mp4"]


@pytest.mark.parametrize("steadiness", [0, 0.6])
def test_a_result_that_is_not_finite_is_told(clip, tmp_path, steadiness):
    with pytest.raises(InputError, match=r"frame 1 of .*in\.mp4"):
        stylize_clip(clip, tmp_path / "out.mp4", lambda frame, _: frame * np.float32(np.nan), steadiness=steadiness)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(("size", "max_size"), [((64, 640), 64), ((640, 64), 159), ((32, 32), 15)])
def test_a_clip_that_would_be_shrunk_too_far_is_refused_before_anything_is_written(tmp_path, size, max_size):
    clips.write(tmp_path / "in.mp4", clips.frames(3, *size[::-1]))
    told = rf"in\.mp4: {size[1]} x {size[0]} pixels shrunk to {max_size} .* minimum of 16"
    with pytest.raises(InputError, match=told):
        stylize_clip(inspect(tmp_path / "in.mp4"), tmp_path / "out.mp4", negative, max_size=max_size)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_wide_clip_is_shrunk_as_far_as_it_can_be_stylized(tmp_path):
    clips.write(tmp_path / "in.mp4", clips.frames(3, 640, 64))
    stylize_clip(inspect(tmp_path / "in.mp4"), tmp_path / "out.mp4", negative, max_size=160)
    assert inspect(tmp_path / "out.mp4").size == (16, 160)


def test_files_that_are_not_its_own_stay_where_a_clip_is_written(clip, tmp_path):
    """A folder may have the name of that for the segments."""
    output, folder = tmp_path / "out.mp4", tmp_path / "out.mp4.parts"
    (folder / "deep").mkdir(parents=True)
    for name in ("notes.txt", "song.nut", "deep/00000.nut", "deep/state.npz"):
        (folder / name).write_text(name)
    for _ in range(2):
        with pytest.raises(Killed):
            stylize_clip(clip, output, killed_after(SEGMENT + 1))
        stylize_clip(clip, output, negative)
        kept = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
        assert kept == {name: name for name in ("notes.txt", "song.nut", "deep/00000.nut", "deep/state.npz")}


def test_another_job_begins_anew(clip, tmp_path):
    told = []
    with pytest.raises(Killed):
        stylize_clip(clip, tmp_path / "out.mp4", killed_after(SEGMENT + 1), steadiness=0)
    stylize_clip(clip, tmp_path / "out.mp4", negative, steadiness=0, record={"style": "other"}, progress=told.append)
    assert told[0] == 0
