"""`keras-nst harmonize`: make an object pasted into a painting look painted there."""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np

import keras_nst
from keras_nst.commands.inputs import check_destination, content, deliver
from keras_nst.commands.masks import named_mask
from keras_nst.commands.optimize import Reporter, default_output
from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import make_folder
from keras_nst.images.io import read, write
from keras_nst.images.masks import seen
from keras_nst.images.paste import check_object, colors, find_object, place
from keras_nst.images.picture import Picture
from keras_nst.infer.subject import cut_out
from keras_nst.options import HarmonizeOptions


def run(options: argparse.Namespace) -> int:
    """Find or place the object, harmonize it, and write the result."""
    output = options.output or default_output(options.background, "harmonized")
    for path in filter(None, (output, options.keep_mask)):
        check_destination(path)
    began = time.perf_counter()
    background = read(content(options.background))
    painting = background.rgb
    composite, mask = _composite(options, painting)
    others = _others(options, painting)
    if options.report:
        make_folder(options.report)
    if options.keep_mask:
        write(options.keep_mask, Picture(np.repeat(mask, 3, axis=-1)))
    from keras_nst.fit import precision
    from keras_nst.jobs.harmonize import harmonize

    chosen = HarmonizeOptions(**{field.name: getattr(options, field.name) for field in _FIELDS})
    chosen = dataclasses.replace(chosen, mixed_precision=precision.settled(chosen.mixed_precision))
    with Reporter(Console()) as reporter:
        result = harmonize(painting, composite, mask, chosen, progress=reporter)
    seconds = round(time.perf_counter() - began, 2)
    record = {"version": keras_nst.__version__, **dataclasses.asdict(chosen), **reporter.facts, "seconds": seconds}
    record["vgg_weights"] = chosen.vgg_weights and Path(chosen.vgg_weights).name
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
_FIELDS = dataclasses.fields(HarmonizeOptions)


def _composite(options: argparse.Namespace, painting: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The painting with the object, and the object's mask in it, of zeros and ones."""
    paste = read(options.paste)
    placed = options.at is not None or options.scale is not None or options.rotate is not None or options.select
    mask = named_mask(options.mask, paste) if options.mask else None
    if paste.rgb.shape == painting.shape and not placed and (paste.alpha is None or paste.alpha.min() == 1):
        composite = paste.rgb
        mask = find_object(composite, painting) if mask is None else mask
    else:
        mask = cut_out(paste, options.select or ()) if mask is None else mask
        where = options.at, options.scale, options.rotate or 0.0
        composite, mask = place(painting, colors(paste, mask), seen(mask, paste), *where)
    selected = np.float32(mask > 0.5)
    check_object(selected)
    return composite, selected


def _others(options: argparse.Namespace, painting: np.ndarray) -> dict[str, np.ndarray]:
    """Results of other methods that are compared, by their labels."""
    if options.compare and not options.report:
        raise InputError("--compare is for the report. Say where that goes with --report DIR.")
    others = {}
    for named in options.compare:
        label, separator, path = named.partition("=")
        path = path if separator else named
        result = read(path).rgb
        if result.shape != painting.shape:
            raise InputError(f"{path} has another size than the painting. Expected a result for the same painting.")
        others[label if separator else Path(path).stem] = result
    return others
