"""The command line: `keras-nst train` and `keras-nst stylize`, also as train.py and stylize.py; `evaluate`, `saliency`.

Only the arguments stand here: what a command does, and what it takes seconds to import, is loaded when it runs.
"""

import argparse
import contextlib
import dataclasses
import importlib
import sys
from collections.abc import Sequence

import keras_nst
from keras_nst.errors import BAD_INPUT, InputError
from keras_nst.options import TrainingOptions
from keras_nst.recipes import RECIPES

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, like every other bad input."""

    def error(self, message):
        raise InputError(f"{message}. See {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: What follows the program's name; None for the process's own.

    Returns:
        The exit code: 0, 2 after bad input (one line on stderr says which), 130 when interrupted.
    """
    try:
        options = _parser().parse_args(arguments)
        return importlib.import_module(f"keras_nst.commands.{options.command}").run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="keras-nst", description="Style transfer that keeps what matters in a picture.")
    parser.add_argument("--version", action="version", version=f"keras_nst {keras_nst.__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _add_stylize(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_saliency(commands)
    return parser


def _number(kind: type, low: float, high: float = float("inf")):
    """A parser of numbers from `low` to `high`."""

    def parse(text: str):
        with contextlib.suppress(ValueError):
            if low <= kind(text) <= high:
                return kind(text)
        expected = "whole number" if kind is int else "number"
        bounds = f"from {low:g}" + (f" to {high:g}" if high < float("inf") else "")
        raise argparse.ArgumentTypeError(f"expected a {expected} {bounds}, received {text!r}")

    return parse


_COUNT = _number(int, 1)


def _add_stylize(commands) -> None:
    parser = commands.add_parser("stylize", help="apply a trained style to pictures")
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="picture, folder, pattern, sample:NAME, or - for stdin"
    )
    parser.add_argument(
        "--style", "-s", action="append", metavar="NAME_OR_PATH", help="a style; several give a contact sheet"
    )
    parser.add_argument("--output", "-o", metavar="OUT", help="file, - for stdout, or for several inputs a folder")
    parser.add_argument("--max-size", type=_COUNT, metavar="PX", help="shrink to this longest side first")
    parser.add_argument(
        "--strength", type=_number(float, 0, 1), default=1.0, help="0 the photograph ... 1 the full style"
    )
    parser.add_argument("--color", choices=("style", "keep"), default="style", help="keep: the photograph's own colors")
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), default=8, help="per color of the result (16: PNG and TIFF)"
    )
    parser.add_argument("--max-pixels", type=_COUNT, metavar="N", help="refuse larger inputs (100 million)")
    parser.add_argument("--sheet", action="store_true", help="one contact sheet of photographs and results")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout for each result")
    parser.add_argument("--list", action="store_true", help="list the styles and exit")


def _add_train(commands) -> None:
    parser = commands.add_parser("train", help="learn a new style from a painting")
    defaults = {field.name: field.default for field in dataclasses.fields(TrainingOptions) if field.name != "weights"}
    parser.set_defaults(**defaults, weights={})
    add = parser.add_argument
    add("--style", required=True, metavar="IMG", help="the painting")
    add("--content", metavar="SRC", help="photographs: a folder or tfds:NAME[:SPLIT] (default: built-in samples)")
    add("--download", action="store_true", help="let TensorFlow Datasets download")
    add("--recipe", choices=RECIPES, help="(%(default)s)")
    add("--steps", type=_COUNT, metavar="N", help="steps in all (%(default)s)")
    add("--size", type=_number(int, 32), metavar="PX", help="side of the training crops (%(default)s)")
    add("--batch", type=_COUNT, metavar="N", help="crops in a batch (%(default)s)")
    add("--style-size", type=_number(int, 32), metavar="PX", help="the painting's shorter side (%(default)s)")
    add("--keep", type=_names, metavar="WHAT", help="of the photograph: cam, edge, color, or several with commas")
    for term in ("content", "style", "tv", "cam", "category", "edge", "color"):
        message = f"of the {term} term (default: the recipe's)"
        add(f"--{term}-weight", dest=term, action=_Weight, type=_number(float, 0), metavar="W", help=message)
    for place, terms in enumerate(("perceptual", "region"), 1):
        message = f"factor of all {terms} terms (1)"
        add(f"--lambda{place}", type=_number(float, 0), default=1.0, metavar="L", help=message)
    add("--classifier", metavar="NAME", help="its activation maps are kept (%(default)s, or of keras.applications)")
    add("--classifier-weights", metavar="FILE", help="its weights (%(default)s)")
    add("--classifier-classes", type=_COUNT, metavar="N", help="its number of classes (%(default)s)")
    add("--classifier-size", type=_number(int, 32), metavar="PX", help="what it sees pictures at (its own size)")
    add("--lr", dest="learning_rate", type=_number(float, 1e-8), metavar="RATE", help="of Adam (%(default)s)")
    add("--seed", type=_number(int, 0), metavar="N", help="of the first weights and all draws (%(default)s)")
    add("--init", metavar="MODEL", help="start from this style: minutes instead of hours")
    add("--output", "-o", metavar="DIR", help="the style's folder (default: saved_models/<painting>)")
    add("--resume", action="store_true", help="go on with an unfinished training")
    add("--mixed-precision", choices=("off", "float16", "bfloat16"), help="for GPUs (%(default)s)")
    add("--vgg-weights", metavar="FILE", help="HDF5 weights of VGG16 in place of the embedded ones, or imagenet")


def _names(text: str) -> list[str]:
    return text.split(",")


def _add_evaluate(commands) -> None:
    parser = commands.add_parser("evaluate", help="measure styles on photographs")
    add = parser.add_argument
    message = "a style, or a folder of results named like the photographs; several are compared"
    add("--model", action="append", required=True, metavar="[LABEL=]MODEL", help=message)
    add("--photos", required=True, metavar="DIR", help="the photographs' folder")
    add("--style", required=True, metavar="IMG", help="the painting")
    add("--size", type=_number(int, 64), default=256, metavar="PX", help="photographs become squares (%(default)s)")
    add("--limit", type=_number(int, 2), metavar="N", help="take the first photographs only")
    add("--report", metavar="DIR", help="write tables and pictures to this folder")
    add("--json", action="store_true", help="one JSON document on stdout in place of the table")


def _add_saliency(commands) -> None:
    parser = commands.add_parser("saliency", help="show where the subject of a photograph is")
    add = parser.add_argument
    add("inputs", nargs="+", metavar="PHOTO", help="picture, folder, pattern, sample:NAME, or - for stdin")
    add("--output", "-o", metavar="OUT", help="file, - for stdout, or for several photographs a folder")
    message = "rbd and mbd tell it from colors and the border, cam from what a classifier sees; mean of the first two"
    add("--method", choices=("mean", "rbd", "mbd", "cam"), default="mean", help=message)


class _Weight(argparse.Action):
    """Collects the weights of terms."""

    def __call__(self, parser, namespace, value, option_string=None):
        namespace.weights = {**namespace.weights, self.dest: value}
