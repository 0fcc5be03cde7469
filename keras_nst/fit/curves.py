"""Plots of the losses over a training."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# Columns of a training's log that are not plotted. Totals of differently weighted losses have no common scale.
_NO_TERMS = ("epoch", "skipped", "total")


# A label is a folder's name. Two dollar signs in it would be read as a formula.
@matplotlib.rc_context({"text.parse_math": False})
def curves(logs: Mapping[str, Mapping[str, Sequence[float]]], *, axis: str = "epoch") -> Figure:
    """Plot each term of the loss over the epochs, with one line per model in the color of the model's bars.

    Args:
        logs: {model: {term: its unweighted value after each epoch, NaN for none}}; empty for a model without a log.
        axis: Label of the horizontal axis.

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
        if axes.dataLim.ymin >= 0:
            axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=len(lines), frameon=False)
    return figure


def read_log(log: Path) -> list[dict[str, float]]:
    """Read the numbers of each epoch, by name, from a training's log (CSV).

    A log is optional, and may be missing or damaged. Values that are not finite numbers are left out, and so are epochs
    without any number.
    """
    try:
        with open(log, newline="", encoding="utf-8") as file:
            rows = [{name: _number(text) for name, text in row.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return []
    numbers = ({name: value for name, value in row.items() if math.isfinite(value)} for row in rows)
    return [row for row in numbers if row]


def _number(text) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):  # The line has too few or too many cells, or the cell holds no number.
        return math.nan


def read_losses(log: Path) -> dict[str, list[float]]:
    """Read {term: its unweighted value after each epoch, NaN for none} from a training's log; empty without a log."""
    epochs = read_log(log)
    terms = dict.fromkeys(name for epoch in epochs for name in epoch)
    own = [name for name in terms if name not in _NO_TERMS and not name.startswith("val_")]
    return {term: [epoch.get(term, math.nan) for epoch in epochs] for term in own}
