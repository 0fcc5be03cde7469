"""The one exception for input that cannot be used, and the one way to say "did you mean"."""

import difflib
from collections.abc import Iterable

BAD_INPUT = 2  # The exit code, which is argparse's own for a wrong argument.


class InputError(ValueError):
    """Something a person gave cannot be used.

    The message is one line: what was wrong, what was expected, what to do. The command line prints it on stderr and
    exits with `BAD_INPUT`; as a ValueError it needs no special care from a program.
    """


def one_line(error: InputError) -> str:
    """What the command line prints of it."""
    return printable(f"error: {error}")


def printable(text: str) -> str:
    """A text in one line, to be shown: also a file's name may hold line breaks and a terminal's commands."""
    return "".join(part if part.isprintable() else repr(part)[1:-1] for part in text)


def unknown(name: str, received: str, known: Iterable[str]) -> InputError:
    """The error for `received` not being one of `known`, with the closest names.

    Args:
        name: What was asked for, as the user knows it ("`style`", "tap of vgg16").
        received: The value that came.
        known: The values that exist.

    Returns:
        An `InputError`, to be raised by the caller.
    """
    known = sorted(known)
    close = difflib.get_close_matches(received, known, n=3)
    hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known: {', '.join(known) or 'none'}."
    return InputError(f"Unknown {name}: {received!r}. {hint}")
