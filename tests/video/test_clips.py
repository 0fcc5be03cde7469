import os
import struct
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from reference import clips

from keras_nst.errors import InputError
from keras_nst.pictures.decoding import decode_frame
from keras_nst.pictures.picture import Picture, resize
from keras_nst.video.animations import read_animation
from keras_nst.video.clips import clip_record, inspect, read_frames
from keras_nst.video.writing import carried_sound, check_clip_format, join, write_frames

PICTURES = clips.frames(12)
UNEVEN = [1001 * number + 400 * (number % 3) for number in range(12)]


def copied(source, output):
    """A clip decoded and encoded again, in two segments."""
    clip = inspect(source)
    frames = list(read_frames(clip))
    segments = [output.with_suffix(f".{number}") for number in range(2)]
    middle = len(frames) // 2 + 1
    for segment, part in zip(segments, (frames[:middle], frames[middle:]), strict=True):
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
    exact = suffix in (".mp4", ".mov")  # Matroska counts in milliseconds, and starts where the sound starts.
    np.testing.assert_allclose(after - after[0], before - before[0], atol=0 if exact else 1.1e-3)
    if stamps is None:
        assert float(clip.rate) == pytest.approx(float(clips.RATE), rel=1e-3)
    for (_, original), (_, kept) in zip(read_frames(inspect(source)), read_frames(clip), strict=True):
        assert np.abs((kept - original).mean(axis=(0, 1))).max() < 2.5 / 255
        assert np.abs(kept - original).mean() < 6 / 255


def test_frames_of_an_avi_file_which_has_no_times_of_showing_follow_each_other(tmp_path):
    clips.write(tmp_path / "in.avi", PICTURES, sound="mp3")
    clip = inspect(tmp_path / "in.avi")
    stamps, frames = zip(*read_frames(clip), strict=True)
    np.testing.assert_allclose(np.float64(stamps) * float(clip.time_base * clips.RATE), range(12))
    for frame, picture in zip(frames, PICTURES, strict=True):
        assert np.abs(frame - picture / 255).mean() < 6 / 255


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


IDENTITY = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


# The matrix of ISO 14496-12, which takes (x, y) to (a x + c y, b x + d y): a, b, c, d.
@pytest.mark.parametrize(
    "turn", [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]
)
def test_frames_are_turned_and_mirrored_upright(tmp_path, turn):
    clips.write(tmp_path / "in.mp4", PICTURES[:2], sound=None)
    a, b, c, d = (value << 16 for value in turn)
    before, after = (tmp_path / "in.mp4").read_bytes().rsplit(IDENTITY, 1)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "in.mp4").write_bytes(before + turned + after)
    _, frame = next(read_frames(inspect(tmp_path / "in.mp4")))
    height, width = PICTURES[0].shape[:2]
    matrix = np.reshape(turn, (2, 2))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([x, y], -1) @ matrix
    places -= places.min((0, 1))
    upright = np.zeros((*np.flip(places.max((0, 1)) + 1), 3))
    upright[places[..., 1], places[..., 0]] = PICTURES[0] / 255
    assert frame.shape == upright.shape
    assert np.abs(frame - upright).mean() < 0.05 < np.abs(frame - upright[::-1, ::-1]).mean()


def patchwork(height, width):
    """Two by two plain colors."""
    colors = np.uint8([[[200, 30, 30], [30, 180, 40]], [[40, 60, 200], [220, 170, 140]]])
    return colors.repeat(height // 2, 0).repeat(width // 2, 1)


def middles(frame):
    height, width = frame.shape[:2]
    return frame[height // 4 :: height // 2, width // 4 :: width // 2]


@pytest.mark.parametrize(("height", "width", "matrix"), [(720, 1280, 1), (64, 96, 5)], ids=["BT.709", "BT.601"])
def test_the_matrix_of_untagged_frames_follows_from_their_size(tmp_path, height, width, matrix):
    picture = patchwork(height, width)
    clips.write(tmp_path / "in.mp4", [picture], sound=None, matrix=matrix)
    _, frame = next(read_frames(inspect(tmp_path / "in.mp4")))
    np.testing.assert_allclose(middles(frame), middles(picture) / 255, atol=3 / 255)


def perceptual_quantizer(nits):
    """BT.2100, table 4."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hybrid_log_gamma(nits):
    """BT.2100, table 5, for neutral light on a display with 1,000 cd/m2."""
    scene = (nits / 1000) ** (1 / 1.2)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(12 * np.maximum(scene, 0.05) - 0.28466892) + 0.55991073
    )


@pytest.mark.parametrize(("transfer", "number"), [(perceptual_quantizer, 16), (hybrid_log_gamma, 18)])
def test_high_dynamic_range_comes_with_white_at_203_nits(transfer, number):
    srgb = np.float64([[level] * 3 for level in (230, 192, 128, 64, 32, 0)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    # BT.2087, M2.
    wide = linear @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T
    red, green, blue = transfer(203 * wide).T
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = 64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746
    frame = av.VideoFrame(32 * len(srgb), 32, "yuv444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        line = np.zeros(plane.line_size // 2, np.uint16)
        line[: 32 * len(srgb)] = np.rint(values).repeat(32)
        plane.update(np.tile(line, (32, 1)).tobytes())
    frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, number, 1
    np.testing.assert_allclose(decode_frame(frame)[0, 16, 16::32], srgb, atol=3 / 255)


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(2), (48, 128)), (Fraction(3, 4), (64, 64))])
def test_pixels_become_square(tmp_path, aspect, size):
    clips.write(tmp_path / "in.mp4", PICTURES, aspect=aspect)
    clip = copied(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert (clip.size, clip.aspect) == (size, 1)


def test_pixels_are_counted_as_they_will_be_before_they_become_square(tmp_path, monkeypatch):
    clips.write(tmp_path / "in.mp4", PICTURES, aspect=Fraction(40))
    clip = inspect(tmp_path / "in.mp4", max_pixels=40 * 64 * 48)
    monkeypatch.setattr("keras_nst.video.clips.decode_frame", None)
    monkeypatch.setattr("keras_nst.video.clips.MAX_PIXELS", 40 * 64 * 48 - 1)
    for read in (lambda: inspect(clip.path, max_pixels=40 * 64 * 48 - 1), lambda: next(read_frames(clip))):
        with pytest.raises(InputError, match=r"in\.mp4: frames of 2560 x 48 pixels are more than the limit of 122,879"):
            read()


def test_frames_of_another_size_are_brought_to_the_first(tmp_path):
    clips.write(tmp_path / "1.ts", PICTURES[:6], sound=None)
    clips.write(
        tmp_path / "2.ts", clips.frames(6, 96, 80), sound=None, stamps=[1001 * number for number in range(6, 12)]
    )
    (tmp_path / "in.ts").write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    clip = inspect(tmp_path / "in.ts")
    stamps, frames = zip(*read_frames(clip), strict=True)
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    # The clock of the second file starts before the first one ends.
    assert len(frames) == clip.frames == 12
    np.testing.assert_allclose(np.diff(stamps) * float(clip.time_base), float(1 / clips.RATE), atol=1e-4)


def test_of_a_trimmed_clip_the_frames_that_are_shown_count(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES, sound=None, stamps=[1001 * number for number in range(-5, 7)])
    clip = inspect(tmp_path / "in.mp4")
    assert clip.frames == len(list(read_frames(clip))) == 7


def test_of_a_clip_whose_start_is_cut_away_the_frames_that_are_shown_count(tmp_path):
    clips.write(tmp_path / "in.ts", clips.frames(30), sound=None)
    whole = (tmp_path / "in.ts").read_bytes()
    (tmp_path / "in.ts").write_bytes(whole[188 * (len(whole) // 188 // 3) :])
    clip = inspect(tmp_path / "in.ts")
    assert 0 < clip.frames == len(list(read_frames(clip))) < 30


def test_frames_are_shrunk_to_even_sides(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES[:2])
    _, frame = next(read_frames(inspect(tmp_path / "in.mp4"), max_size=45))
    assert frame.shape == (34, 44, 3)


def test_what_made_a_clip_is_its_comment(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES)
    copied(tmp_path / "in.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["comment"] == '{"keras_nst": {"made": "here"}}'
    assert clip_record(tmp_path / "out.mp4") == {"made": "here"}
    assert clip_record(tmp_path / "in.mp4") is None


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
    told = {"index_last.mp4": "cut short", "index_first.mp4": r"of 1\.4 s", "cut.mkv": "cut short"}
    told |= {"sound.mp4": "no video", "tiny.mp4": "16 x 8", "text.mp4": "not a clip", "nowhere.mp4": "No such file"}
    for name, reason in told.items():
        with pytest.raises(InputError, match=reason):
            inspect(tmp_path / name)


def moving(path, pictures, durations, format):
    first, *others = map(Image.fromarray, pictures)
    first.save(path, format, save_all=True, append_images=others, duration=durations, loop=0)


DURATIONS = [40, 80, 120, 200]


@pytest.mark.parametrize("name", ["in.mp4", "in.gif"])
@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_frames": len(PICTURES) - 1}, f"has {len(PICTURES)} frames, more than the limit of {len(PICTURES) - 1}"),
        ({"max_pixels": 64 * 48 - 1}, "64 x 48 pixels are more than the limit of 3,071"),
    ],
)
def test_limits_are_checked_by_what_a_file_says(tmp_path, monkeypatch, name, limits, told):
    path = tmp_path / name
    if name.endswith("gif"):
        first, *others = map(Image.fromarray, PICTURES)
        first.save(path, save_all=True, append_images=others)
        monkeypatch.setattr("keras_nst.video.animations.decode", None)
    else:
        clips.write(path, PICTURES)
    with pytest.raises(InputError, match=told):
        inspect(path, **limits)


def test_no_decoder_makes_a_frame_beyond_the_limit(tmp_path, monkeypatch):
    clips.write(tmp_path / "in.mp4", PICTURES)
    clip = inspect(tmp_path / "in.mp4")
    monkeypatch.setattr("keras_nst.video.clips.MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match="Cannot read"):
        next(read_frames(clip))


@pytest.mark.parametrize("content", ["ffconcat version 1.0\nfile other.mp4\n", "a picture"])
def test_lists_and_pictures_under_the_name_of_a_clip_are_refused(tmp_path, content):
    clips.write(tmp_path / "other.mp4", PICTURES)
    (tmp_path / "in.mp4").write_text(content)
    if content == "a picture":
        Image.fromarray(PICTURES[0]).save(tmp_path / "in.mp4", "JPEG")
    with pytest.raises(InputError, match="not a clip"):
        inspect(tmp_path / "in.mp4")


@pytest.mark.parametrize("suffix", ["gif", "webp", "apng"])
def test_animations_keep_their_frames_times_and_colors(tmp_path, suffix):
    pictures = [np.full((32, 48, 3), 40 + 50 * number, np.uint8) for number in range(4)]
    moving(tmp_path / "in.png", pictures, DURATIONS, "PNG")
    clip = copied(tmp_path / "in.png", tmp_path / f"out.{suffix}")
    stamps, frames = zip(*read_frames(clip), strict=True)
    assert stamps == (0, 40, 120, 240)
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_allclose(255 * frame, picture, atol=3)
    with Image.open(tmp_path / f"out.{suffix}") as image:
        assert image.info["loop"] == 0


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".mov", ".mkv"])
def test_the_last_frame_is_shown_as_long_as_before(tmp_path, suffix):
    moving(tmp_path / "in.png", PICTURES[:4], [100, 100, 100, 3000], "PNG")
    clip = copied(tmp_path / "in.png", tmp_path / f"out{suffix}")
    assert float(clip.last * clip.time_base) == pytest.approx(3, abs=1e-3)
    copied(clip.path, tmp_path / "again.apng")
    *_, (begin, end, _) = read_animation(tmp_path / "again.apng")
    assert end - begin == pytest.approx(3000, abs=1)


def test_a_frame_of_hours_has_the_longest_time_of_a_gif(tmp_path):
    moving(tmp_path / "in.webp", PICTURES[:3], [100, 100, 4_000_000], "WEBP")
    copied(tmp_path / "in.webp", tmp_path / "out.gif")
    assert [end - begin for begin, end, _ in read_animation(tmp_path / "out.gif")] == [100, 100, 655_350]


def test_a_clip_is_as_long_as_before_if_its_format_tells_no_frames_duration(tmp_path):
    moving(tmp_path / "in.gif", PICTURES[:4], 1000, "GIF")
    assert copied(tmp_path / "in.gif", tmp_path / "out.webm").damage is None
    with av.open(str(tmp_path / "out.webm")) as container:
        assert container.duration == pytest.approx(4_000_000, abs=1000)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_becomes_a_clip(tmp_path, format):
    moving(tmp_path / f"in.{format.lower()}", PICTURES[:4], DURATIONS, format)
    output = copied(tmp_path / f"in.{format.lower()}", tmp_path / "out.mp4")
    assert output.frames == 4
    np.testing.assert_allclose(np.float64(clips.stamps(tmp_path / "out.mp4")), [0, 0.04, 0.12, 0.24], atol=1e-3)


def test_what_is_transparent_in_an_animation_stays_so(tmp_path):
    pictures = [np.dstack([picture, np.uint8(255) * (np.indices((48, 64))[1] < 32)]) for picture in PICTURES[:3]]
    moving(tmp_path / "in.png", pictures, 100, "PNG")
    for suffix in ("gif", "webp", "apng"):
        copied(tmp_path / "in.png", tmp_path / f"out.{suffix}")
        assert clip_record(tmp_path / f"out.{suffix}") == {"made": "here"}
        with Image.open(tmp_path / f"out.{suffix}") as image:
            for number in range(3):
                image.seek(number)
                alpha = np.asarray(image.convert("RGBA"))[..., 3]
                np.testing.assert_array_equal(alpha, pictures[number][..., 3])


@pytest.mark.parametrize("max_size", [None, 31])
def test_hard_transparency_stays_hard_where_odd_sides_lose_a_row(tmp_path, max_size):
    shown = np.uint8(255) * (np.indices((63, 47))[1] < 24)
    moving(tmp_path / "in.png", [np.dstack([picture, shown]) for picture in clips.frames(2, 47, 63)], 100, "PNG")
    clip = inspect(tmp_path / "in.png")
    frames = list(read_frames(clip, max_size=max_size))
    write_frames(tmp_path / "segment", clip, ".webp", frames)
    join(tmp_path / "out.webp", clip, [tmp_path / "segment"], max_size=max_size)
    expected = resize(
        Picture(np.zeros((1, 63, 47, 3), np.float32), np.float32(shown[None, ..., None] / 255)), max_size or 63
    )
    height, width = frames[0][1].shape[:2]
    with Image.open(tmp_path / "out.webp") as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    np.testing.assert_allclose(alpha / 255, expected.alpha[0, :height, :width, 0], atol=1 / 255)


def test_frames_that_ask_for_no_time_are_shown_as_browsers_do(tmp_path):
    moving(tmp_path / "in.gif", PICTURES[:3], 0, "GIF")
    assert [stamp for stamp, _ in read_frames(inspect(tmp_path / "in.gif"))] == [0, 100, 200]


def test_a_name_with_a_colon_is_no_address(tmp_path):
    path = tmp_path / "http: 100%d.mp4"
    clips.write(tmp_path / "in.mp4", PICTURES)
    (tmp_path / "in.mp4").rename(path)
    assert inspect(path).frames == 12
    assert copied(path, tmp_path / "data:out.mp4").frames == 12


def test_a_name_of_no_characters_is_refused(tmp_path):
    clips.write(tmp_path / "in.mp4", PICTURES)
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    (tmp_path / "in.mp4").rename(path)
    with pytest.raises(InputError, match="not valid Unicode"):
        inspect(path)


def test_a_picture_is_no_clip_to_write():
    with pytest.raises(InputError, match="webm"):
        check_clip_format(".png")


def test_without_pyav_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="PyAV"):
        inspect(tmp_path / "in.mp4")
