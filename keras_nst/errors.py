"""The exception for bad input, and its "did you mean" message."""

import difflib
import re
from collections.abc import Iterable

BAD_INPUT = 2  # Exit code; the same as argparse's for a wrong argument.


class InputError(ValueError):
    """The user's input cannot be used.

    The message is one line: what was wrong, what was expected, what to do. It names options in backticks, as Python
    spells them. The command line prints it on stderr, with its own flags, and exits with `BAD_INPUT`. Programs can
    handle it like any ValueError.
    """


def one_line(error: InputError) -> str:
    """The line that the command line prints for an error."""
    return printable("error: " + re.sub("`([a-z_0-9]+)`", lambda option: spelled(option[1]), str(error)))


def spelled(option: str) -> str:
    """The flag of an option on the command line."""
    return "--" + option.replace("_", "-")


def printable(text: str) -> str:
    """Escape line breaks and terminal control characters, which even the name of a file may contain."""
    return "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)


def unknown(name: str, received: object, known: Iterable[object]) -> InputError:
    """Make the error for a value that is not one of `known`, with the closest names.

    Args:
        name: What the value names, in the user's terms ("`style`", "tap of vgg16").
        received: The value.
        known: The values that exist.

    Returns:
        An `InputError`, for the caller to raise.
    """
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(received), known, n=3)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known: {', '.join(known) or 'none'}."
    return InputError(f"Unknown {name}: {received!r}. {hint}")
