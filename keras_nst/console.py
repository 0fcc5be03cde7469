"""Terminal output of a running job.

Names of files and messages of errors come from outside, and rich reads `[...]` in a text as markup. So only this module
uses rich's console and text columns, with markup disabled.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from keras_nst.errors import printable

Item = TypeVar("Item")


class Console(rich.console.Console):
    """A console, on standard error by default, that shows every text verbatim.

    Args:
        options: Options of rich's console.
    """

    def __init__(self, **options):
        super().__init__(**{"stderr": True, "markup": False, "emoji": False, **options})

    def line(self, text: str) -> None:
        """Print one line of any length, with control characters escaped."""
        self.print(printable(text), highlight=False, soft_wrap=True)


def progress(*columns: str | ProgressColumn, console: Console, **options) -> Progress:
    """Make a progress bar of these columns; a string is a text with fields such as `{task.description}`."""
    shown = (TextColumn(column, markup=False) if isinstance(column, str) else column for column in columns)
    return Progress(*shown, console=console, **options)


def track(items: Iterable[Item], description: str, count: int | None = None, *, console: Console) -> Iterator[Item]:
    """Iterate over items with a progress bar on the terminal, which disappears at the end.

    Args:
        items: The items.
        description: Text of the bar.
        count: Number of items; None for their length, if they have one.
        console: The console that shows the bar.
    """
    columns = "{task.description}", BarColumn(), "{task.percentage:>3.0f}%", TimeRemainingColumn()
    with progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(items, total=count, description=description)
