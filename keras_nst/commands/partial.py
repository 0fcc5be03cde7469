"""`keras-nst partial`: restyle a part of a photograph."""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.commands.arguments import Partial
from keras_nst.commands.inputs import check_destination, deliver, destination, read_picture, show_mask
from keras_nst.commands.optimize import Reporter
from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.fields import changed
from keras_nst.jobs.partial import restyle_part, select
from keras_nst.models.styles import find_style
from keras_nst.options import STARTS, PixelOptions, Region
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.pyramid import Enlarged
from keras_nst.recipes import left_open


def run(options: Partial) -> int:
    """Select, restyle, blend, and write the result."""
    output = destination(options.output, options.photo, "partial")
    picture = read_picture(options.photo, max_size=options.max_size)
    trained = [style for style in (options.style, options.background_style) if style and _painting(style) is None]
    for style in trained:
        find_style(style)
    if len(trained) == (2 if options.background_style else 1):
        for name in changed(options, PixelOptions):
            if name != "color":
                raise InputError(f"`{name}` is for paintings, and {options.style} is a trained style. Leave it out.")
    if options.init not in (None, *STARTS):
        raise InputError(f"`init` of a part is {', '.join(STARTS[:-1])} or {STARTS[-1]}, since only a crop is painted.")
    for path in filter(None, (options.save_mask, options.show_mask)):
        check_destination(path)
    mask = select(picture, options)
    if options.save_mask:
        write(options.save_mask, Picture(np.repeat(mask, 3, axis=-1)))
    if options.show_mask:
        show_mask(options.show_mask, picture.rgb, mask)

    if options.as_printed:
        for line in left_open(options.recipe):
            Console().line(line)

    def restyled(style: str):
        return lambda rgb, mask=None: _restyle(style, rgb, mask, options)

    began = time.perf_counter()
    background = options.background_style and restyled(options.background_style)
    result = restyle_part(picture.rgb, mask, restyled(options.style), background)
    record = {"version": keras_nst.__version__, "style": Path(options.style).name}
    deliver(output, Picture(result, picture.alpha), record=record)
    if output != "-":
        print(f"{output}  {result.shape[2]}x{result.shape[1]}  {time.perf_counter() - began:.1f} s")
    return 0


def _painting(style: str) -> Picture | None:
    """The painting in a file; None for the name or folder of a trained style."""
    return read(style) if os.path.isfile(style) else None


def _restyle(style: str, rgb: np.ndarray, mask: np.ndarray | None, options: Partial) -> np.ndarray:
    painting = _painting(style)
    if painting is None:
        from keras_nst.infer.stylizer import Stylizer

        return Stylizer(style)(Picture(rgb), color=options.color, alone=True).rgb
    from keras_nst.jobs.optimize import optimize, scales, settled

    longest = max(rgb.shape[1:3])
    settings = settled(dataclasses.replace(options, end_size=min(longest, options.end_size or longest)))
    with Reporter(Console(), scales(rgb.shape[1:3], settings)) as reporter:
        painted = optimize(rgb, [Region([painting.rgb], mask=mask)], settings, progress=reporter)
    if painted.shape == rgb.shape:
        return painted
    return Enlarged(painted, resize(Picture(rgb), settings.end_size).rgb, rgb).rows(0, rgb.shape[1])
