"""How losses went, as a plot."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

# What is no term in a training's log. Totals of differently weighted losses have no common scale.
_NO_TERMS = ("epoch", "skipped", "total")


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


def read_losses(log: Path) -> dict[str, list[float]]:
    """The terms of a training's log (CSV), {term: its raw value after each epoch}; empty where there is none."""
    if not log.is_file():
        return {}
    with open(log, newline="", encoding="utf-8") as file:
        epochs = list(csv.DictReader(file))
    columns = epochs[0] if epochs else ()
    terms = [name for name in columns if name not in _NO_TERMS and not name.startswith("val_")]
    return {term: [float(epoch[term]) for epoch in epochs] for term in terms}
