"""Clips: their frames out of a file, and stylized ones into another with the same time stamps and sound.

Films are read and written by FFmpeg, pictures that move by Pillow.
"""

import contextlib
import functools
import heapq
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import check_file
from keras_nst.pictures.decoding import decode_frame
from keras_nst.pictures.encoding import OWNER
from keras_nst.pictures.io import MIN_SIDE
from keras_nst.pictures.kinds import is_animation
from keras_nst.pictures.picture import Picture, resize
from keras_nst.video.animations import TIME_BASE, WRITABLE, read_animation, write_animation

CODECS = {
    "m4v": "libx264",
    "mkv": "libx264",
    "mov": "libx264",
    "mp4": "libx264",
    "webm": "libvpx-vp9",
    **dict.fromkeys(WRITABLE, "ffv1"),
}
"""What can be written: the suffix and the codec of its frames; those of animations are kept without loss until then."""

# No frames that refer to later ones: what one segment ends with and the next begins with stays in order.
_QUALITY = {
    "libx264": {"crf": "18", "bf": "0", "x264-params": "force-cfr=1"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "ffv1": {},
}
_SEGMENT = "nut"  # A container of any codec, with time stamps of any unit.
_BT709, _LIMITED = 1, 1  # FFmpeg's numbers: of color space, primaries and transfer alike; of 16 to 235 for brightness.
_MICROSECONDS = 1_000_000  # FFmpeg's unit of a file's duration.
# How much earlier than it says a whole file may end, in seconds and as a share. MP4 counts, others guess.
_MISSING, _MISSING_OF_MP4, _MISSING_SHARE = 0.5, 0.1, 0.02
_MISSING_FRAMES = 0.1


@dataclass(frozen=True)
class Clip:
    """What a file says of its frames.

    Attributes:
        path: The file.
        frames: How many there are.
        rate: Frames in a second, on average.
        time_base: The unit of time stamps, in seconds.
        aspect: Width of a stored pixel to its height.
        size: Height and width of the first frame, upright and of square pixels; others are brought to it.
        damage: A line about what is missing of the file; None for nothing.
    """

    path: Path
    frames: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction
    size: tuple[int, int]
    damage: str | None = None


Frame = tuple[int, np.ndarray]
"""The time stamp of a frame and its pixels, (H, W, 3) float32 in [0, 1]."""


def check_clip_format(suffix: str) -> None:
    """Refuse what no clip can be written as.

    Args:
        suffix: With its dot.

    Raises:
        InputError: It is none of `CODECS`.
    """
    if suffix.lower()[1:] not in CODECS:
        raise InputError(f"No clip can be written as {suffix or 'a file without suffix'}. Known: {', '.join(CODECS)}.")


def inspect(path: str | Path, *, whole: bool = True) -> Clip:
    """Look through a file, decoding its first frame alone.

    Args:
        path: The file.
        whole: Whether one that is cut short is refused.

    Raises:
        InputError: The file is missing, no clip, without video, too small, or damaged or cut short; or PyAV is not
            installed.
    """
    if is_animation(path):
        return _inspect_animation(path)
    with _reading(path) as container:
        stream = _video(container, path)
        first = next(container.decode(stream), None)
        _check_size(path, first and (first.height, first.width))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        size = decode_frame(first, aspect).shape[1:3]
    with _reading(path) as container:
        stream = _video(container, path)
        shown: list[set[int]] = [set()]  # Of each part whose clock goes on.
        decoded, end = None, 0
        for packet in container.demux():
            if packet.pts is not None:
                # What was cut away in front is there and not shown, or cannot be without a frame that was.
                if packet.stream is stream and not packet.is_discard and packet.pts >= (first.pts or 0):
                    if None not in (decoded, packet.dts) and packet.dts < decoded:
                        shown.append(set())
                    decoded = packet.dts
                    shown[-1].add(packet.pts)
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        damage = None
        length = Fraction(container.duration or 0, _MICROSECONDS)
        reached = end - Fraction(container.start_time or 0, _MICROSECONDS)
        missing = _MISSING_OF_MP4 if "mp4" in container.format.name else _MISSING
        count = sum(map(len, shown))
        # Of MP4 what is cut away counts among the frames, too.
        counted = 0 if "mp4" in container.format.name else stream.frames
        told = None
        if reached < length - max(missing, _MISSING_SHARE * length):
            told = f"{float(reached):.1f} of {float(length):.1f} s"
        elif count < counted * (1 - _MISSING_FRAMES):
            told = f"{count} of {counted} frames"
        if told:
            damage = f"Cannot read {path}: it is cut short after {told}. Copy it anew."
            if whole:
                raise InputError(damage)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Clip(Path(path), count, rate, stream.time_base, aspect, size, damage)


def read_frames(clip: Clip, *, skip: int = 0, max_size: int | None = None) -> Iterator[Frame]:
    """The frames of a clip, upright, of square pixels and with even sides, as codecs want them.

    Args:
        clip: From `inspect`.
        skip: Leave out so many first frames.
        max_size: Shrink to this longest side, if need be.

    Raises:
        InputError: A frame cannot be decoded.
    """
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        if number >= skip:
            yield stamp, _fitted(pixels(), clip, max_size)


def sample_frames(clip: Clip, every: float, max_size: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """At most one frame of a clip in so many seconds of it: the first of each such span.

    Args:
        clip: From `inspect`.
        every: Seconds; 0 for all frames.
        max_size: As in `read_frames`.

    Yields:
        The frame's number from 0, and its colors (1, H, W, 3) float32 in [0, 1].

    Raises:
        InputError: A frame cannot be decoded.
    """
    begin = span = None
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        begin = stamp if begin is None else begin
        # Time stamps are rounded to their unit.
        now = int((stamp - begin + 0.5) * clip.time_base / Fraction(every)) if every else number
        if now != span:
            span = now
            yield number, _fitted(pixels(), clip, max_size)[None]


def _stored_frames(clip: Clip) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
    """The time stamp of each frame that is shown, and what decodes its pixels, (1, H, W, 3)."""
    if is_animation(clip.path):
        for begin, _, picture in read_animation(clip.path):
            yield begin, functools.partial(getattr, picture, "rgb")
        return
    with _reading(clip.path) as container:
        stream = _video(container, clip.path)
        stream.thread_type = "AUTO"
        last, shift = None, 0
        for frame in container.decode(stream):
            stamp = 0 if last is None else last + 1
            if frame.pts is not None:
                if last is not None and frame.pts + shift < last:  # Files put one behind the other: the clock restarts.
                    shift = last + round(1 / clip.rate / clip.time_base) - frame.pts
                stamp = frame.pts + shift
            if stamp == last:
                continue  # It would be shown at no time.
            last = stamp
            yield stamp, functools.partial(decode_frame, frame, clip.aspect)


def _fitted(rgb: np.ndarray, clip: Clip, max_size: int | None) -> np.ndarray:
    """A frame of the clip's size, or shrunk, with even sides, (H, W, 3)."""
    if rgb.shape[1:3] != clip.size:
        rgb = np.clip(cv2.resize(rgb[0], clip.size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)[None]
    if max_size:
        rgb = resize(Picture(rgb), max_size).rgb
    height, width = rgb.shape[1:3]
    return rgb[0, : height - height % 2, : width - width % 2]


def _inspect_animation(path: str | Path) -> Clip:
    ends, sizes = zip(*((end, picture.rgb.shape[1:3]) for _, end, picture in read_animation(path)), strict=True)
    _check_size(path, sizes[0])
    rate = Fraction(len(ends) * TIME_BASE, ends[-1])
    return Clip(Path(path), len(ends), rate, Fraction(1, TIME_BASE), Fraction(1), sizes[0])


def _check_size(path: str | Path, size: tuple[int, int] | None) -> None:
    if size is None or min(size) < MIN_SIDE:
        told = "no frames" if size is None else f"{size[1]} x {size[0]} pixels"
        raise InputError(f"Cannot read {path}: it holds {told}. Expected sides from {MIN_SIDE}.")


def write_frames(path: str | Path, clip: Clip, suffix: str, frames: Iterable[Frame]) -> None:
    """Encode some frames of a clip, to be joined with others.

    Args:
        path: Where to.
        clip: Whose time stamps and rate they have.
        suffix: Of what they will be joined to, see `CODECS`; with its dot.
        frames: At least one.
    """
    av = _pyav()
    codec = CODECS[suffix.lower()[1:]]
    lossless = suffix.lower()[1:] in WRITABLE
    with av.open(ffmpeg_name(path), "w", format=_SEGMENT) as target:
        stream = None
        for stamp, rgb in frames:
            if stream is None:
                stream = target.add_stream(codec, rate=clip.rate, options=_QUALITY[codec])
                stream.height, stream.width = rgb.shape[:2]
                context = stream.codec_context
                context.time_base = clip.time_base
                stream.pix_fmt = "bgr0" if lossless else "yuv420p"
                if not lossless:
                    context.colorspace = context.color_primaries = context.color_trc = _BT709
                    context.color_range = _LIMITED
            samples = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(samples, "rgb24")
            video = {} if lossless else {"dst_colorspace": _BT709, "dst_color_range": _LIMITED}
            frame = frame.reformat(format=stream.pix_fmt, **video)
            frame.pts, frame.time_base = stamp, clip.time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode())


def carried_sound(clip: Clip, suffix: str) -> tuple[list[int], list[str]]:
    """What of a clip's sound a file of a kind can hold, found by writing it once.

    Args:
        clip: From `inspect`.
        suffix: Of the file, see `CODECS`; with its dot.

    Returns:
        The streams that `join` can carry, and a line for each other one and for subtitles, which are left out.

    Raises:
        InputError: The clip cannot be read any more.
    """
    if is_animation(clip.path):
        return [], []
    if suffix.lower()[1:] in WRITABLE:
        return [], [f"Left out of {clip.path}: sound, which no {suffix[1:].upper()} has."]
    av = _pyav()
    with _reading(clip.path) as original:
        can_be_decoded = {stream.index: stream.codec_context is not None for stream in original.streams.audio}
        left_out = ["subtitles"] if original.streams.subtitles else []
    carried = []
    for number, index in enumerate(can_be_decoded, 1):
        reason = None if can_be_decoded[index] else "FFmpeg has no decoder for it"
        if reason is None:
            try:
                with (
                    tempfile.TemporaryDirectory() as folder,
                    _reading(clip.path) as original,
                    av.open(ffmpeg_name(f"{folder}/sound{suffix}"), "w") as target,
                ):
                    for packet in _sound_packets(target, original, [index]):
                        target.mux(packet)
                carried.append(index)
            except InputError as error:
                reason = error.__cause__.strerror
        if reason is not None:
            left_out.append(f"sound {number} of {len(can_be_decoded)} ({reason})")
    return carried, [f"Left out of {clip.path}: {what}." for what in left_out]


def join(
    path: str | Path, clip: Clip, segments: Sequence[Path], sound: Sequence[int] = (), record: dict | None = None
) -> None:
    """Put encoded frames and the sound of their clip into one file.

    Sound is copied where the file can hold it as it is, and encoded as AAC or Opus elsewhere.

    Args:
        path: Where to; its suffix decides the kind.
        clip: Whose sound it gets.
        segments: From `write_frames`, in their order.
        sound: Streams of `carried_sound`.
        record: What made the frames, kept as the file's comment.

    Raises:
        InputError: The clip cannot be read any more.
    """
    av = _pyav()
    if Path(path).suffix.lower()[1:] in WRITABLE:
        _join_animation(path, clip, segments, record)
        return
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(av.open(ffmpeg_name(path), "w"))
        original = opened.enter_context(_reading(clip.path)) if sound else None
        first = opened.enter_context(av.open(ffmpeg_name(segments[0])))
        if record is not None:
            target.metadata["comment"] = json.dumps({OWNER: record})
        video = target.add_stream_from_template(first.streams.video[0])
        # All streams are added before anything is written.
        packets = [_segment_packets(av, segments, video, clip), _sound_packets(target, original, sound)]
        for packet in heapq.merge(*packets, key=lambda packet: packet.dts * packet.time_base):
            target.mux(packet)


def _join_animation(path: str | Path, clip: Clip, segments: Sequence[Path], record: dict | None) -> None:
    av = _pyav()
    stamps, frames = [], []
    for segment in segments:
        with av.open(ffmpeg_name(segment)) as container:
            for frame in container.decode(video=0):
                stamps.append(frame.pts * frame.time_base)
                frames.append(frame.to_ndarray(format="rgb24"))
    if is_animation(clip.path):
        for number, (_, _, picture) in enumerate(read_animation(clip.path)):
            if picture.alpha is not None and picture.alpha.min() < 1:
                alpha = cv2.resize(picture.alpha[0], frames[number].shape[1::-1], interpolation=cv2.INTER_AREA)
                frames[number] = np.dstack([frames[number], np.rint(255 * alpha).astype(np.uint8)])
    ends = [*stamps[1:], stamps[-1] + 1 / clip.rate]
    durations = [max(1, round(TIME_BASE * (end - stamp))) for stamp, end in zip(stamps, ends, strict=True)]
    write_animation(path, Path(path).suffix.lower()[1:], frames, durations, json.dumps({OWNER: record}))


def _sound_stream(target, stream):
    """A stream of the target for one of the original, and whether packets go there as they are."""
    if stream.codec_context.codec.canonical_name in target.supported_codecs:
        return target.add_stream_from_template(stream), True
    webm = target.format.name == "webm"
    return target.add_stream("libopus" if webm else "aac", rate=48_000 if webm else stream.rate), False


def _segment_packets(av, segments, video, clip):
    duration = 1 / clip.rate
    for segment in segments:
        with av.open(ffmpeg_name(segment)) as container:
            for packet in container.demux(video=0):
                if packet.size:  # The last is empty.
                    packet.dts = packet.pts  # In order, which the file does not tell of the first.
                    packet.duration = round(duration / packet.time_base)
                    packet.stream = video
                    yield packet


def _sound_packets(target, original, indices):
    """The packets of new streams of the target, for those of the original."""
    sound = {original.streams[index]: _sound_stream(target, original.streams[index]) for index in indices}
    return _packets_of(original, sound) if sound else ()


def _packets_of(original, sound):
    for packet in original.demux(list(sound)):
        stream, copied = sound[packet.stream]
        if not copied:
            for frame in packet.decode():
                yield from stream.encode(frame)
        elif packet.dts is not None:
            packet.stream = stream
            yield packet
    for stream, copied in sound.values():
        if not copied:
            yield from stream.encode()


def _pyav():
    try:
        import av
    except ImportError as error:
        raise InputError("Clips need PyAV. Install it: pip install 'keras_nst[video]'.") from error
    av.logging.set_level(None)  # What matters of what it prints comes as an error, too.
    return av


def ffmpeg_name(path: str | Path) -> str:
    """A path as FFmpeg takes it, for which a name with a colon is an address and one with % a row of files.

    Raises:
        InputError: The name holds bytes that are no Unicode.
    """
    name = f"file:{path}"
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"FFmpeg cannot be told the name of {path}, which is no Unicode. Rename it.") from None
    return name


@contextlib.contextmanager
def _reading(path: str | Path):
    av = _pyav()
    check_file(path)
    try:
        with av.open(ffmpeg_name(path)) as container:
            yield container
    except av.FFmpegError as error:
        raise InputError(f"Cannot read {path}: it is no clip, or damaged or cut short ({error.strerror}).") from error


def _video(container, path: str | Path):
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    raise InputError(f"Cannot read {path}: it has no video. Expected a clip with moving pictures.")
