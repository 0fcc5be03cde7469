"""`keras-nst stylize`: apply trained styles to pictures and clips."""

import dataclasses
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

import keras_nst
from keras_nst.commands.arguments import Stylize
from keras_nst.commands.inputs import (
    check_destination,
    deliver,
    destinations,
    each,
    expand,
    read_picture,
    result_name,
    show_mask,
)
from keras_nst.console import Console, progress
from keras_nst.errors import BAD_INPUT, InputError, one_line
from keras_nst.fields import changed
from keras_nst.files import sha256
from keras_nst.infer.bulk import Job, on_ray, pipeline
from keras_nst.models.painter import tuned_seconds
from keras_nst.models.styles import find_style, has_fast, net_files, origin, read_card, steps_of, styles
from keras_nst.pictures.encoding import FORMATS, check_format
from keras_nst.pictures.io import MAX_PIXELS, read_painting, read_record
from keras_nst.pictures.kinds import is_animation, is_clip
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.proof import Proof
from keras_nst.select.named import drawn_mask
from keras_nst.video.clips import clip_record, inspect
from keras_nst.video.writing import CODECS, check_clip_format


def run(options: Stylize) -> int:
    """Stylize each input, or list the styles."""
    if options.list:
        for name, folder in styles().items():
            card = read_card(folder)
            about, steps = origin(folder) or str(card.get("recipe", "?")), steps_of(card) or "?"
            print(f"{name:20} {about:64} {steps:>5} steps {'--fast' if has_fast(name) else '':6} {folder}")
        return 0
    if not options.inputs or not options.style:
        raise InputError("Expected pictures and a `style`. See `list` for the styles and --help for all options.")
    if options.blend and len(options.blend) != len(options.style):
        raise InputError(f"`blend` needs a share for each `style`. Received: {len(options.blend)}.")
    if options.tune:
        paintings = [style for style in options.style if os.path.isfile(style)]
        if not paintings:
            raise InputError(
                "`tune` adapts a style to a painting. Give a painting's file as `style`, or leave `tune` out."
            )
        for painting in paintings:
            read_painting(painting)  # Report a wrong one before TensorFlow loads.
        from keras_nst.jobs.tune import tune

        for painting in paintings:
            if (before := tuned_seconds(painting)) >= options.tune:
                continue
            with progress("tuning {task.percentage:.0f} %", BarColumn(), console=Console(), transient=True) as bar:
                show = functools.partial(bar.update, bar.add_task("", total=1.0))
                tune(painting, options.tune - before, progress=lambda done, show=show: show(completed=done))
    folders = [str(find_style(style, fast=options.fast).resolve()) for style in options.style]
    options = dataclasses.replace(options, style=folders)
    inputs = _without_results(options, expand(options.inputs, clips=True), _name(options))
    moving = {source for source in inputs if _moves(options, source)}
    name = functools.partial(result_name, _name(options))
    outputs = destinations(
        inputs,
        options.output,
        name,
        lambda source, suffix: check_clip_format(suffix) if source in moving else check_format(suffix, options.bits),
    )
    if options.show_mask:
        if not options.protect or len(inputs) > 1:
            raise InputError("`show_mask` shows what is protected in a picture. Give one picture, and `protect`.")
        check_destination(options.show_mask)
    jobs = list(zip(inputs, outputs, strict=True))
    stills, clips = [job for job in jobs if job[0] not in moving], [job for job in jobs if job[0] in moving]
    try:
        codes = [_write_each(options, stills, alone=not clips)] if stills else []
        codes += [_write_clips(options, clips, alone=not stills)] if clips else []
        return max(codes)
    except KeyboardInterrupt:
        if len(inputs) > 1 or clips:
            raise KeyboardInterrupt("The same command continues with what is missing.") from None
        raise


def _moves(options: Stylize, source: str) -> bool:
    """Whether to stylize an input as a clip. An animation is stylized as a picture if the output is one."""
    asked = Path(options.output or "").suffix.lower()[1:]
    return is_clip(source) and not (is_animation(source) and asked in FORMATS and asked not in CODECS)


def _write_each(options: Stylize, jobs: list[Job], *, alone: bool) -> int:
    several = len(jobs) > 1 or not alone
    files = _read_files(options)  # Reports a wrong file before TensorFlow loads.
    if several:
        jobs = _missing(jobs, functools.partial(_record, options, files))
    if options.engine == "ray" and jobs:
        if any("-" in job for job in jobs):
            raise InputError("The engine ray only reads and writes files. Expected no -.")
        if options.show_mask:
            options = dataclasses.replace(options, show_mask=os.path.abspath(options.show_mask))
        jobs = [tuple(path if path.startswith("sample:") else os.path.abspath(path) for path in job) for job in jobs]
    run = functools.partial(_run, options, files, alone=len(jobs) == 1)
    if options.engine == "ray" and jobs:
        results = on_ray(jobs, run, workers=options.workers, address=options.address)
    else:
        results = run(jobs)
    bad = []
    for (source, output), result in results:
        if isinstance(result, InputError):
            bad.append(result)
        else:
            _report(options, source, output, result)
    if bad and not several:
        raise bad[0]
    for error in bad:
        print(one_line(error), file=sys.stderr)
    return BAD_INPUT if bad else 0


class _Files(NamedTuple):
    """What the files hold that options name. It is read once, and sent to workers, whose machines may lack the files.

    Attributes:
        mask: The mask of `protect`, if that is a file.
        proof: The profile of `proof`.
        hashes: Of the content of both, for records.
    """

    mask: np.ndarray | None
    proof: Proof | None
    hashes: list


def _read_files(options: Stylize) -> _Files:
    return _Files(
        options.protect and drawn_mask(options.protect),
        options.proof and Proof(options.proof),
        [file and os.path.isfile(file) and sha256(file) for file in (options.proof, options.protect)],
    )


def _run(
    options: Stylize, files: _Files, jobs: Iterable[Job], *, alone: bool = False
) -> Iterator[tuple[Job, dict | InputError]]:
    """Stylize pictures in this process; `alone` as in `Stylizer`."""

    def read_one(job: Job):
        began = time.perf_counter()
        record = _record(options, files, job[0])  # First: if the file changes now, its result will be made again.
        return job[0], _read(options, job[0]), record, time.perf_counter() - began

    def stylize_one(picture_and_more):
        source, picture, record, seconds = picture_and_more
        from keras_nst.jobs.stylize import protected_part, stylize, stylizer

        stylizer(tuple(options.style), options.blend and tuple(options.blend))  # Loaded before the time is measured.
        began = time.perf_counter()
        protected = protected_part(picture, options.protect, files.mask) if options.protect else None
        if protected is not None and not protected.any():
            print(f"No subject was found in {source}, so nothing is protected.", file=sys.stderr)
        if options.show_mask:
            show_mask(options.show_mask, picture.rgb, protected)
        result = stylize(picture, options, protected=protected, proof=files.proof, alone=alone)
        return result, record, seconds + time.perf_counter() - began

    def write_one(job: Job, picture_and_more) -> dict:
        picture, record, seconds = picture_and_more
        began = time.perf_counter()
        deliver(job[1], picture, bits=options.bits, record=record)
        height, width = picture.straight.shape[1:3]
        return {"width": width, "height": height, "seconds": seconds + time.perf_counter() - began}

    return pipeline(jobs, read_one, stylize_one, write_one)


def _without_results(options: Stylize, inputs: list[str], name: str) -> list[str]:
    """Leave out the results of earlier runs, since a folder may be stylized into itself.

    A file in the output folder is a result if it has the name of another input's result, or if it was found by folder
    or pattern and records a style.

    Raises:
        InputError: There are no other inputs.
    """
    folder = os.path.realpath(options.output or ".")
    beside = [source for source in inputs if os.path.realpath(os.path.dirname(source)) == folder]
    names = {result_name(name, Path(source)) for source in inputs} if len(inputs) > 1 else set()
    results = {
        source
        for source in beside
        if os.path.basename(source) in names or (source not in options.inputs and _is_result(source))
    }
    if results == set(inputs):
        raise InputError(f"All pictures in {folder} are results. Give another `output` to stylize them again.")
    if results:
        print(f"{len(results)} of {len(inputs)} are results of earlier runs, and are left out.", file=sys.stderr)
    return [source for source in inputs if source not in results]


def _is_result(path: str) -> bool:
    record = _found_record(path)
    return isinstance(record, dict) and "style" in record


def _missing(jobs: list[Job], record: Callable[[str], dict]) -> list[Job]:
    """The jobs without a result that was made from the same files with the same options; tells how many have one."""
    missing = [(source, output) for source, output in jobs if not _is_done(source, output, record)]
    if len(missing) < len(jobs):
        print(f"{len(jobs) - len(missing)} of {len(jobs)} are already done.", file=sys.stderr)
    return missing


def _is_done(source: str, output: str, record: Callable[[str], dict]) -> bool:
    found = _found_record(output)
    try:
        return found is not None and source != "-" and found == record(source)
    except InputError:  # A file that made the result is not there.
        return False


def _found_record(path: str) -> dict | None:
    """The record in a file; None if there is none, or no such picture or clip."""
    try:
        return clip_record(path) if is_clip(path) else read_record(path)
    except InputError:
        return None


def _name(options: Stylize) -> str:
    return "+".join(Path(style).name for style in options.style)


def _write_clips(options: Stylize, jobs: list[Job], *, alone: bool) -> int:
    from keras_nst.jobs.stylize import stylize
    from keras_nst.video.stylized import stylize_clip

    if options.output == "-":
        raise InputError("A clip cannot be written to standard output. Give a file or a folder as `output`.")
    for name in changed(options, Stylize):
        if name in ("proof", "protect", "stroke", "bits"):
            raise InputError(f"`{name}` is only for pictures. Leave it out for clips.")

    files = _read_files(options)

    def record_of(source: str) -> dict:
        return {**_record(options, files, source), "steadiness": options.steadiness}

    if len(jobs) > 1 or not alone:
        jobs = _missing(jobs, record_of)
    console = Console()
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), "frames,", TimeRemainingColumn())

    def process(source: str, output: str) -> None:
        began = time.perf_counter()
        clip = inspect(source, max_pixels=options.max_pixels or MAX_PIXELS)
        record = record_of(source)

        frames = dataclasses.replace(options, stroke="fine")  # The grain has the frames' size.

        def stylize_frame(frame, grain):
            return stylize(Picture(frame), frames, grain=grain).rgb

        with progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(Path(source).name, total=clip.frames)
            stylize_clip(
                clip,
                output,
                stylize_frame,
                steadiness=options.steadiness,
                max_size=options.max_size,
                record=record,
                progress=lambda frames: bar.update(task, completed=frames),
                tell=lambda line: print(line, file=sys.stderr),
            )
        seconds = time.perf_counter() - began
        if options.json:
            result = {"input": source, "output": output, "style": _name(options), "frames": clip.frames}
            print(json.dumps({**result, "seconds": round(seconds, 3)}))
        else:
            print(f"{output}  {clip.frames} frames  {seconds:.1f} s")

    return each(process, *zip(*jobs, strict=True), alone=alone) if jobs else 0


def _read(options: Stylize, source: str) -> Picture:
    return read_picture(source, max_pixels=options.max_pixels or MAX_PIXELS, max_size=options.max_size)


def _record(options: Stylize, files: _Files, source: str) -> dict:
    """The record of a result: the options, and a hash of them and of the content of all files used.

    Raises:
        InputError: A file cannot be read.
    """
    record = {
        "version": keras_nst.__version__,
        "style": _name(options),
        "blend": options.blend and list(options.blend),  # As JSON has it.
        "strength": options.strength,
        "color": options.color,
        "stroke": options.stroke,
        "max_size": options.max_size,
        "bits": options.bits,
        "mixed_precision": options.mixed_precision,
        "proof": options.proof and Path(options.proof).name,
        "protect": options.protect and Path(options.protect).name,
        "protect_strength": options.protect_strength,
    }
    nets = (file for style in options.style for file in net_files(Path(style)))
    contents = [*(os.path.isfile(file) and sha256(file) for file in nets), *files.hashes]
    # Standard input can only be read once; a sample is known by its name.
    made_from = source if source == "-" or source.startswith("sample:") else sha256(source)
    everything = json.dumps([record, contents, made_from])
    return {**record, "made_from": hashlib.sha256(everything.encode()).hexdigest()}


def _report(options: Stylize, source: str, output: str, result: dict) -> None:
    if options.json:
        told = {"input": source, "output": output, "style": _name(options), **result}
        told["seconds"] = round(result["seconds"], 3)
        print(json.dumps(told), file=sys.stderr if output == "-" else sys.stdout)
    elif output != "-":
        print("{}  {width}x{height}  {seconds:.1f} s".format(output, **result))
