import sys

import av
import numpy as np
import pytest
from reference import clips

from keras_nst.errors import InputError
from keras_nst.images.clips import carried_sound, check_clip_format, inspect, join, read_frames, write_frames

PICTURES = clips.frames(12)
UNEVEN = [1001 * number + 400 * (number % 3) for number in range(12)]


def copied(source, output):
    """A clip decoded and encoded again, in two segments."""
    clip = inspect(source)
    frames = list(read_frames(clip))
    segments = [output.with_suffix(f".{number}") for number in range(2)]
    for segment, part in zip(segments, (frames[:7], frames[7:]), strict=True):
        write_frames(segment, clip, output.suffix, part)
    join(output, clip, segments, carried_sound(clip, output.suffix)[0], {"made": "here"})
    return inspect(output)


@pytest.mark.parametrize("stamps", [None, UNEVEN], ids=["constant", "variable"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_time_stamps_rate_and_colors_are_kept(tmp_path, suffix, stamps):
    source, output = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    clips.write(source, PICTURES, stamps=stamps)
    clip = copied(source, output)
    assert clip.frames == 12
    before, after = np.float64(clips.stamps(source)), np.float64(clips.stamps(output))
    exact = suffix in (".mp4", ".mov")  # Matroska counts milliseconds, and begins where the sound begins.
    np.testing.assert_allclose(after - after[0], before - before[0], atol=0 if exact else 1.1e-3)
    if stamps is None:
        assert float(clip.rate) == pytest.approx(float(clips.RATE), rel=1e-3)
    for (_, original), (_, kept) in zip(read_frames(inspect(source)), read_frames(clip), strict=True):
        assert np.abs((kept - original).mean(axis=(0, 1))).max() < 2.5 / 255
        assert np.abs(kept - original).mean() < 6 / 255


def test_sound_is_copied_where_the_file_can_hold_it(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES)
    copied(tmp_path / "in.mp4", tmp_path / "out.mkv")
    assert clips.sound_packets(tmp_path / "out.mkv") == clips.sound_packets(tmp_path / "in.mp4")


def test_other_sound_is_encoded_anew_and_as_long_and_high(tmp_path):
    clips.write(tmp_path / "in.mov", PICTURES, sound="pcm_s16le")
    copied(tmp_path / "in.mov", tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(sound) / clips.SOUND_RATE == pytest.approx(float(12 / clips.RATE), abs=0.03)
    peak = np.abs(np.fft.rfft(sound)).argmax() * clips.SOUND_RATE / len(sound)
    assert peak == pytest.approx(440, abs=3)


def test_sound_that_cannot_be_decoded_is_left_out_and_named(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES, sound="aac")
    whole = (tmp_path / "in.mp4").read_bytes()
    (tmp_path / "in.mp4").write_bytes(whole.replace(b"mp4a", b"apac").replace(b"esds", b"free"))
    clip = inspect(tmp_path / "in.mp4")
    sound, (line,) = carried_sound(clip, ".mp4")
    assert sound == []
    assert line == f"Left out of {clip.path}: sound 1 of 1 (FFmpeg has no decoder for it)."
    assert copied(clip.path, tmp_path / "out.mp4").frames == 12


@pytest.mark.parametrize(("suffix", "left_out"), [(".mkv", 0), (".webm", 1)])
def test_damaged_sound_is_told_before_the_work_where_it_must_be_decoded(tmp_path, suffix, left_out):
    clips.write(tmp_path / "in.mp4", PICTURES)
    whole = (tmp_path / "in.mp4").read_bytes()
    for packet in clips.sound_packets(tmp_path / "in.mp4"):
        whole = whole.replace(packet, b"\x77" * len(packet))
    (tmp_path / "in.mp4").write_bytes(whole)
    sound, lines = carried_sound(inspect(tmp_path / "in.mp4"), suffix)
    assert (len(sound), len(lines)) == (1 - left_out, left_out)


@pytest.mark.parametrize(("rotation", "turns"), [(-90, 3), (90, 1), (180, 2)])
def test_frames_are_turned_upright(tmp_path, rotation, turns):
    clips.write(tmp_path / "in.mp4", PICTURES[:2], rotation=rotation, sound=None)
    _, frame = next(read_frames(inspect(tmp_path / "in.mp4")))
    upright = np.rot90(PICTURES[0], turns) / 255
    assert frame.shape == upright.shape
    assert np.abs(frame - upright).mean() < 0.05 < np.abs(frame - upright[::-1, ::-1]).mean()


def test_frames_are_shrunk_to_even_sides(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES[:2])
    _, frame = next(read_frames(inspect(tmp_path / "in.mp4"), max_size=45))
    assert frame.shape == (34, 44, 3)


def test_what_made_a_clip_is_its_comment(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES)
    copied(tmp_path / "in.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["comment"] == '{"keras_nst": {"made": "here"}}'


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def test_bad_clips_are_told(tmp_path):
    many = clips.frames(40)
    clips.write(tmp_path / "index_last.mp4", many)
    clips.write(tmp_path / "index_first.mp4", many, options={"movflags": "faststart"})
    clips.write(tmp_path / "cut.mkv", many)
    clips.write(tmp_path / "sound.mp4", [])
    clips.write(tmp_path / "tiny.mp4", clips.frames(2, 16, 8))
    (tmp_path / "text.mp4").write_text("no clip")
    for name in ("index_last.mp4", "index_first.mp4", "cut.mkv"):
        cut(tmp_path / name, 0.5)
    told = {"index_last.mp4": "cut short", "index_first.mp4": "of 40 frames", "cut.mkv": "cut short"}
    told |= {"sound.mp4": "no video", "tiny.mp4": "16 x 8", "text.mp4": "no clip", "nowhere.mp4": "No such file"}
    for name, reason in told.items():
        with pytest.raises(InputError, match=reason):
            inspect(tmp_path / name)


def test_a_picture_is_no_clip_to_write():
    with pytest.raises(InputError, match="webm"):
        check_clip_format(".png")


def test_without_pyav_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="PyAV"):
        inspect(tmp_path / "in.mp4")
