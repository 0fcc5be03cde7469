"""How losses went, as a plot."""

import contextlib
import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# What is no term in a training's log. Totals of differently weighted losses have no common scale.
_NO_TERMS = ("epoch", "skipped", "total")


# A label is a folder's name, in which two dollar signs would begin a formula.
@matplotlib.rc_context({"text.parse_math": False})
def curves(logs: Mapping[str, Mapping[str, Sequence[float]]], *, axis: str = "epoch") -> Figure:
    """A plot for each term of the losses, with a line for each model over its epochs, in the color of its bars.

    Args:
        logs: Of each model, {term: its raw value after each epoch}, empty for one without a log.
        axis: What the values are counted by.

    Source: Liu et al. 2019, fig. 8.
    """
    terms = list(dict.fromkeys(term for log in logs.values() for term in log))
    figure = Figure(figsize=(3.6 * len(terms), 3.2), layout="constrained")
    lines = {}
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms, strict=True):
        for index, (label, log) in enumerate(logs.items()):
            if term in log:
                counts = range(1, len(log[term]) + 1)
                (lines[label],) = axes.plot(counts, log[term], color=f"C{index}", marker=".")
        axes.set(title=term, xlabel=axis)
        axes.margins(y=0.1)
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=len(lines), frameon=False)
    return figure


def read_log(log: Path) -> list[dict[str, float]]:
    """The numbers of each epoch in a training's log (CSV), by their names.

    A log is a help, and may be missing or damaged: what is no finite number is left out, and so is an epoch of none.
    """
    try:
        with open(log, newline="", encoding="utf-8") as file:
            rows = [{name: _number(text) for name, text in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return []
    numbers = ({name: value for name, value in row.items() if math.isfinite(value)} for row in rows)
    return [row for row in numbers if row]


def drop_torn_line(log: Path) -> None:
    """Cut off the last line of a log if it does not end, so that the next one does not go on with it."""
    with contextlib.suppress(OSError), open(log, "r+b") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _number(text) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):  # Of a line with too few or too many cells, or of no number.
        return math.nan


def read_losses(log: Path) -> dict[str, list[float]]:
    """The terms of a training's log, {term: its raw value after each epoch}; empty where nothing can be read."""
    epochs = read_log(log)
    terms = [name for name in epochs[0] if name not in _NO_TERMS and not name.startswith("val_")] if epochs else []
    return {term: [epoch[term] for epoch in epochs if term in epoch] for term in terms}
