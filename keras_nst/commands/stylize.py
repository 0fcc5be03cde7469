"""`keras-nst stylize`: apply trained styles to pictures."""

import argparse
import glob
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import keras_nst
from keras_nst.errors import InputError
from keras_nst.images.encoding import FORMATS, check_format, encode
from keras_nst.images.io import MAX_PIXELS, read, write
from keras_nst.images.picture import Picture
from keras_nst.models.styles import find_style, read_card, styles
from keras_nst.startup import load_tensorflow

BAD_INPUT = 2


def run(options: argparse.Namespace) -> int:
    """Stylize each input, draw a contact sheet, or list the styles."""
    if options.list:
        for name, folder in styles().items():
            card = read_card(folder)
            print(f"{name:24} {card.get('recipe', '?'):14} {card.get('steps', '?')} steps  {folder}")
        return 0
    if not options.inputs or not options.style:
        raise InputError("Expected pictures and a --style. See --list for the styles and --help for the rest.")
    chosen = {find_style(style).name: style for style in options.style}
    inputs = _expand(options.inputs)
    sheet = options.sheet or len(chosen) > 1
    outputs = _outputs(options, inputs, chosen, sheet)
    return _write_sheet(options, inputs, chosen, outputs[0]) if sheet else _write_each(options, inputs, chosen, outputs)


def _expand(patterns: Sequence[str]) -> list[str]:
    """The single pictures that folders and patterns stand for."""
    inputs = []
    for pattern in patterns:
        if Path(pattern).is_dir():
            found = sorted(
                str(path) for path in Path(pattern).iterdir() if path.suffix.lower()[1:] in (*FORMATS, "gif")
            )
            if not found:
                raise InputError(f"No pictures in the folder {pattern}. Expected files of {', '.join(FORMATS)}, gif.")
            inputs += found
        elif glob.has_magic(pattern) and not Path(pattern).exists():
            found = sorted(glob.glob(pattern, recursive=True))
            if not found:
                raise InputError(f"No file matches {pattern}.")
            inputs += found
        else:
            inputs.append(pattern)
    return inputs


def _outputs(options, inputs: list[str], chosen: dict[str, str], sheet: bool) -> list[str]:
    """Where each result goes, checked before anything is computed."""
    if sheet:
        outputs = [options.output or "sheet.png"]
    elif len(inputs) == 1 and options.output and not Path(options.output).is_dir():
        outputs = [options.output]
    elif inputs == ["-"] and not options.output:
        outputs = ["-"]
    else:
        folder = Path(options.output or ".")
        if folder.is_file() or options.output == "-":
            raise InputError(f"Several pictures need a folder to go to. Received: --output {options.output}.")
        outputs = [str(folder / _result_name(source, *chosen)) for source in inputs]
    for output in outputs:
        suffix = Path(output).suffix
        if output != "-":
            check_format(suffix, options.bits)
    if twice := {output for output in outputs if outputs.count(output) > 1}:
        raise InputError(f"Several pictures would be written to {min(twice)}. Rename them, or stylize them one by one.")
    return outputs


def _result_name(source: str, style: str) -> str:
    path = Path("stdin" if source == "-" else source.removeprefix("sample:"))
    suffix = path.suffix.lower() if path.suffix.lower()[1:] in FORMATS else ".png"
    return f"{path.stem}-{style}{suffix}"


def _write_each(options, inputs: list[str], chosen: dict[str, str], outputs: list[str]) -> int:
    """Stylize one picture after another; one that cannot be read does not stop the others."""
    stylizer, failed = None, 0
    ((name, style),) = chosen.items()
    for source, output in zip(inputs, outputs, strict=True):
        try:
            began = time.perf_counter()
            picture = _read(options, source)
            stylizer = stylizer or _stylizer(style)
            result = stylizer(picture, strength=options.strength, color=options.color)
            _write(options, output, result, name)
            _report(options, source, output, name, result, time.perf_counter() - began)
        except InputError as error:
            if len(inputs) == 1:
                raise
            print(f"error: {error}", file=sys.stderr)
            failed += 1
    return BAD_INPUT if failed else 0


def _write_sheet(options, inputs: list[str], chosen: dict[str, str], output: str) -> int:
    from keras_nst.images.sheet import contact_sheet

    began = time.perf_counter()
    pictures = [_read(options, source) for source in inputs]
    rows = [[picture.rgb] for picture in pictures]
    for style in chosen.values():
        stylizer = _stylizer(style)
        for row, picture in zip(rows, pictures, strict=True):
            row.append(stylizer(picture, strength=options.strength, color=options.color).rgb)
    sheet = Picture(contact_sheet(rows, labels=["photograph", *chosen]))
    _write(options, output, sheet, *chosen)
    _report(options, " ".join(inputs), output, " ".join(chosen), sheet, time.perf_counter() - began)
    return 0


def _read(options, source: str) -> Picture:
    encoded = sys.stdin.buffer.read() if source == "-" else source
    return read(encoded, max_pixels=options.max_pixels or MAX_PIXELS, max_size=options.max_size)


def _stylizer(style: str):
    load_tensorflow()
    from keras_nst.infer.stylizer import Stylizer

    return Stylizer(style)


def _write(options, output: str, picture: Picture, *names: str) -> None:
    record = {
        "version": keras_nst.__version__,
        "style": " ".join(names),
        "strength": options.strength,
        "color": options.color,
        "max_size": options.max_size,
    }
    if output == "-":
        sys.stdout.buffer.write(encode(picture, "png", bits=options.bits, record=record))
    else:
        write(output, picture, bits=options.bits, record=record)


def _report(options, source: str, output: str, style: str, picture: Picture, seconds: float) -> None:
    height, width = picture.rgb.shape[1:3]
    if options.json:
        result = {"input": source, "output": output, "style": style, "width": width, "height": height}
        print(json.dumps({**result, "seconds": round(seconds, 3)}), file=sys.stderr if output == "-" else sys.stdout)
    elif output != "-":
        print(f"{output}  {width}x{height}  {seconds:.1f} s")
