"""`keras-nst frames`: a film's frames, without near-duplicates."""

import argparse
import math
from pathlib import Path

import keras_nst
from keras_nst.commands.inputs import check_destination
from keras_nst.console import Console, track
from keras_nst.errors import InputError
from keras_nst.images.film import Film, distinct
from keras_nst.images.io import write
from keras_nst.images.picture import Picture, resize


def run(options: argparse.Namespace) -> int:
    """Write the frames, each as a file named after the film and the frame's number."""
    film, folder = Film(options.film), Path(options.output)
    stem = Path(options.film).stem
    check_destination(str(folder / f"{stem}.jpg"))
    if folder.is_dir() and any(path.name.startswith(f"{stem}-") for path in folder.iterdir()):
        raise InputError(f"{folder} already holds frames of {stem}. Remove them, or choose another --output.")
    console = Console()
    looked = track(
        film.frames(options.every),
        "Looking for frames",
        math.ceil(film.count / film.stride(options.every)) or None,
        console=console,
    )
    kept = 0
    for number, rgb in distinct(looked, ssim=options.ssim, psnr=options.psnr):
        picture = Picture(rgb) if options.max_size is None else resize(Picture(rgb), options.max_size)
        record = {"version": keras_nst.__version__, "film": Path(options.film).name, "frame": number}
        write(folder / f"{stem}-{number:06}.jpg", picture, record=record)
        kept += 1
    if not kept:
        raise InputError(f"Cannot read {options.film}: no frame can be decoded.")
    if film.seen < 0.9 * film.count:
        console.line(f"The film ends after {film.seen} of {film.count} frames: it is damaged or cut short.")
    print(f"{folder}  {kept} frames of {math.ceil(film.seen / film.stride(options.every))} looked at")
    return 0
