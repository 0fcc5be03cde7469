"""A whole clip stylized, in a file that is whole or not there, and gone on with after it was stopped."""

import itertools
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import replacing
from keras_nst.images.clips import (
    Clip,
    carried_sound,
    check_clip_format,
    ffmpeg_name,
    join,
    read_frames,
    write_frames,
)
from keras_nst.infer.steady import STEADINESS, Steady

SEGMENT = 48
"""Frames that are encoded together, and at most lost when it is stopped."""


def stylize_clip(
    clip: Clip,
    output: str | Path,
    stylize: Callable[[np.ndarray], np.ndarray],
    *,
    steadiness: float = STEADINESS,
    max_size: int | None = None,
    record: dict | None = None,
    progress: Callable[[int], None] = lambda frames: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Stylize a clip. Its time stamps and its sound are kept, and its frames are turned upright.

    Finished segments are kept in a folder beside the output, with what the next frame needs of the last. The same job
    goes on from there and ends with the same frames as one that was never stopped; another job begins anew.

    Args:
        clip: From `keras_nst.images.clips.inspect`.
        output: A file of `keras_nst.images.clips.CODECS`.
        stylize: From a frame, (1, H, W, 3) float32 in [0, 1], to its result.
        steadiness: See `Steady`.
        max_size: Shrink to this longest side first.
        record: What made the result, kept in the file's metadata: `stylize`, too.
        progress: Told the number of frames done, after each.
        tell: Told a line for each sound and for subtitles that the output cannot have, before the first frame.

    Raises:
        InputError: The clip is damaged, a result is not finite, or the output is of no known kind or cannot be written.
    """
    output = Path(output)
    check_clip_format(output.suffix)
    ffmpeg_name(output)  # Refused before the work.
    sound, left_out = carried_sound(clip, output.suffix)
    for line in left_out:
        tell(line)
    file = clip.path.stat()
    asked = [record, steadiness, max_size, str(clip.path.resolve()), file.st_size, file.st_mtime_ns, output.suffix]
    parts = _Parts(output.with_name(f"{output.name}.parts"), json.dumps(asked))
    steady = Steady(stylize, steadiness)
    segments, done, steady.carried = parts.load()
    progress(done)

    def stylized():
        nonlocal done
        for stamp, frame in read_frames(clip, skip=done, max_size=max_size):
            result = steady(frame)
            done += 1
            if not all(np.isfinite(values).all() for values in steady.carried):
                raise InputError(f"Frame {done} of {clip.path} comes out as no colors. Try it in another style.")
            progress(done)
            yield stamp, result

    frames = stylized()
    for first in frames:
        with replacing(parts.segment(segments)) as temporary:
            segment = itertools.chain([first], itertools.islice(frames, SEGMENT - 1))
            write_frames(temporary, clip, output.suffix, segment)
        segments += 1
        parts.save(segments, done, steady.carried)
    with replacing(output) as temporary:
        join(temporary, clip, [parts.segment(number) for number in range(segments)], sound, record)
    parts.remove()


class _Parts:
    """The folder of an unfinished clip. What its state does not count is not there, and is written again."""

    def __init__(self, folder: Path, job: str):
        self._folder, self._job = folder, job

    def segment(self, number: int) -> Path:
        return self._folder / f"{number:05}.nut"

    def load(self) -> tuple[int, int, tuple[np.ndarray, np.ndarray] | None]:
        """Numbers of segments and frames that are done, and what is carried on from the last."""
        try:
            with np.load(self._folder / "state.npz", allow_pickle=False) as state:
                if str(state["job"]) == self._job:
                    return int(state["segments"]), int(state["frames"]), (state["seen"], state["result"])
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile):  # Not there, or damaged.
            pass
        self.remove()
        return 0, 0, None

    def save(self, segments: int, frames: int, carried: tuple[np.ndarray, np.ndarray]) -> None:
        seen, result = carried
        with replacing(self._folder / "state.npz") as temporary:
            np.savez(temporary, job=self._job, segments=segments, frames=frames, seen=seen, result=result)

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
