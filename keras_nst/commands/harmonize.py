"""`keras-nst harmonize`: make a pasted object look painted."""

import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.commands.arguments import Harmonize
from keras_nst.commands.inputs import check_destination, check_painting, deliver, destination, read_picture, show_mask
from keras_nst.commands.optimize import Reporter
from keras_nst.console import Console
from keras_nst.errors import InputError, printable
from keras_nst.fields import values
from keras_nst.files import make_folder
from keras_nst.options import HarmonizeOptions
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import is_transparent, seen
from keras_nst.select.named import named_mask
from keras_nst.select.paste import check_object, colors, find_object, is_unrelated, lay, place
from keras_nst.select.subject import cut_out


def run(options: Harmonize) -> int:
    """Find or place the object, harmonize it, and write the result."""
    output = destination(options.output, options.background, "harmonized")
    for path in filter(None, (options.keep_mask, options.show_mask)):
        check_destination(path)
    began = time.perf_counter()
    check_painting(options.background)
    background = read_picture(options.background)
    painting = background.rgb
    composite, mask, cut, taken = _composite(options, painting)
    others = _others(options, painting)
    if options.report:
        make_folder(options.report)
    if options.keep_mask:
        write(options.keep_mask, Picture(np.repeat(cut, 3, axis=-1)))
    if options.show_mask:
        show_mask(options.show_mask, composite, mask)
    print(printable(f"{options.paste} is used as {taken}."), file=sys.stderr)
    from keras_nst.fit import precision
    from keras_nst.jobs.harmonize import harmonize, scales

    options = dataclasses.replace(options, mixed_precision=precision.settled(options.mixed_precision))
    with Reporter(Console(), scales(max(painting.shape[1:3]), options.quality)) as reporter:
        result = harmonize(painting, composite, mask, options, progress=reporter)
    seconds = round(time.perf_counter() - began, 2)
    record = {
        "version": keras_nst.__version__,
        **values(options, HarmonizeOptions),
        **reporter.facts,
        "seconds": seconds,
    }
    record["vgg_weights"] = options.vgg_weights and Path(options.vgg_weights).name
    deliver(output, Picture(result, background.alpha), record=record)
    facts = {"output": output, "width": result.shape[2], "height": result.shape[1], "seconds": seconds}
    if options.report:
        from keras_nst.evaluation.harmonization import write_report
        from keras_nst.evaluation.page import write_page

        facts |= write_report(options.report, painting, composite, mask, {OURS: result} | others)[OURS]
        shown = {"painting": painting, "composite": composite, **reporter.pictures, "result": result, **others}
        write_page(options.report, f"{Path(output).name}, harmonized", shown, reporter.history, record | facts)
    if options.json:
        print(json.dumps(facts), file=sys.stderr if output == "-" else sys.stdout)
    elif output != "-":
        print("{output}  {width}x{height}  {seconds:.0f} s".format(**facts))
    return 0


OURS = "keras_nst"


def _composite(options: Harmonize, painting: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """The painting with the object, its masks in it and as it was given, and what was given."""
    paste = read(options.paste)
    placed = options.at is not None or options.scale is not None or options.rotate is not None or options.select
    mask = named_mask(options.mask, paste) if options.mask else None
    stays = paste.rgb.shape == painting.shape and not placed
    if stays and not is_transparent(paste) and (mask is not None or not is_unrelated(paste.rgb, painting)):
        taken = "the painting with the object in it"
        composite = paste.rgb
        mask = cut = find_object(composite, painting) if mask is None else mask
    else:
        ground = "transparent" if is_transparent(paste) else "plain"
        taken = f"an object on a {ground} background" if mask is None else "an object with a mask"
        mask = cut = cut_out(paste, options.select or ()) if mask is None else mask
        layer = colors(paste, mask), seen(mask, paste)
        if stays:
            taken += ", which has the painting's size and stays where it is"
            composite, mask = lay(painting, *layer), layer[1]
        else:
            composite, mask = place(painting, *layer, options.at, options.scale, options.rotate or 0.0)
    check_object(mask)
    return composite, mask, cut, taken


def _others(options: Harmonize, painting: np.ndarray) -> dict[str, np.ndarray]:
    """Results of other methods to compare with, by label."""
    if options.compare and not options.report:
        raise InputError("`compare` needs a report. Give its folder with `report`.")
    others = {}
    for named in options.compare:
        label, separator, path = named.partition("=")
        path = path if separator else named
        result = read(path).rgb
        if result.shape != painting.shape:
            raise InputError(f"{path} has another size than the painting. Expected a result for the same painting.")
        label = label if separator else Path(path).stem
        if label in (*others, OURS, "painting", "composite", "result"):
            raise InputError(
                f"Two pictures of the report are called {label!r}. Give the compared one a LABEL= of its own."
            )
        others[label] = result
    return others
