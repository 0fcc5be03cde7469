"""Inputs and outputs of commands."""

import difflib
import functools
import glob
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_nst import startup
from keras_nst.errors import BAD_INPUT, InputError, one_line, printable
from keras_nst.models.styles import styles
from keras_nst.pictures.encoding import FORMATS, check_format, encode
from keras_nst.pictures.io import read, write
from keras_nst.pictures.kinds import CLIPS, PICTURES, Found, is_animation, is_clip, look_through, tell_apart
from keras_nst.pictures.picture import Picture
from keras_nst.video.writing import CODECS


def expand(patterns: Sequence[str], *, clips: bool = False) -> list[str]:
    """List the files that folders and patterns stand for.

    Other files in a folder or pattern are left out, with a message on stderr.

    Args:
        patterns: Files, folders, patterns, or "-".
        clips: Whether to include clips as well as pictures.

    Raises:
        InputError: A folder or pattern has no such files.
    """
    inputs: list[str] = []
    for pattern in patterns:
        if os.path.isdir(pattern):  # Path.is_dir raises if a name is too long.
            inputs += _taken(pattern, look_through(pattern), clips)
        elif glob.has_magic(pattern) and not os.path.exists(pattern):
            paths = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]
            inputs += _taken(pattern, tell_apart(paths), clips)
        else:
            inputs.append(pattern)
    return inputs


def _taken(place: str, found: Found, clips: bool) -> list[str]:
    taken = sorted(found.pictures + (found.clips if clips else []))
    if not taken:
        kinds = [*PICTURES, *CLIPS] if clips else PICTURES
        raise InputError(f"No {'pictures or clips' if clips else 'pictures'} in {place}. Expected {', '.join(kinds)}.")
    if line := found.left_out(place, found.others + ([] if clips else found.clips)):
        print(printable(line), file=sys.stderr)
    return list(map(str, taken))


def read_picture(source: str, **limits) -> Picture:
    """Read an input picture; for an animation, with a message on stderr that only the first frame is used.

    Args:
        source: As given to the command; "-" for stdin.
        limits: Limits of `pictures.io.read`.

    Raises:
        InputError: As in `pictures.io.read`.
    """
    if source == "-" and 0 in startup.CLOSED:
        raise InputError("Cannot read standard input: it is closed.")
    picture = read(sys.stdin.buffer.read() if source == "-" else source, **limits)
    if is_animation(source):
        print(printable(f"{source} is an animation. Its first frame is used."), file=sys.stderr)
    return picture


def check_painting(source: str, photo: str = "PHOTO") -> None:
    """Check that what is given as a painting is not meant as a style by its name.

    Args:
        source: As given to the command.
        photo: The photograph in the command that is advised.

    Raises:
        InputError: There is no such file, but a style of this name or a similar one.
    """
    if os.path.exists(source) or Path(source).suffix:
        return
    for style in difflib.get_close_matches(source.lower(), styles(), n=1):
        raise InputError(
            f"There is no painting {source}. Expected its file. "
            f"Did you mean the trained style: keras-nst stylize {photo} --style {style}?"
        )


def destinations(
    inputs: Sequence[str],
    output: str | None,
    name: Callable[[Path], str],
    check: Callable[[str, str], object] = lambda source, suffix: check_format(suffix),
) -> list[str]:
    """Find the output path of each input, and check it before anything is computed.

    Args:
        inputs: From `expand`; "-" for stdin.
        output: The option --output: a file for one picture, a folder for several, "-" for stdout.
        name: Function from an input's path to its result's name in a folder.
        check: Raises if an input's result cannot have this suffix.

    Returns:
        A path for each input, or "-".

    Raises:
        InputError: Results cannot be written there, would overwrite each other, or cannot have this format.
    """
    if len(inputs) == 1 and output and not _is_folder(output):
        outputs = [output]
    elif inputs == ["-"] and not output:
        outputs = ["-"]
    else:
        folder = Path(output or ".")
        if os.path.isfile(folder) or output == "-":
            raise InputError(f"Several pictures need a folder as output. Received: `output` {output}.")
        paths = [Path("stdin" if source == "-" else source.removeprefix("sample:")) for source in inputs]
        outputs = [str(folder / name(path)) for path in paths]
    for source, destination in zip(inputs, outputs, strict=True):
        check_destination(destination, functools.partial(check, source))
    if twice := {destination for destination in outputs if outputs.count(destination) > 1}:
        raise InputError(f"Several results would be written to {min(twice)}. Rename the inputs, or do them one by one.")
    return outputs


def destination(output: str | None, source: str, method: str) -> str:
    """Find the output path of a command's only result, and check it before anything is computed.

    Args:
        output: The file, a folder, or "-" for stdout; None for the working directory, or for stdout if the input is
            stdin.
        source: The input, "-" for stdin.
        method: The last part of the file's name in a folder.

    Raises:
        InputError: As in `check_destination`.
    """
    name = f"{'stdin' if source == '-' else Path(source.removeprefix('sample:')).stem}-{method}.png"
    if output is None:
        output = "-" if source == "-" else name
    elif _is_folder(output):
        output = str(Path(output) / name)
    check_destination(output)
    return output


def _is_folder(output: str) -> bool:
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def result_name(style: str, path: Path) -> str:
    """The name of a result in a style, in the input's format if it can be written."""
    suffix = path.suffix.lower()
    if is_clip(path):
        suffix = suffix if suffix[1:] in CODECS else ".apng" if suffix == ".png" else ".mp4"
    elif suffix[1:] not in FORMATS:
        suffix = ".png"
    return f"{path.stem}-{style}{suffix}"


def check_destination(output: str, check: Callable[[str], object] = check_format) -> None:
    """Check that a file can be written, before its content is computed.

    Args:
        output: A path, or "-".
        check: Raises if the result cannot have this suffix.

    Raises:
        InputError: The suffix is refused, or the folder cannot be written to.
    """
    if output == "-":
        if 1 in startup.CLOSED:
            raise InputError("Cannot write to standard output: it is closed.")
        return
    check(Path(output).suffix)
    folder = next(parent for parent in Path(output).absolute().parents if os.path.exists(parent))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write {output}: {folder} is not a writable folder. Choose another place.")


def deliver(output: str, picture: Picture, *, bits: int = 8, record: dict | None = None) -> None:
    """Write a picture to a file, or to stdout as PNG for "-"."""
    if output == "-":
        sys.stdout.buffer.write(encode(picture, "png", bits=bits, record=record))
    else:
        write(output, picture, bits=bits, record=record)


def show_mask(path: str, rgb: np.ndarray, *masks: np.ndarray) -> None:
    """Write a picture (1, h, w, 3) with what none of the masks (1, h, w, 1) selects in gray, as `--show-mask` asks."""
    from keras_nst.select.masks import overlay  # Loads SciPy, which takes half a second.

    write(path, Picture(overlay(rgb, np.maximum.reduce(masks))))


def each(
    process: Callable[[str, str], None], inputs: Sequence[str], outputs: Sequence[str], *, alone: bool = True
) -> int:
    """Process inputs one after another. An input that cannot be read does not stop the others.

    Args:
        process: Function of an input and its output.
        inputs: From `expand`.
        outputs: From `destinations`.
        alone: Whether the command has no other inputs.

    Returns:
        The exit code.

    Raises:
        InputError: The only input cannot be read, or its result cannot be written.
    """
    failed = False
    for source, output in zip(inputs, outputs, strict=True):
        try:
            process(source, output)
        except InputError as error:
            if len(inputs) == 1 and alone:
                raise
            print(one_line(error), file=sys.stderr)
            failed = True
    return BAD_INPUT if failed else 0
