"""Read the frames of clips, by FFmpeg, and of animations, by Pillow."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.decoding import decode_frame, square_size
from keras_nst.pictures.encoding import OWNER
from keras_nst.pictures.io import MAX_PIXELS, MIN_SIDE, read_record
from keras_nst.pictures.kinds import is_animation
from keras_nst.pictures.picture import Picture, resize
from keras_nst.video.animations import TIME_BASE, check_number, check_size, read_animation
from keras_nst.video.ffmpeg import reading

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
        last: For how long the last frame is shown, in this unit.
        aspect: Width of a stored pixel divided by its height.
        size: Height and width of the first frame, upright and with square pixels. Other frames are resized to it.
        damage: A message if a part of the file is missing, else None.
    """

    path: Path
    frames: int
    rate: Fraction
    time_base: Fraction
    last: int
    aspect: Fraction
    size: tuple[int, int]
    damage: str | None = None


def clip_record(path: str | Path) -> dict | None:
    """Read the record that `writing.join` stored in a clip or an animation; None if there is none.

    Raises:
        InputError: The file cannot be read as a clip.
    """
    if is_animation(path):
        return read_record(path)
    with reading(path) as container:
        notes = {key.lower(): note for key, note in container.metadata.items()}
    try:
        return json.loads(notes["comment"])[OWNER]
    except (KeyError, TypeError, ValueError):  # No comment, or somebody else's.
        return None


Frame = tuple[int, np.ndarray]
"""Time stamp and pixels, (H, W, 3) float32 in [0, 1]."""


def inspect(
    path: str | Path, *, whole: bool = True, max_frames: int | None = None, max_pixels: int = MAX_PIXELS
) -> Clip:
    """Read the properties of a clip. Only its first frame is decoded.

    Args:
        path: The file.
        whole: Whether to refuse a file that is cut short.
        max_frames: Largest number of frames; None for any.
        max_pixels: Largest number of square pixels of a frame, checked before decoding; later ones have at most
            `MAX_PIXELS`.

    Raises:
        InputError: The file is missing, damaged, cut short, not a clip, without video, too small or beyond the limits;
            or PyAV is not installed.
    """
    if is_animation(path):
        return _inspect_animation(path, max_frames, max_pixels)
    with reading(path) as container:
        stream = _video(container, path)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        with _told(path):
            check_size(*square_size(stream.height, stream.width, aspect), max_pixels)
        first = next(container.decode(stream), None)
        _check_size(path, first and (first.height, first.width))
        size = _decoded(path, first, aspect, max_pixels).shape[1:3]
    with reading(path) as container:
        stream = _video(container, path)
        # Durations by time stamps, of each part; the clock restarts between parts.
        shown: list[dict[int, int | None]] = [{}]
        decoded, end = None, 0
        for packet in container.demux():
            if packet.pts is not None:
                # Frames that were cut off at the beginning are still in the file.
                if packet.stream is stream and not packet.is_discard and packet.pts >= (first.pts or 0):
                    if None not in (decoded, packet.dts) and packet.dts < decoded:
                        shown.append({})
                    decoded = packet.dts
                    shown[-1][packet.pts] = packet.duration
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        begin = max(shown[-1], default=0)
        last = max(1, shown[-1].get(begin) or round(1 / rate / stream.time_base))  # WebM does not tell it.
        end = max(end, (begin + last) * stream.time_base)
        damage = None
        length = Fraction(container.duration or 0, _MICROSECONDS)
        reached = end - Fraction(container.start_time or 0, _MICROSECONDS)
        missing = _MISSING_OF_MP4 if "mp4" in container.format.name else _MISSING
        count = sum(map(len, shown))
        with _told(path):
            check_number(count, max_frames)
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
        return Clip(Path(path), count, rate, stream.time_base, last, aspect, size, damage)


def read_frames(clip: Clip, *, skip: int = 0, max_size: int | None = None) -> Iterator[Frame]:
    """Read the frames of a clip, upright, with square pixels, and with even sides, which codecs need.

    Args:
        clip: From `inspect`.
        skip: Number of first frames to leave out.
        max_size: Longest side to shrink frames to.

    Raises:
        InputError: A frame cannot be decoded, or is beyond `MAX_PIXELS`.
    """
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        if number >= skip:
            yield stamp, fitted(pixels(), clip, max_size)


def check_shrunk(clip: Clip, max_size: int | None) -> None:
    """Check that frames are large enough to be stylized once they are shrunk.

    Args:
        clip: From `inspect`.
        max_size: As in `read_frames`.

    Raises:
        InputError: They are not.
    """
    if max_size and min(clip.size) * max_size < MIN_SIDE * max(clip.size):
        height, width = clip.size
        raise InputError(
            f"Cannot read {clip.path}: {width} x {height} pixels shrunk to {max_size} on the longest side leave a side "
            f"under the minimum of {MIN_SIDE}."
        )


def sample_frames(clip: Clip, every: float, max_size: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Read the first frame of each time span of a clip.

    Args:
        clip: From `inspect`.
        every: Length of a span in seconds; 0 for all frames.
        max_size: As in `read_frames`.

    Yields:
        The frame's number, counted from 0, and its colors (1, H, W, 3) float32 in [0, 1].

    Raises:
        InputError: As in `read_frames`, or frames would be shrunk too far.
    """
    check_shrunk(clip, max_size)
    begin = span = None
    for number, (stamp, pixels) in enumerate(_stored_frames(clip)):
        begin = stamp if begin is None else begin
        # Half a unit more, since time stamps are rounded.
        now = int((stamp - begin + 0.5) * clip.time_base / Fraction(every)) if every else number
        if now != span:
            span = now
            yield number, fitted(pixels(), clip, max_size)[None]


def _stored_frames(clip: Clip) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
    """The time stamp of each visible frame, and a function that decodes its pixels, (1, H, W, 3)."""
    if is_animation(clip.path):
        for begin, _, picture in read_animation(clip.path):
            yield begin, functools.partial(getattr, picture, "rgb")
        return
    with reading(clip.path) as container:
        stream = _video(container, clip.path)
        stream.thread_type = "AUTO"
        # AVI has no times of showing. FFmpeg guesses some, out of order, but those of decoding, counted from the first
        # frame, are the same.
        is_avi = container.format.name == "avi"
        last, shift = None, 0
        for frame in container.decode(stream):
            stamp, given = 0 if last is None else last + 1, frame.dts if is_avi else frame.pts
            if given is not None:
                if last is None:
                    shift = -given if is_avi else 0
                elif given + shift < last:  # The clock restarts where files were concatenated.
                    shift = last + round(1 / clip.rate / clip.time_base) - given
                stamp = given + shift
            if stamp == last:
                continue  # It would have no duration.
            last = stamp
            yield stamp, functools.partial(_decoded, clip.path, frame, clip.aspect, MAX_PIXELS)


def _decoded(path: str | Path, frame, aspect: Fraction, max_pixels: int) -> np.ndarray:
    """The pixels of a frame, (1, H, W, 3), if they are not too many once they are square."""
    with _told(path):
        check_size(*square_size(frame.height, frame.width, aspect), max_pixels)
    return decode_frame(frame, aspect)


def fitted(values: np.ndarray, clip: Clip, max_size: int | None) -> np.ndarray:
    """Resize a frame, or its alpha, as `read_frames` does: to the clip's size or `max_size`, with even sides.

    Args:
        values: (1, h, w, channels) float32 in [0, 1].
        clip: From `inspect`.
        max_size: As in `read_frames`.

    Returns:
        (H, W, channels).
    """
    if values.shape[1:3] != clip.size:
        values = np.clip(cv2.resize(values[0], clip.size[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)
        values = values.reshape(1, *clip.size, -1)
    if max_size:
        values = resize(Picture(values), max_size).rgb
    height, width = values.shape[1:3]
    return values[0, : height - height % 2, : width - width % 2]


@contextlib.contextmanager
def _told(path: str | Path) -> Iterator[None]:
    """Context whose errors name the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"Cannot read {path}: {error}") from None


def _inspect_animation(path: str | Path, max_frames: int | None, max_pixels: int) -> Clip:
    frames = read_animation(path, max_frames=max_frames, max_pixels=max_pixels)
    begins, ends, sizes = zip(*((begin, end, picture.rgb.shape[1:3]) for begin, end, picture in frames), strict=True)
    _check_size(path, sizes[0])
    rate = Fraction(len(ends) * TIME_BASE, ends[-1])
    return Clip(Path(path), len(ends), rate, Fraction(1, TIME_BASE), ends[-1] - begins[-1], Fraction(1), sizes[0])


def _check_size(path: str | Path, size: tuple[int, int] | None) -> None:
    if size is None or min(size) < MIN_SIDE:
        told = "no frames" if size is None else f"{size[1]} x {size[0]} pixels"
        raise InputError(f"Cannot read {path}: it holds {told}. Expected sides of at least {MIN_SIDE} pixels.")


def _video(container, path: str | Path):
    """The first video stream; the cover of a song does not count."""
    for stream in container.streams.video:
        if not stream.disposition & type(stream.disposition).attached_pic:
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # Of any frame, whatever the file claims.
            return stream
    raise InputError(f"Cannot read {path}: it has no video. Expected a clip with moving pictures.")
