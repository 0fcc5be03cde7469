"""Read the frames of clips, and write stylized frames with the same time stamps and sound.

FFmpeg reads and writes clips; Pillow reads and writes animations.
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
"""Suffixes that can be written, with the codecs of their segments; animations have lossless segments."""

# Without frames that refer to later ones, so that the packets of joined segments are in order.
_QUALITY = {
    "libx264": {"crf": "18", "bf": "0", "x264-params": "force-cfr=1"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "ffv1": {},
}
_SEGMENT = "nut"  # A container for any codec, with time stamps of any unit.
_BT709, _LIMITED = 1, 1  # FFmpeg's numbers of BT.709 (space, primaries and transfer), and of luma from 16 to 235.
_MICROSECONDS = 1_000_000  # FFmpeg's unit of a file's duration.
# How much earlier than its duration a complete file may end, in seconds and as a share. Only MP4 is exact.
_MISSING, _MISSING_OF_MP4, _MISSING_SHARE = 0.5, 0.1, 0.02
_MISSING_FRAMES = 0.1


@dataclass(frozen=True)
class Clip:
    """Properties of a clip.

    Attributes:
        path: The file.
        frames: Number of frames.
        rate: Mean number of frames per second.
        time_base: Unit of time stamps, in seconds.
        aspect: Width of a stored pixel divided by its height.
        size: Height and width of the first frame, upright and with square pixels. Other frames are resized to it.
        damage: A message if a part of the file is missing, else None.
    """

    path: Path
    frames: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction
    size: tuple[int, int]
    damage: str | None = None


Frame = tuple[int, np.ndarray]
"""Time stamp and pixels, (H, W, 3) float32 in [0, 1]."""


def check_clip_format(suffix: str) -> None:
    """Check that a clip can be written with this suffix.

    Args:
        suffix: The suffix, with its dot.

    Raises:
        InputError: It is not one of `CODECS`.
    """
    if suffix.lower()[1:] not in CODECS:
        raise InputError(f"Cannot write a clip as {suffix or 'a file without suffix'}. Known: {', '.join(CODECS)}.")


def inspect(path: str | Path, *, whole: bool = True) -> Clip:
    """Read the properties of a clip. Only its first frame is decoded.

    Args:
        path: The file.
        whole: Whether to refuse a file that is cut short.

    Raises:
        InputError: The file is missing, damaged, cut short, not a clip, without video or too small; or PyAV is not
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
        shown: list[set[int]] = [set()]  # Time stamps of each part; the clock restarts between parts.
        decoded, end = None, 0
        for packet in container.demux():
            if packet.pts is not None:
                # Frames that were cut off at the beginning are still in the file.
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
        # MP4 also counts frames that were cut off.
        counted = 0 if "mp4" in container.format.name else stream.frames
        told = None
        if reached < length - max(missing, _MISSING_SHARE * length):
            told = f"{float(reached):.1f} of {float(length):.1f} s"
        elif count < counted * (1 - _MISSING_FRAMES):
            told = f"{count} of {counted} frames"
        if told:
            damage = f"Cannot read {path}: it is cut short after {told}. Copy it again."
            if whole:
                raise InputError(damage)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Clip(Path(path), count, rate, stream.time_base, aspect, size, damage)


def read_frames(clip: Clip, *, skip: int = 0, max_size: int | None = None) -> Iterator[Frame]:
    """Read the frames of a clip, upright, with square pixels, and with even sides, which codecs need.

    Args:
        clip: From `inspect`.
        skip: Number of first frames to leave out.
        max_size: Longest side to shrink frames to.

    Raises:
        InputError: A frame cannot be decoded.
    """
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        if number >= skip:
            yield stamp, _fitted(pixels(), clip, max_size)


def sample_frames(clip: Clip, every: float, max_size: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Read the first frame of each time span of a clip.

    Args:
        clip: From `inspect`.
        every: Length of a span in seconds; 0 for all frames.
        max_size: As in `read_frames`.

    Yields:
        The frame's number, counted from 0, and its colors (1, H, W, 3) float32 in [0, 1].

    Raises:
        InputError: A frame cannot be decoded.
    """
    begin = span = None
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        begin = stamp if begin is None else begin
        # Half a unit more, since time stamps are rounded.
        now = int((stamp - begin + 0.5) * clip.time_base / Fraction(every)) if every else number
        if now != span:
            span = now
            yield number, _fitted(pixels(), clip, max_size)[None]


def _stored_frames(clip: Clip) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
    """The time stamp of each visible frame, and a function that decodes its pixels, (1, H, W, 3)."""
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
                if last is not None and frame.pts + shift < last:  # The clock restarts where files were concatenated.
                    shift = last + round(1 / clip.rate / clip.time_base) - frame.pts
                stamp = frame.pts + shift
            if stamp == last:
                continue  # It would have no duration.
            last = stamp
            yield stamp, functools.partial(decode_frame, frame, clip.aspect)


def _fitted(rgb: np.ndarray, clip: Clip, max_size: int | None) -> np.ndarray:
    """Resize a frame to the clip's size or `max_size`, with even sides, (H, W, 3)."""
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
        raise InputError(f"Cannot read {path}: it holds {told}. Expected sides of at least {MIN_SIDE} pixels.")


def write_frames(path: str | Path, clip: Clip, suffix: str, frames: Iterable[Frame]) -> None:
    """Encode a segment of a clip.

    Args:
        path: The file of the segment.
        clip: The clip whose time stamps and rate the frames have.
        suffix: Suffix of the final file, a key of `CODECS`, with its dot.
        frames: At least one frame.
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
    """Find the sound streams of a clip that the output can contain, by writing each once.

    Args:
        clip: From `inspect`.
        suffix: Suffix of the output, a key of `CODECS`, with its dot.

    Returns:
        The streams for `join`, and a message for each other one and for subtitles, which are left out.

    Raises:
        InputError: The clip can no longer be read.
    """
    if is_animation(clip.path):
        return [], []
    if suffix.lower()[1:] in WRITABLE:
        return [], [f"Left out of {clip.path}: sound, which {suffix[1:].upper()} cannot hold."]
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
    """Join segments, and the sound of their clip, in one file.

    Sound is copied if the file can hold its codec, else encoded as AAC or Opus.

    Args:
        path: The file; its suffix selects the format.
        clip: The clip with the sound.
        segments: From `write_frames`, in order.
        sound: Streams from `carried_sound`.
        record: How the frames were made, stored in the file's comment.

    Raises:
        InputError: The clip can no longer be read.
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
        # All streams must be added before the first packet.
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
    """A stream of the target for a stream of the original, and whether packets are copied to it."""
    if stream.codec_context.codec.canonical_name in target.supported_codecs:
        return target.add_stream_from_template(stream), True
    webm = target.format.name == "webm"
    return target.add_stream("libopus" if webm else "aac", rate=48_000 if webm else stream.rate), False


def _segment_packets(av, segments, video, clip):
    duration = 1 / clip.rate
    for segment in segments:
        with av.open(ffmpeg_name(segment)) as container:
            for packet in container.demux(video=0):
                if packet.size:  # The last packet is empty.
                    packet.dts = packet.pts  # Frames are in order. The file has no DTS for the first.
                    packet.duration = round(duration / packet.time_base)
                    packet.stream = video
                    yield packet


def _sound_packets(target, original, indices):
    """The packets of new streams of the target, made from streams of the original."""
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
    av.logging.set_level(None)  # Errors are raised as well.
    return av


def ffmpeg_name(path: str | Path) -> str:
    """A path in FFmpeg's form. Otherwise a colon would make it a URL, and a % a sequence of files.

    Raises:
        InputError: The path is not valid Unicode.
    """
    name = f"file:{path}"
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"FFmpeg cannot open {path}: its name is not valid Unicode. Rename it.") from None
    return name


@contextlib.contextmanager
def _reading(path: str | Path):
    av = _pyav()
    check_file(path)
    try:
        with av.open(ffmpeg_name(path)) as container:
            yield container
    except av.FFmpegError as error:
        raise InputError(f"Cannot read {path}: it is damaged, cut short or not a clip ({error.strerror}).") from error


def _video(container, path: str | Path):
    """The first video stream; the cover of a song does not count."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    raise InputError(f"Cannot read {path}: it has no video. Expected a clip with moving pictures.")
