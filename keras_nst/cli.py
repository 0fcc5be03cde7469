"""The command line: `keras-nst COMMAND`; also train.py, stylize.py and others for single commands.

The parser is made from the commands' options. A command's module, which may take seconds to import, is loaded when it
runs.
"""

import argparse
import contextlib
import dataclasses
import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras_nst
from keras_nst import interruption, startup
from keras_nst.commands.arguments import COMMANDS
from keras_nst.errors import BAD_INPUT, InputError, one_line, spelled, unknown
from keras_nst.fields import Field, Switch, Weights, fields

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, like every other bad input."""

    def error(self, message):
        raise InputError(f"{message}. See {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The arguments after the program's name; None for those of the process.

    Returns:
        The exit code: 0; 2 for bad input or too little memory, with one line on stderr; 130 if interrupted.
    """
    startup.open_streams()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # Like stderr; a file's name may not be valid Unicode.
    # Pillow warns of damage, but raises errors as well.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if not sys.warnoptions:
        warnings.simplefilter("ignore", append=True)
    try:
        name, options = _parsed(sys.argv[1:] if arguments is None else arguments)
        startup.settle_keras(name)
        if name != "train":  # It reads photographs in the same threads.
            startup.one_operation_at_once()
        with interruption.orderly():
            code = importlib.import_module(f"keras_nst.commands.{name}").run(options)
        sys.stdout.flush()
        return code
    except InputError as error:
        print(one_line(error), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as interrupted:
        print("Interrupted.", *interrupted.args, file=sys.stderr)  # The arguments say how to resume.
        return INTERRUPTED
    except OSError as error:  # From standard output or too little memory. For files, an InputError is raised.
        print(f"error: Cannot continue: {error.strerror or error}.", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            with contextlib.suppress(OSError):
                sys.stdout.close()  # Otherwise Python flushes it again at exit, and reports the error.
        return BAD_INPUT
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        print(f"error: There is not enough memory. {_LESS_MEMORY}", file=sys.stderr)
        return BAD_INPUT


_LESS_MEMORY = "Use a smaller picture (--max-size, --end-size), --tile or --batch, or close other programs."


# Messages of OpenCV and of the system's loader.
_NO_MEMORY = "Insufficient memory", "failed to map segment", "annot allocate memory"


def _is_lack_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or an error that led to it, means too little memory."""
    if error is None:
        return False
    # By name, since a command may not have loaded TensorFlow or OpenCV.
    told = type(error).__name__ == "ResourceExhaustedError" or any(words in str(error) for words in _NO_MEMORY)
    return told or isinstance(error, MemoryError) or _is_lack_of_memory(error.__cause__ or error.__context__)


def _parsed(arguments: Sequence[str]) -> tuple[str, Any]:
    """The command and its options."""
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # Set by a shell that asks for completions.
        import argcomplete

        argcomplete.autocomplete(parser)
    if not arguments:
        parser.print_help()
        parser.exit()
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    given = vars(parser.parse_args(arguments))
    name = given.pop("command")
    weights: dict[str, dict[str, float]] = {}
    for argument in [argument for argument in given if " " in argument]:
        field, term = argument.split()
        weights.setdefault(field, {})[term] = given.pop(argument)
    return name, COMMANDS[name](**given, **weights)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="keras-nst", description="Style transfer that keeps what matters in a picture.")
    parser.add_argument("--version", action="version", version=f"keras_nst {keras_nst.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, options in COMMANDS.items():
        summary, example, *_ = inspect.cleandoc(options.__doc__ or "").split("\n\n")
        command = commands.add_parser(
            name,
            help=summary[0].lower() + summary.rstrip(".")[1:],
            description=summary,
            epilog=f"example: {example.strip()}",
            argument_default=argparse.SUPPRESS,
        )
        _add_arguments(command, fields(options))
    return parser


def _add_arguments(parser: argparse.ArgumentParser, known: Mapping[str, Field]) -> None:
    groups: dict[str, Any] = {"": parser}
    # A flag with several values would also take a positional argument that follows.
    several = (
        {"action": "append"} if any(each.positional for each in known.values()) else {"action": "extend", "nargs": "+"}
    )
    for name, each in known.items():
        if each.group not in groups:
            groups[each.group] = parser.add_argument_group(each.group)
        add, flag, described = groups[each.group].add_argument, spelled(name), each.described
        if isinstance(each.kind, Switch):
            action = argparse.BooleanOptionalAction if each.default else "store_true"
            add(flag, action=action, help=described)
            continue
        takes = {"type": each.kind.read, "metavar": each.kind.metavar, "help": described}
        if isinstance(each.kind, Weights):
            for term in each.kind.terms:
                add(spelled(f"{term}_weight"), dest=f"{name} {term}", **takes | {"help": described.format(term)})
        elif each.positional:
            add(name, nargs={"": None, "some": "+", "any": "*"}[each.several], **takes)
        else:
            flags = [flag, each.short] if each.short else [flag]
            add(*flags, required=each.default is dataclasses.MISSING, **(several if each.several else {}), **takes)
