"""The exception for bad input, and its "did you mean" message."""

import difflib
from collections.abc import Iterable

BAD_INPUT = 2  # Exit code; the same as argparse's for a wrong argument.


class InputError(ValueError):
    """The user's input cannot be used.

    The message is one line: what was wrong, what was expected, what to do. The command line prints it on stderr and
    exits with `BAD_INPUT`. Programs can handle it like any ValueError.
    """


def one_line(error: InputError) -> str:
    """The line that the command line prints for an error."""
    return printable(f"error: {error}")


def printable(text: str) -> str:
    """Escape line breaks and terminal control characters, which even the name of a file may contain."""
    return "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)


def unknown(name: str, received: str, known: Iterable[str]) -> InputError:
    """Make the error for a value that is not one of `known`, with the closest names.

    Args:
        name: What the value names, in the user's terms ("`style`", "tap of vgg16").
        received: The value.
        known: The values that exist.

    Returns:
        An `InputError`, for the caller to raise.
    """
    known = sorted(known)
    close = difflib.get_close_matches(received, known, n=3)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known: {', '.join(known) or 'none'}."
    return InputError(f"Unknown {name}: {received!r}. {hint}")
