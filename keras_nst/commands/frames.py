"""`keras-nst frames`: extract frames of a film, without near-duplicates."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import keras_nst
from keras_nst.commands.arguments import Frames
from keras_nst.commands.inputs import check_destination
from keras_nst.console import Console, track
from keras_nst.errors import InputError
from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture
from keras_nst.video.clips import inspect, sample_frames
from keras_nst.video.film import distinct


def run(options: Frames) -> int:
    """Write the frames as files named after the film and the frame's number."""
    clip, folder = inspect(options.film, whole=False), Path(options.output)
    if clip.frames == 1:  # FFmpeg also reads pictures.
        raise InputError(f"{options.film} is a single picture. Expected a film.")
    stem = Path(options.film).stem
    check_destination(str(folder / f"{stem}.jpg"))
    of_film = re.compile(rf"{re.escape(stem)}-\d{{6,}}\.jpg")
    if folder.is_dir() and any(of_film.fullmatch(path.name) for path in folder.iterdir()):
        raise InputError(f"{folder} already holds frames of {stem}. Remove them, or choose another `output`.")
    console = Console()
    looked = kept = 0
    damage = clip.damage

    def frames() -> Iterator:
        nonlocal looked, damage
        try:
            for found in sample_frames(clip, options.every, options.max_size):
                looked += 1
                yield found
        except InputError as error:
            if not looked:
                raise
            damage = str(error)

    expected = math.ceil(clip.frames / clip.rate / options.every) if options.every else clip.frames
    for number, rgb in distinct(
        track(frames(), "Looking for frames", expected, console=console), ssim=options.ssim, psnr=options.psnr
    ):
        record = {"version": keras_nst.__version__, "film": Path(options.film).name, "frame": number}
        write(folder / f"{stem}-{number:06}.jpg", Picture(rgb), record=record)
        kept += 1
    if damage:
        console.line(f"{damage} The frames before that are kept.")
    print(f"{folder}  {kept} of {looked} frames")
    return 0
