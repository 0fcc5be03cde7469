"""The results of a visitor: opened again and compared."""

import os
from pathlib import Path

import pytest

from keras_nst.app.stylize import StylizeTab
from keras_nst.errors import InputError

gr = pytest.importorskip("gradio")


def click(index):
    return gr.SelectData(None, {"index": index, "value": None})


@pytest.fixture
def strip(workshop, stylize, uploaded):
    """A tab, and what the browser remembers of it: two results of a photograph."""
    photo, _ = workshop.take_in(uploaded("painting.png"))
    tab, remembered = StylizeTab(workshop), []
    for style in ("tiny", "starry_night"):
        *_, latest = stylize(photo, style=style)
        remembered, *_ = tab.history.remember(remembered, "", latest)
    return tab, remembered


def test_a_result_is_compared_with_what_was_made_before(stylize, strip):
    tab, remembered = strip
    (photo, first), (_, second) = remembered
    _, shown, before = tab.history.recall(remembered, first)
    assert shown["value"] == [first, second]
    assert (shown["visible"], before["value"]) == (True, first)
    assert before["choices"] == [("The photograph", ""), ("1 Tiny", first), ("2 Starry night", second)]
    assert stylize(photo, before=first)[0][0] == first
    assert tab.history.compare(first, (photo, second)) == (first, second)
    assert tab.history.compare("", (photo, second)) == (photo, second)


def test_a_result_is_opened_again_with_its_photograph(strip):
    tab, remembered = strip
    photo, first = remembered[0]
    opened, shown, (before, after), note, download, latest = tab.history.reopen(remembered, "", click(0))
    assert opened == shown == before == photo
    assert after == download["value"] == first
    assert latest == [photo, first]
    assert note.startswith("Tiny, ")
    Path(photo).unlink()
    opened, _, (before, after), *_ = tab.history.reopen(remembered, remembered[1][1], click(0))
    assert (opened, before, after) == (None, remembered[1][1], first)
    assert tab.history.reopen(remembered, "", click(0))[2] == (first, first)
    Path(first).unlink()
    with pytest.raises(InputError, match="not here any more"):
        tab.history.reopen(remembered, "", click(0))
    assert tab.history.recall(remembered, first)[2]["value"] == ""


def test_what_is_changed_at_once_takes_the_place_of_the_last_result(stylize, strip):
    tab, remembered = strip
    photo, last = remembered[1]
    *_, latest = stylize(photo, style="starry_night", strength=0.5)
    assert tab.history.remember(remembered, "", latest)[0] == [remembered[0], [*latest]]
    os.utime(last, (0, 0))
    assert tab.history.remember(remembered, "", latest)[0] == [*remembered, [*latest]]
    *_, same = stylize(photo, style="starry_night")
    assert tab.history.remember(remembered, "", same)[0] == [remembered[0], [*same]]


@pytest.mark.parametrize("remembered", [["/etc/passwd"], [None, 3, {"path": "x"}], "/etc/passwd", None, [["a", "b"]]])
def test_what_a_browser_says_it_remembers_is_looked_at(workshop, stylize, uploaded, remembered):
    tab = StylizeTab(workshop)
    assert tab.history.recall(remembered, "/etc/passwd")[0] == []
    assert tab.recall_paintings(remembered, "tiny", "")[0] == []
    for index in (0, None, "0"):
        with pytest.raises(InputError, match="not here any more"):
            tab.history.reopen(remembered, "", click(index))
    (before, _), *_ = stylize(photo := uploaded("painting.png"), before="/etc/passwd")
    assert before == photo
