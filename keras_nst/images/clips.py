"""Clips: their frames out of a file, and stylized ones into another with the same time stamps and sound."""

import contextlib
import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import check_file
from keras_nst.images.decoding import decode_frame
from keras_nst.images.encoding import OWNER
from keras_nst.images.io import MIN_SIDE
from keras_nst.images.picture import Picture, resize

CODECS = {"m4v": "libx264", "mkv": "libx264", "mov": "libx264", "mp4": "libx264", "webm": "libvpx-vp9"}
"""What can be written: the suffix and the codec of its frames."""

READABLE = ("3gp", "avi", "flv", "m2ts", "mpeg", "mpg", "mts", "ogv", "ts", "wmv", *CODECS)

# No frames that refer to later ones: what one segment ends with and the next begins with stays in order.
_QUALITY = {
    "libx264": {"crf": "18", "bf": "0", "x264-params": "force-cfr=1"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
_SEGMENT = "nut"  # A container of any codec, with time stamps of any unit.
_BT709, _LIMITED = 1, 1  # FFmpeg's numbers: of color space, primaries and transfer alike; of 16 to 235 for brightness.
_MICROSECONDS = 1_000_000  # FFmpeg's unit of a file's duration.
# How much earlier than it says a whole file may end, in seconds and as a share. MP4 counts, others guess.
_MISSING, _MISSING_OF_MP4, _MISSING_SHARE = 0.5, 0.1, 0.02


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
    """

    path: Path
    frames: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction
    size: tuple[int, int]


Frame = tuple[int, np.ndarray]
"""The time stamp of a frame and its pixels, (H, W, 3) float32 in [0, 1]."""


def is_clip(source: str | Path) -> bool:
    """Whether a path has the suffix of a clip."""
    return Path(source).suffix.lower()[1:] in READABLE


def check_clip_format(suffix: str) -> None:
    """Refuse what no clip can be written as.

    Args:
        suffix: With its dot.

    Raises:
        InputError: It is none of `CODECS`.
    """
    if suffix.lower()[1:] not in CODECS:
        raise InputError(f"No clip can be written as {suffix or 'a file without suffix'}. Known: {', '.join(CODECS)}.")


def inspect(path: str | Path) -> Clip:
    """Look through a file, decoding its first frame alone.

    Raises:
        InputError: The file is missing, no clip, without video, too small, or damaged or cut short; or PyAV is not
            installed.
    """
    with _reading(path) as container:
        stream = _video(container, path)
        first = next(container.decode(stream), None)
        if first is None or min(first.width, first.height) < MIN_SIDE:
            size = "no frames" if first is None else f"{first.width} x {first.height} pixels"
            raise InputError(f"Cannot read {path}: it holds {size}. Expected sides from {MIN_SIDE}.")
        aspect = stream.sample_aspect_ratio or Fraction(1)
        size = decode_frame(first, aspect).shape[1:3]
    with _reading(path) as container:
        stream = _video(container, path)
        shown, end = [], 0
        for packet in container.demux():
            if packet.pts is not None:
                # What was cut away in front is there and not shown, or cannot be without a frame that was.
                if packet.stream is stream and not packet.is_discard and packet.pts >= (first.pts or 0):
                    shown.append(packet.pts)
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        length = Fraction(container.duration or 0, _MICROSECONDS)
        reached = end - Fraction(container.start_time or 0, _MICROSECONDS)
        missing = _MISSING_OF_MP4 if "mp4" in container.format.name else _MISSING
        if reached < length - max(missing, _MISSING_SHARE * length):
            told = f"{float(reached):.1f} of {float(length):.1f} s"
            raise InputError(f"Cannot read {path}: it is cut short after {told}. Copy it anew.")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Clip(Path(path), len(set(shown)), rate, stream.time_base, aspect, size)


def read_frames(clip: Clip, *, skip: int = 0, max_size: int | None = None) -> Iterator[Frame]:
    """The frames of a clip, upright, of square pixels and with even sides, as codecs want them.

    Args:
        clip: From `inspect`.
        skip: Leave out so many first frames.
        max_size: Shrink to this longest side, if need be.

    Raises:
        InputError: A frame cannot be decoded.
    """
    with _reading(clip.path) as container:
        stream = _video(container, clip.path)
        stream.thread_type = "AUTO"
        last, number = None, 0
        for frame in container.decode(stream):
            stamp = frame.pts if frame.pts is not None else 0 if last is None else last + 1
            if last is not None and stamp <= last:
                continue  # It would be shown at no time.
            last, number = stamp, number + 1
            if number <= skip:
                continue
            rgb = decode_frame(frame, clip.aspect)
            if rgb.shape[1:3] != clip.size:
                rgb = np.clip(cv2.resize(rgb[0], clip.size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)[None]
            if max_size:
                rgb = resize(Picture(rgb), max_size).rgb
            height, width = rgb.shape[1:3]
            yield stamp, rgb[0, : height - height % 2, : width - width % 2]


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
    with av.open(str(path), "w", format=_SEGMENT) as target:
        stream = None
        for stamp, rgb in frames:
            if stream is None:
                stream = target.add_stream(codec, rate=clip.rate, options=_QUALITY[codec])
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"
                context = stream.codec_context
                context.time_base = clip.time_base
                context.colorspace = context.color_primaries = context.color_trc = _BT709
                context.color_range = _LIMITED
            samples = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(samples, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
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
                    av.open(f"{folder}/sound{suffix}", "w") as target,
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
    with av.open(str(path), "w") as target, _reading(clip.path) as original, av.open(str(segments[0])) as first:
        if record is not None:
            target.metadata["comment"] = json.dumps({OWNER: record})
        video = target.add_stream_from_template(first.streams.video[0])
        # All streams are added before anything is written.
        packets = [_segment_packets(av, segments, video, clip), _sound_packets(target, original, sound)]
        for packet in heapq.merge(*packets, key=lambda packet: packet.dts * packet.time_base):
            target.mux(packet)


def _sound_stream(target, stream):
    """A stream of the target for one of the original, and whether packets go there as they are."""
    if stream.codec_context.codec.canonical_name in target.supported_codecs:
        return target.add_stream_from_template(stream), True
    webm = target.format.name == "webm"
    return target.add_stream("libopus" if webm else "aac", rate=48_000 if webm else stream.rate), False


def _segment_packets(av, segments, video, clip):
    duration = 1 / clip.rate
    for segment in segments:
        with av.open(str(segment)) as container:
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


@contextlib.contextmanager
def _reading(path: str | Path):
    av = _pyav()
    check_file(path)
    try:
        with av.open(str(path)) as container:
            yield container
    except av.FFmpegError as error:
        raise InputError(f"Cannot read {path}: it is no clip, or damaged or cut short ({error.strerror}).") from error


def _video(container, path: str | Path):
    """The first stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            return stream
    raise InputError(f"Cannot read {path}: it has no video. Expected a clip with moving pictures.")
