import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.evaluation.charts import bars, comparison, overlay
from keras_nst.evaluation.evaluate import FACTS, MEASURES, Evaluation, View
from keras_nst.evaluation.report import table, write_report
from keras_nst.fit.curves import curves, read_losses
from keras_nst.pictures.io import read
from keras_nst.pictures.sheet import GAP

LOG = "epoch,content,skipped,style,total,val_content\n0,1.5,0.0,0.5,4.0,NA\n1,1.25,0.0,0.25,2.5,NA\n"


def plain(value, cam=0.0, side=64):
    image, zeros = np.full((1, side, side, 3), value, np.float32), np.zeros((side, side))
    return View(image, zeros + cam, zeros, np.arange(6), "tench")


@pytest.fixture
def evaluation(tmp_path, rng):
    """Two models on three photographs: a style with the log of its training, and results of another tool."""
    log = tmp_path / "ours" / "training" / "log.csv"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    photographs = ("one", "two", "three")
    return Evaluation(
        setting={
            "version": "1.2.3",
            "photographs": 3,
            "size": 64,
            "style": "waves.jpg",
            "style_size": 512,
            "classifier": "colors",
        },
        models={"ours": tmp_path / "ours", "theirs": tmp_path / "theirs"},
        facts={"ours": {"checkerboard_flat": 0.125, "ms": 12.5, "mb": 3.5, "parameters": 1234567}, "theirs": {}},
        rows=[
            {"photograph": stem, "class": "tench", "model": label, **{measure: rng.uniform() for measure in MEASURES}}
            for stem in photographs
            for label in ("ours", "theirs")
        ],
        views={stem: (plain(0.25, 1.0), {"ours": plain(0.5), "theirs": plain(0.75)}) for stem in photographs},
    )


@pytest.fixture
def report(tmp_path, evaluation):
    write_report(tmp_path / "report", evaluation)
    return tmp_path / "report"


def test_the_results_have_a_row_for_each_photograph_and_model(report, evaluation):
    with open(report / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    for row, expected in zip(rows, evaluation.rows, strict=True):
        assert row == {name: str(value) for name, value in expected.items()}


def test_the_summary_holds_the_means_of_the_results(report):
    summary = json.loads((report / "summary.json").read_text())
    with open(report / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for label in ("ours", "theirs"):
        for measure in MEASURES:
            mean = np.mean([float(row[measure]) for row in rows if row["model"] == label])
            assert summary["models"][label][measure]["mean"] == pytest.approx(mean)
    assert summary["models"]["ours"]["ms"] == 12.5
    assert not FACTS.keys() & summary["models"]["theirs"].keys()


def test_the_report_states_its_setting_and_its_links_resolve(report):
    text = (report / "report.md").read_text("utf-8")
    for stated in ("3 photographs", "64 x 64", "waves.jpg", "512 pixels", "colors", "keras_nst 1.2.3"):
        assert stated in text
    links = re.findall(r"\]\((.+?)\)", text)
    assert len(links) == 3 + 2
    assert all(read(report / link).rgb.size for link in links)
    assert {path.name for path in (report / "pictures").iterdir()} == {link.removeprefix("pictures/") for link in links}


def test_each_line_of_the_reports_table_has_a_cell_for_each_model(report, evaluation):
    lines = [line for line in (report / "report.md").read_text("utf-8").splitlines() if line.startswith("|")]
    assert [line.count("|") for line in lines] == [4] * (2 + len(MEASURES) + len(FACTS))
    assert "| parameters ↓ | 1,234,567 |  |" in lines
    summary = evaluation.summary()["models"]
    first, second = ("{mean:.3f} [{low:.3f}, {high:.3f}]".format(**summary[label]["style"]) for label in summary)
    assert f"| style ↓ | {first} | {second} |" in lines


def test_what_no_photograph_has_is_empty_in_the_tables_and_null_in_the_summary(tmp_path, evaluation):
    for row in evaluation.rows:
        row["weave"] = None
    write_report(tmp_path / "report", evaluation)
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert [model["weave"] for model in summary["models"].values()] == [None, None]
    assert "| weave ↓ |  |  |" in (tmp_path / "report" / "report.md").read_text("utf-8").splitlines()
    with open(tmp_path / "report" / "results.csv", newline="") as file:
        assert {row["weave"] for row in csv.DictReader(file)} == {""}


def test_the_terminals_table_names_every_measure_in_80_columns(evaluation):
    shown = io.StringIO()
    Console(file=shown, width=80).print(table(evaluation))
    names = [line.split()[0] for line in shown.getvalue().splitlines()[3:] if line.strip()]
    assert names == [*MEASURES, *FACTS]


def test_a_report_over_an_older_one_replaces_it(report, evaluation):
    (report / "report.md").write_text("old")
    write_report(report, evaluation)
    assert "# Evaluation" in (report / "report.md").read_text("utf-8")
    assert not list(report.rglob(".*"))


def test_several_models_are_put_to_the_vote(report, tmp_path, evaluation):
    page = (report / "vote.html").read_text("utf-8")
    assert page.count("data:image/jpeg") == 3 * 3  # Three photographs, each with two results.
    alone = dataclasses.replace(evaluation, models={"ours": tmp_path / "ours"})
    write_report(tmp_path / "alone", alone)
    assert not (tmp_path / "alone" / "vote.html").exists()


def test_a_report_without_logs_has_no_curves(tmp_path, evaluation):
    (tmp_path / "ours" / "training" / "log.csv").unlink()
    write_report(tmp_path / "report", evaluation)
    assert "losses" not in (tmp_path / "report" / "report.md").read_text("utf-8")


def test_a_report_that_cannot_be_written_is_told(tmp_path, evaluation):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write"):
        write_report(tmp_path / "file", evaluation)


def test_a_comparison_has_the_pictures_above_and_their_maps_below():
    sheet = comparison(plain(0.25, 1.0), {"ours": plain(0.5), "theirs": plain(0.75)}).rgb
    top = sheet.shape[1] - 2 * (64 + GAP)
    for column, value in enumerate((0.25, 0.5, 0.75)):
        left = GAP + column * (64 + GAP)
        np.testing.assert_allclose(sheet[0, top : top + 64, left : left + 64], value, atol=1e-6)
    hot, cold = (sheet[0, top + 64 + GAP + 9, GAP + column * (64 + GAP) + 9] for column in range(2))
    assert hot[0] > hot[2]
    assert cold[2] > cold[0]


def test_an_overlay_shows_picture_and_map():
    dark, bright = overlay(plain(0, 0.7)), overlay(plain(1, 0.7))
    np.testing.assert_allclose(bright - dark, 0.5, atol=1e-6)
    assert 0 <= dark.min() <= bright.max() <= 1


def test_bars_are_as_high_as_the_values_and_lines_as_the_means():
    values = {"ours": [0.9, 0.5, 0.1], "theirs": [0.3, 0.2, 0.7]}
    (axes,) = bars(values, ["one", "two", "three"], "likeness").axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [*values["ours"], *values["theirs"]]
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([0.5, 0.4])
    centers = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    # Side by side, around the place of their photograph.
    np.testing.assert_allclose(np.add(centers[:3], centers[3:]) / 2, [0, 1, 2])


def test_curves_have_a_plot_for_each_term_of_any_model():
    ours, theirs = {"style": [0.5, 0.25], "content": [1.5, 1.25]}, {"style": [0.5], "cam": [2, 1]}
    plots = curves({"ours": ours, "theirs": theirs}).axes
    drawn = {plot.get_title(): [list(line.get_ydata()) for line in plot.lines] for plot in plots}
    assert drawn == {"style": [[0.5, 0.25], [0.5]], "content": [[1.5, 1.25]], "cam": [[2, 1]]}


def test_curves_show_all_of_their_line_and_zero_if_it_is_positive():
    lines = {"style": [0.5, 0.25], "adversarial": [0.5, -0.75]}  # The hinge game's loss is negative.
    shown = {plot.get_title(): plot.get_ylim() for plot in curves({"ours": lines}).axes}
    assert shown["style"][0] == 0
    for term, line in lines.items():
        assert shown[term][0] <= min(line) < max(line) <= shown[term][1]


def test_the_curves_of_a_log_are_its_terms_alone(tmp_path, evaluation, monkeypatch):
    seen = {}
    monkeypatch.setattr("keras_nst.evaluation.report.curves", lambda logs: seen.update(logs) or curves(logs))
    write_report(tmp_path / "report", evaluation)
    assert seen == {"ours": {"content": [1.5, 1.25], "style": [0.5, 0.25]}, "theirs": {}}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b'"', b"no log at all\nreally", b"\0\n\0,\0"])
def test_a_damaged_log_has_no_losses(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    assert read_losses(tmp_path / "log.csv") == {}
    assert read_losses(tmp_path) == read_losses(tmp_path / "nowhere.csv") == {}


def test_of_a_log_that_was_cut_short_all_is_read_that_is_there(tmp_path):
    (tmp_path / "log.csv").write_text(LOG + "2,1.125")
    losses = read_losses(tmp_path / "log.csv")
    np.testing.assert_array_equal([losses["content"], losses["style"]], [[1.5, 1.25, 1.125], [0.5, 0.25, np.nan]])


def test_a_term_that_came_later_has_the_epochs_that_it_has(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,style,color\n0,0.5,\n1,,3\n2,0.25,2\n")
    losses = read_losses(tmp_path / "log.csv")
    np.testing.assert_array_equal([losses["style"], losses["color"]], [[0.5, np.nan, 0.25], [np.nan, 3, 2]])


def test_names_of_files_are_no_formulas(tmp_path):
    name = "a$b_{$c"
    curves({name: {"style": [1.0, 0.5]}}).savefig(tmp_path / "curves.png")
    bars({name: [1.0, 2.0]}, [name, "other"], "measure").savefig(tmp_path / "bars.png")
    with pytest.raises(ValueError, match="Expected"):  # Otherwise it is parsed as a formula.
        Figure(figsize=(1, 1)).text(0, 0, name).figure.savefig(tmp_path / "formula.png")
