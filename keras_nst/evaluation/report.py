"""Show an evaluation as a table, or write it to a folder of tables and pictures."""

import csv
import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from keras_nst.evaluation.ballot import BALLOT, write_ballot
from keras_nst.evaluation.charts import bars, comparison
from keras_nst.evaluation.evaluate import FACTS, MEASURES, Evaluation
from keras_nst.evaluation.sets import meanings
from keras_nst.files import replacing
from keras_nst.fit.curves import curves, read_losses
from keras_nst.models.saved import LOG, TRAINING
from keras_nst.pictures.io import write

RESULTS, SUMMARY, REPORT, PICTURES = "results.csv", "summary.json", "report.md", "pictures"
# Descriptions of the style in a report.
_PAINTING = "the painting {style} with a shorter side of {style_size} pixels"
_STYLE_SET = "the {style_pictures} pictures of {style}, squares of the same size"


def table(evaluation: Evaluation) -> Table:
    """Build a table for the terminal, with a row for each measure and a column for each model."""
    header, *lines = _cells(evaluation)
    shown = Table(box=SIMPLE_HEAD)
    for title in header:
        shown.add_column(title, no_wrap=not title)
    for line in lines:
        shown.add_row(*line)
    return shown


def write_report(folder: str | Path, evaluation: Evaluation) -> None:
    """Write an evaluation: `results.csv`, `summary.json`, `report.md` with its pictures, and `vote.html`.

    There is only something to vote on if there are several models.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    with replacing(folder / RESULTS) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, evaluation.rows[0])
        writer.writeheader()
        writer.writerows(evaluation.rows)
    with replacing(folder / SUMMARY) as temporary:
        temporary.write_text(json.dumps(evaluation.summary(), indent=2) + "\n", "utf-8")
    pictures = _write_pictures(folder, evaluation)
    with replacing(folder / REPORT) as temporary:
        temporary.write_text(_markdown(evaluation, pictures), "utf-8")
    if len(evaluation.models) > 1:
        views = evaluation.views.items()
        seen = {
            stem: (photograph.image, {label: result.image for label, result in results.items()})
            for stem, (photograph, results) in views
        }
        write_ballot(folder / BALLOT, " or ".join(evaluation.models), seen)


def _write_pictures(folder: Path, evaluation: Evaluation) -> dict[str, str]:
    """Write the pictures; returns their captions by path in the folder."""
    captions = {}
    for number, (stem, (photograph, results)) in enumerate(evaluation.views.items(), 1):
        path = f"{PICTURES}/photograph-{number}.jpg"
        write(folder / path, comparison(photograph, results))
        captions[path] = f"{stem}: the pictures, and the activation maps of the class {photograph.name}."
    scores = {label: evaluation.values(label, "cam_ssim") for label in evaluation.models}
    names = list(dict.fromkeys(row["photograph"] for row in evaluation.rows))
    charts = {"cam_ssim": (bars(scores, names, "SSIM of the activation maps"), "SSIM of the activation maps.")}
    logs = {label: read_losses(path / TRAINING / LOG) for label, path in evaluation.models.items()}
    if any(logs.values()):
        charts["losses"] = curves(logs), "Losses of the trainings, unweighted."
    for name, (chart, caption) in charts.items():
        path = f"{PICTURES}/{name}.png"
        with replacing(folder / path) as temporary:
            chart.savefig(temporary, dpi=150)
        captions[path] = caption
    return captions


def _cells(evaluation: Evaluation) -> list[list[str]]:
    """A header, and a line for each measure and fact: its name with the better direction, and each model's value."""
    models = evaluation.summary()["models"]
    lines = [["", *models]]
    for name, (better, _) in _measured(evaluation).items():
        lines.append([f"{name} {better}", *(_cell(summary.get(name)) for summary in models.values())])
    return lines


def _measured(evaluation: Evaluation) -> dict[str, tuple[str, str]]:
    """{name: (better direction, meaning)} of all measures that any model has."""
    names = {name for summary in evaluation.summary()["models"].values() for name in summary}
    known = MEASURES | meanings(names) | FACTS
    return {name: meaning for name, meaning in known.items() if name in names}


def _cell(value: dict[str, float] | float | None) -> str:
    match value:
        case None:
            return ""
        case dict():
            return "{mean:.3f} [{low:.3f}, {high:.3f}]".format(**value)
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.3g}"


def _markdown(evaluation: Evaluation, pictures: dict[str, str]) -> str:
    header, *lines = [f"| {' | '.join(cells)} |" for cells in _cells(evaluation)]
    rule = "|---" * (1 + len(evaluation.models)) + "|"
    setting = (
        "{photographs} photographs, the middle of each at {size} x {size} pixels; "
        + (_PAINTING if "style_size" in evaluation.setting else _STYLE_SET)
        + "; classes and activation maps of {classifier}; keras_nst {version}. A cell with an interval is the mean "
        "over the photographs and its 95 % bootstrap interval. Arrows show which direction is better."
    ).format(**evaluation.setting)
    explained = [f"- **{name}**: {meaning}." for name, (_, meaning) in _measured(evaluation).items()]
    shown = [f"![{caption}]({path})\n\n*{caption}*" for path, caption in pictures.items()]
    blocks = ["# Evaluation", setting, "\n".join([header, rule, *lines]), "\n".join(explained), *shown]
    return "\n\n".join(blocks) + "\n"
