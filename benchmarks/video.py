"""Flicker of a stylized clip with known motion: each frame by itself, and with `Steady`.

A camera pans and zooms over scikit-image's coffee while a face moves past in front of it, with new film grain in each
frame and a sine tone. The warp error is the root mean square difference of a result from the previous one, warped by
the flow, where both show the same: with the true motion, and with OpenCV's DIS flow between the input frames. Sharpness
is the mean squared difference of neighboring pixels.

Exits with 1 if a warp error with `Steady` is above 0.7 of that frame by frame, or the sharpness is below 0.9.

    python benchmarks/video.py [--style starry_night] [--frames 40] [--size 320x240] [--keep DIR]
"""

import argparse
import os
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import cv2
import numpy as np
from skimage import data

from keras_nst.infer.stylizer import Stylizer
from keras_nst.pictures.picture import Picture
from keras_nst.video.clips import inspect, read_frames
from keras_nst.video.stylized import stylize_clip

ALLOWED_ERROR, NEEDED_SHARPNESS = 0.7, 0.9
GRAIN = 0.03
RATE = Fraction(30_000, 1001)
ZOOM = 0.995  # Per frame.
TURN = 40  # Frames after which camera and face turn back, so that they stay inside the photograph.
PAN = np.array([3.1, 1.7])  # Pixels of the photograph per frame.
STEP = np.array([2.3, 0.9])  # Motion of the face, in pixels per frame.
TONE, SOUND_RATE = 440, 48_000


class Scene:
    """The frames, and their true motion."""

    def __init__(self, width: int, height: int):
        self.size = width, height
        scale = height / 240  # The same scene at any size.
        self._ground = cv2.resize(data.coffee(), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        face = data.astronaut()[:180, 130:310]
        self._face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        mask = cv2.ellipse(np.zeros((180, 180), np.float32), (90, 95), (60, 75), 0, 0, 360, 1, -1, cv2.LINE_AA)
        self._mask = cv2.resize(mask, None, fx=scale, fy=scale)
        self._scale = scale

    def camera(self, number: int) -> tuple[float, np.ndarray]:
        """Pixels of the photograph per pixel of the frame, and the position of the frame's corner in the photograph."""
        step = to_and_fro(number)
        return 1.25 * ZOOM**step, self._scale * (np.array([20.0, 10.0]) + PAN * step)

    def cover(self, number: int) -> np.ndarray:
        """Coverage of each pixel by the face."""
        return self._laid(self._mask, number)

    def _laid(self, values: np.ndarray, number: int) -> np.ndarray:
        place = self._scale * (np.array([30.0, 0.0]) + STEP * to_and_fro(number))
        matrix = np.array([[1, 0, place[0]], [0, 1, place[1]]])
        return cv2.warpAffine(values, matrix, self.size, flags=cv2.INTER_LINEAR)

    def frame(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8."""
        zoom, corner = self.camera(number)
        matrix = np.array([[zoom, 0, corner[0]], [0, zoom, corner[1]]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        ground = cv2.warpAffine(self._ground, matrix, self.size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        cover = self.cover(number)[..., None]
        picture = ground + cover * (self._laid(self._face, number).astype(np.float32) - ground)
        grain = np.random.default_rng(number).standard_normal(cover.shape[:2])
        grain = cv2.GaussianBlur(grain, (0, 0), 0.6)[..., None]
        return np.rint(np.clip(picture + 255 * GRAIN * grain / grain.std(), 0, 255)).astype(np.uint8)

    def motion(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Offset of each pixel's content in the previous frame, (H, W, 2), and whether it was visible there."""
        width, height = self.size
        places = grid(width, height)
        (zoom, corner), (zoom_before, corner_before) = self.camera(number), self.camera(number - 1)
        ground = (places * zoom + corner - corner_before) / zoom_before
        cover = self.cover(number)
        step = self._scale * STEP * (to_and_fro(number) - to_and_fro(number - 1))
        before = np.where(cover[..., None] > 0.5, places - step, ground).astype(np.float32)
        cover_before = cv2.remap(self.cover(number - 1), before, None, cv2.INTER_LINEAR)
        same = ((cover > 0.99) & (cover_before > 0.99)) | ((cover < 0.01) & (cover_before < 0.01))
        inside = ((before >= 0) & (before <= (width - 1, height - 1))).all(-1)
        return (before - places).astype(np.float32), same & inside


def to_and_fro(number: int) -> int:
    return TURN - abs(TURN - number % (2 * TURN))


def grid(width: int, height: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def carried(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    return cv2.remap(values, grid(width, height) + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def measured_motion(frame: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like `Scene.motion`, estimated from the frames. As in Ruder et al. 2016, the flow back and forth must agree."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    now, then = (cv2.cvtColor(np.rint(rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for rgb in (frame, before))
    back = search.calc(now, then, None)
    forth = carried(search.calc(then, now, None), back)
    squares = (back**2).sum(-1) + (forth**2).sum(-1)
    height, width = now.shape
    ends = grid(width, height) + back
    inside = ((ends >= 0) & (ends <= (width - 1, height - 1))).all(-1)
    return back, inside & (((back + forth) ** 2).sum(-1) < 0.01 * squares + 0.5)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as target:
        video, sound = (
            target.add_stream("libx264", rate=RATE, options={"crf": "12"}),
            target.add_stream("aac", SOUND_RATE),
        )
        video.height, video.width, video.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            target.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        target.mux(video.encode())
        times = np.arange(int(SOUND_RATE * len(frames) / RATE)) / SOUND_RATE
        tone = av.AudioFrame.from_ndarray(
            (0.3 * np.sin(2 * np.pi * TONE * times))[None].astype(np.float32), "fltp", "mono"
        )
        tone.sample_rate = SOUND_RATE
        target.mux(sound.encode(tone))
        target.mux(sound.encode())


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def warp_error(results: list[np.ndarray], motions: list[tuple[np.ndarray, np.ndarray]]) -> float:
    pairs = zip(results[1:], results, motions, strict=False)
    squares = [np.square(now - carried(before, flow)).mean(-1)[same].mean() for now, before, (flow, same) in pairs]
    return float(np.sqrt(np.mean(squares)))


def sharpness(results: list[np.ndarray]) -> float:
    return float(np.mean([np.square(np.diff(result, axis=axis)).mean() for result in results for axis in (0, 1)]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--style", default="starry_night", help="(%(default)s)")
    parser.add_argument("--frames", type=int, default=40, help="(%(default)s)")
    parser.add_argument("--size", default="320x240", help="width and height (%(default)s)")
    parser.add_argument("--keep", type=Path, help="write the clips and some frames to this folder")
    options = parser.parse_args()
    scene = Scene(*map(int, options.size.split("x")))
    stylizer = Stylizer(options.style)
    failures, results = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        write_clip(folder / "clip.mp4", [scene.frame(number) for number in range(options.frames)])
        clip = inspect(folder / "clip.mp4")
        stamps, inputs = zip(*read_frames(clip), strict=True)
        for label, steadiness in (("frame by frame", {"steadiness": 0}), ("steady", {})):
            output, collected = folder / f"{label.replace(' ', '-')}.mp4", []
            began = time.perf_counter()
            stylize_clip(clip, output, lambda frame, grain: stylizer(Picture(frame), grain=grain).rgb, **steadiness)
            seconds = (time.perf_counter() - began) / options.frames
            written = inspect(output)
            stamps_written, collected = zip(*read_frames(written), strict=True)
            results[label] = collected
            print(f"{label:16}{seconds:7.2f} s a frame", flush=True)
            if sound_of(output) != sound_of(folder / "clip.mp4"):
                failures.append(f"{label}: the sound is another")
            if [s * written.time_base for s in stamps_written] != [s * clip.time_base for s in stamps]:
                failures.append(f"{label}: the time stamps are others")
        for number in range(0, options.frames, 8) if options.keep else ():
            for label, frames in {"input": inputs, **results}.items():
                rgb = np.rint(frames[number] * 255).astype(np.uint8)
                cv2.imwrite(str(folder / f"{label.replace(' ', '-')}-{number:03}.png"), rgb[..., ::-1])
    numbers = range(1, options.frames)
    motions = {
        "true motion": [scene.motion(number) for number in numbers],
        "DIS of the inputs": [measured_motion(inputs[number], inputs[number - 1]) for number in numbers],
    }
    print(f"{'':28}{'input':>9}{'frame by frame':>17}{'steady':>9}{'ratio':>8}")
    for label, motion in motions.items():
        errors = [warp_error(frames, motion) for frames in (inputs, *results.values())]
        ratio = errors[2] / errors[1]
        print(f"warp error, {label:17}{errors[0]:8.4f}{errors[1]:17.4f}{errors[2]:9.4f}{ratio:8.2f}")
        if ratio > ALLOWED_ERROR:
            failures.append(f"warp error by {label} is {ratio:.2f} of frame by frame")
    sharp = [sharpness(frames) for frames in (inputs, *results.values())]
    print(f"{'sharpness':28}{sharp[0]:8.4f}{sharp[1]:17.4f}{sharp[2]:9.4f}{sharp[2] / sharp[1]:8.2f}")
    if sharp[2] < NEEDED_SHARPNESS * sharp[1]:
        failures.append(f"sharpness is {sharp[2] / sharp[1]:.2f} of frame by frame")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
