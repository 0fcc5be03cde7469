"""Clips for tests, written with PyAV."""

from fractions import Fraction

import av
import cv2
import numpy as np

RATE = Fraction(30_000, 1001)
SOUND_RATE = 48_000


def frames(number, width=64, height=48):
    """Smooth colors, different in each frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (number, 3, 4, 3), np.uint8)
    return [cv2.resize(colors, (width, height), interpolation=cv2.INTER_CUBIC) for colors in coarse]


def write(path, pictures, *, sound="aac", rotation=0, stamps=None, options=None, aspect=None, matrix=None):
    """Write a clip of pictures, (H, W, 3) uint8, with a tone of the same length.

    Args:
        path: The file.
        pictures: The frames; none for sound alone.
        sound: Codec of the sound, or None.
        rotation: Rotation of the displayed frames in degrees, counterclockwise.
        stamps: Time stamps in units of 1/30000 s; None for those of `RATE`.
        options: Options of the container.
        aspect: Width of a pixel divided by its height.
        matrix: FFmpeg's number of the color matrix, which is not stored in the file; None for FFmpeg's choice.
    """
    with av.open(str(path), "w", options=options or {}) as target:
        if pictures:
            video = target.add_stream("libx264", rate=RATE, options={"crf": "10", "g": "6"})
            video.height, video.width = pictures[0].shape[:2]
            video.pix_fmt = "yuv420p"
            # AVI counts frames.
            video.codec_context.time_base = 1 / RATE if str(path).endswith(".avi") else Fraction(1, 30_000)
            video.codec_context.sample_aspect_ratio = aspect or Fraction(1)
            if rotation:
                video.set_display_rotation(rotation)
        tone = target.add_stream(sound, rate=SOUND_RATE) if sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            if matrix:
                frame = frame.reformat(format="yuv420p", dst_colorspace=matrix, dst_color_range=1)
            frame.pts, frame.time_base = stamps[number] if stamps else 1001 * number, Fraction(1, 30_000)
            target.mux(video.encode(frame))
        if pictures:
            target.mux(video.encode())
        if tone:
            times = np.arange(int(SOUND_RATE * max(len(pictures), 10) / RATE)) / SOUND_RATE
            wave = (0.3 * np.sin(2 * np.pi * 440 * times))[None].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            frame.sample_rate = SOUND_RATE
            target.mux(tone.encode(frame))
            target.mux(tone.encode())


def sound_packets(path):
    """The encoded sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def stamps(path):
    """The time stamp of each frame in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]
