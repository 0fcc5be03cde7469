"""The results of a visitor, which the browser remembers: opened again and compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from keras_nst.app.files import Files
from keras_nst.app.parts import made, size_of
from keras_nst.errors import InputError
from keras_nst.pictures.io import read_record

REMEMBERED = 12
"""Most results of a visitor."""

PHOTOGRAPH = ("The photograph", "")
"""The choice to compare a result with its photograph."""

_SOON = 3.0  # Seconds.


class History:
    """Keeps the latest results in a strip.

    What a browser remembers is a list of pairs: the path of a photograph, or None, and that of its result.

    Args:
        files: The files of the workshop.
    """

    def __init__(self, files: Files):
        self._files = files

    def remember(self, remembered: list, before: str | None, latest: tuple | None) -> tuple:
        """Keep the latest result, in place of the last if that is the same or was changed at once."""
        kept = self._kept(remembered)
        if latest and kept and _supersedes(latest, kept[-1]):
            kept.pop()
        return self.recall([*kept, [*latest]] if latest else kept, before)

    def recall(self, remembered: list, before: str | None) -> tuple:
        """What is still there of what the browser remembers, as a strip of results, each of which can be compared."""
        kept = self._kept(remembered)
        results = [result for _, result in kept]
        choices = [PHOTOGRAPH, *((f"{number} {_styles(result)}", result) for number, result in enumerate(results, 1))]
        there = {"visible": bool(kept)}
        return (
            kept,
            gr.update(value=results, **there),
            gr.update(choices=choices, value=before if before in results else "", **there),
        )

    def reopen(self, remembered: list, before: str | None, event: gr.SelectData) -> tuple:
        """Show a result that was clicked, with its photograph if that is still there."""
        try:
            (latest,) = self._kept([remembered[event.index]])
        except (TypeError, LookupError, ValueError):
            raise InputError("That result is not here any more. Choose another one.") from None
        photo, result = latest
        note = f"{_styles(result)}, {size_of(result)}"
        return photo, photo, *made(*self.compare(before, latest), note), latest

    def compare(self, before: str | None, latest: Sequence | None) -> Any:
        """A result, after another or else its photograph if that is still there."""
        if not latest:
            return gr.skip()
        photo, result = latest
        return before if self._files.took_in(before) else photo or result, result

    def _kept(self, remembered: Any) -> list[list]:
        """Those results that a browser remembers that are still there, each after its photograph or None."""
        pairs = remembered if isinstance(remembered, list) else []
        return [
            [pair[0] if self._files.took_in(pair[0]) else None, pair[1]]
            for pair in pairs
            if isinstance(pair, list) and len(pair) == 2 and self._files.took_in(pair[1])
        ][-REMEMBERED:]


def _styles(result: str) -> str:
    """The titles of the styles that a result was made in."""
    return (read_record(result) or {}).get("style", "")


def _supersedes(latest: Sequence, last: Sequence) -> bool:
    """Whether a result is the last one again, or the same styles made soon after it, as a slider is moved."""
    (photo, new), (other, old) = ((pair[0], Path(pair[1])) for pair in (latest, last))
    if photo != other or new.name != old.name:
        return False
    return new.stat().st_mtime - old.stat().st_mtime < _SOON or new.read_bytes() == old.read_bytes()
