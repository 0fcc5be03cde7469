"""What is shown on the terminal while a job is at work.

Names of files and reasons of errors come from outside, and rich takes `[...]` in a text for markup. So rich's console
and its columns of text are used here alone, without markup.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from keras_nst.errors import printable

Item = TypeVar("Item")


class Console(rich.console.Console):
    """Standard error, unless told otherwise, with every text shown as it is.

    Args:
        options: As rich's console takes them.
    """

    def __init__(self, **options):
        super().__init__(**{"stderr": True, "markup": False, "emoji": False, **options})

    def line(self, text: str) -> None:
        """Show one line, as long as it may be, without a terminal's commands that a file's name may hold."""
        self.print(printable(text), highlight=False, soft_wrap=True)


def progress(*columns: str | ProgressColumn, console: Console, **options) -> Progress:
    """A bar of these columns; a string is a text with fields such as `{task.description}`."""
    shown = (TextColumn(column, markup=False) if isinstance(column, str) else column for column in columns)
    return Progress(*shown, console=console, **options)


def track(items: Iterable[Item], description: str, count: int | None = None, *, console: Console) -> Iterator[Item]:
    """Pass on items, with a bar on the terminal of how many were taken, which vanishes in the end.

    Args:
        items: What is passed on.
        description: What is done with them.
        count: How many there are; None for their length, if they have one.
        console: Where the bar is.
    """
    columns = "{task.description}", BarColumn(), "{task.percentage:>3.0f}%", TimeRemainingColumn()
    with progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(items, total=count, description=description)
