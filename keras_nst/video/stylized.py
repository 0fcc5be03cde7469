"""Stylize a whole clip. An interrupted run can be resumed, and the output file is never incomplete."""

import contextlib
import itertools
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError
from keras_nst.files import check_unpacked, replacing
from keras_nst.video.clips import Clip, check_shrunk, read_frames
from keras_nst.video.ffmpeg import ffmpeg_name
from keras_nst.video.steady import STEADINESS, Steady
from keras_nst.video.writing import carried_sound, check_clip_format, join, write_frames

SEGMENT = 48
"""Frames that are encoded together. An interrupted run loses at most this many."""


def stylize_clip(
    clip: Clip,
    output: str | Path,
    stylize: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    steadiness: float = STEADINESS,
    max_size: int | None = None,
    record: dict | None = None,
    progress: Callable[[int], None] = lambda frames: None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Stylize a clip. Its time stamps and sound are kept, and its frames are turned upright.

    Finished segments, and the state for the next frame, are kept in a folder next to the output. The same job resumes
    from there, with the same frames as a run without interruption. Another job starts from the beginning.

    Args:
        clip: From `keras_nst.video.clips.inspect`.
        output: Output file; its suffix is a key of `keras_nst.video.writing.CODECS`.
        stylize: Function from a frame and grain, both (1, H, W, 3) float32, to its result; see `Steady`.
        steadiness: See `Steady`.
        max_size: Longest side to shrink frames to first.
        record: How the result was made, including `stylize`; written to the file's metadata.
        progress: Called with the number of finished frames, after each frame.
        tell: Called before the first frame with a line for each sound or subtitle that the output cannot contain.

    Raises:
        InputError: The clip is damaged or would be shrunk too far, a result is not finite, or the output has an unknown
            format or cannot be written.
    """
    output = Path(output)
    check_clip_format(output.suffix)
    ffmpeg_name(output)  # Refused before the work.
    check_shrunk(clip, max_size)
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
                raise InputError(f"The result for frame {done} of {clip.path} is not finite. Try another style.")
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
        join(temporary, clip, [parts.segment(number) for number in range(segments)], sound, record, max_size=max_size)
    parts.remove()


_OWN = re.compile(r"(\.\w+-)?(\d{5,}\.nut|state\.npz)")  # Those that `replacing` has not yet renamed have a prefix.
_STATE_BYTES = 3_000_000_000  # Two frames of 100 megapixels in single precision, and more.


class _Parts:
    """The folder of an unfinished clip. Segments that its state does not count are written again."""

    def __init__(self, folder: Path, job: str):
        self._folder, self._job = folder, job

    def segment(self, number: int) -> Path:
        return self._folder / f"{number:05}.nut"

    def load(self) -> tuple[int, int, tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
        """The numbers of finished segments and frames, and the state carried over from the last frame."""
        try:
            check_unpacked(self._folder / "state.npz", _STATE_BYTES)
            with np.load(self._folder / "state.npz", allow_pickle=False) as state:
                if str(state["job"]) == self._job:
                    return (
                        int(state["segments"]),
                        int(state["frames"]),
                        (state["seen"], state["result"], state["places"]),
                    )
        except (OSError, ValueError, LookupError, EOFError, MemoryError, zipfile.BadZipFile):  # Missing or damaged.
            pass
        self.remove()
        return 0, 0, None

    def save(self, segments: int, frames: int, carried: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        seen, result, places = carried
        with replacing(self._folder / "state.npz") as temporary:
            arrays = {"seen": seen, "result": result, "places": places}
            np.savez(temporary, job=self._job, segments=segments, frames=frames, **arrays)

    def remove(self) -> None:
        """Delete the files of the job, and the folder unless it holds others."""
        with contextlib.suppress(OSError):
            for path in [*self._folder.iterdir()]:
                if _OWN.fullmatch(path.name):
                    path.unlink()
            self._folder.rmdir()
