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


def test_another_job_begins_anew(clip, tmp_path):
    told = []
    with pytest.raises(Killed):
        stylize_clip(clip, tmp_path / "out.mp4", killed_after(SEGMENT + 1), steadiness=0)
    stylize_clip(clip, tmp_path / "out.mp4", negative, steadiness=0, record={"style": "other"}, progress=told.append)
    assert told[0] == 0
