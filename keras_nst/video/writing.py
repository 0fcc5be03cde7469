"""Write stylized frames with the time stamps and the sound of their clip."""

import contextlib
import heapq
import itertools
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.encoding import OWNER
from keras_nst.pictures.kinds import is_animation
from keras_nst.video.animations import TIME_BASE, WRITABLE, read_animation, write_animation
from keras_nst.video.clips import Clip, Frame, fitted
from keras_nst.video.ffmpeg import ffmpeg_name, pyav, reading

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


def check_clip_format(suffix: str) -> None:
    """Check that a clip can be written with this suffix.

    Args:
        suffix: The suffix, with its dot.

    Raises:
        InputError: It is not one of `CODECS`.
    """
    if suffix.lower()[1:] not in CODECS:
        raise InputError(f"Cannot write a clip as {suffix or 'a file without suffix'}. Known: {', '.join(CODECS)}.")


def write_frames(path: str | Path, clip: Clip, suffix: str, frames: Iterable[Frame]) -> None:
    """Encode a segment of a clip.

    Args:
        path: The file of the segment.
        clip: The clip whose time stamps and rate the frames have.
        suffix: Suffix of the final file, a key of `CODECS`, with its dot.
        frames: At least one frame.
    """
    av = pyav()
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
    av = pyav()
    with reading(clip.path) as original:
        can_be_decoded = {stream.index: stream.codec_context is not None for stream in original.streams.audio}
        left_out = ["subtitles"] if original.streams.subtitles else []
    carried = []
    for number, index in enumerate(can_be_decoded, 1):
        reason = None if can_be_decoded[index] else "FFmpeg has no decoder for it"
        if reason is None:
            try:
                with (
                    tempfile.TemporaryDirectory() as folder,
                    reading(clip.path) as original,
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
    path: str | Path,
    clip: Clip,
    segments: Sequence[Path],
    sound: Sequence[int] = (),
    record: dict | None = None,
    *,
    max_size: int | None = None,
) -> None:
    """Join segments, and the sound of their clip, in one file.

    Sound is copied if the file can hold its codec, else encoded as AAC or Opus.

    Args:
        path: The file; its suffix selects the format.
        clip: The clip with the sound.
        segments: From `write_frames`, in order.
        sound: Streams from `carried_sound`.
        record: How the frames were made, stored in the file's comment.
        max_size: Longest side that the frames were shrunk to; of an animation, its transparency is as well.

    Raises:
        InputError: The clip can no longer be read.
    """
    av = pyav()
    if Path(path).suffix.lower()[1:] in WRITABLE:
        _join_animation(path, clip, segments, record, max_size)
        return
    with contextlib.ExitStack() as opened:
        target = opened.enter_context(av.open(ffmpeg_name(path), "w"))
        original = opened.enter_context(reading(clip.path)) if sound else None
        first = opened.enter_context(av.open(ffmpeg_name(segments[0])))
        if record is not None:
            target.metadata["comment"] = json.dumps({OWNER: record})
        video = target.add_stream_from_template(first.streams.video[0])
        # All streams must be added before the first packet.
        packets = [_segment_packets(av, segments, video, clip), _sound_packets(target, original, sound)]
        for packet in heapq.merge(*packets, key=lambda packet: packet.dts * packet.time_base):
            target.mux(packet)


def _join_animation(
    path: str | Path, clip: Clip, segments: Sequence[Path], record: dict | None, max_size: int | None
) -> None:
    av = pyav()
    stamps, frames = [], []
    for segment in segments:
        with av.open(ffmpeg_name(segment)) as container:
            for frame in container.decode(video=0):
                stamps.append(frame.pts * frame.time_base)
                frames.append(frame.to_ndarray(format="rgb24"))
    if is_animation(clip.path):
        for number, (_, _, picture) in enumerate(read_animation(clip.path)):
            if picture.alpha is not None and picture.alpha.min() < 1:
                alpha = np.rint(255 * fitted(picture.alpha, clip, max_size)).astype(np.uint8)
                frames[number] = np.dstack([frames[number], alpha])
    ends = [*stamps[1:], stamps[-1] + clip.last * clip.time_base]
    durations = [max(1, round(TIME_BASE * (end - stamp))) for stamp, end in zip(stamps, ends, strict=True)]
    write_animation(path, Path(path).suffix.lower()[1:], frames, durations, json.dumps({OWNER: record}))


def _sound_stream(target, stream):
    """A stream of the target for a stream of the original, and whether packets are copied to it."""
    if stream.codec_context.codec.canonical_name in target.supported_codecs:
        return target.add_stream_from_template(stream), True
    webm = target.format.name == "webm"
    return target.add_stream("libopus" if webm else "aac", rate=48_000 if webm else stream.rate), False


def _segment_packets(av, segments, video, clip):
    """The packets of the segments, each until the next one begins."""
    packets = itertools.chain(_stored_packets(av, segments), [None])
    for packet, following in itertools.pairwise(packets):
        last = clip.last * clip.time_base
        duration = following.pts * following.time_base - packet.pts * packet.time_base if following else last
        packet.dts = packet.pts  # Frames are in order. The file has no DTS for the first.
        packet.duration = round(duration / packet.time_base)
        packet.stream = video
        yield packet


def _stored_packets(av, segments):
    for segment in segments:
        with av.open(ffmpeg_name(segment)) as container:
            yield from (packet for packet in container.demux(video=0) if packet.size)  # The last packet is empty.


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
