"""The page for votes, by clicks in Chromium."""

import json

import numpy as np
import pytest

from keras_nst.evaluation.ballot import write_ballot

pytestmark = pytest.mark.browser

COLORS = {"ours": (0.9, 0.1, 0.1), "theirs": (0.1, 0.1, 0.9), "<b>others": (0.1, 0.9, 0.1)}


def plain(color):
    return np.broadcast_to(np.float32(color), (1, 32, 48, 3))


@pytest.fixture
def page(browser, tmp_path):
    results = {model: plain(color) for model, color in COLORS.items()}
    write_ballot(tmp_path / "vote.html", "a </script> b", {name: (plain(0.5), results) for name in ("one", "two")})
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "vote.html").as_uri())
    yield page
    page.close()
    assert errors == []


def model(page, side):
    """The model whose result is on this side."""
    read = """image => { const canvas = document.createElement("canvas"); const drawn = canvas.getContext("2d");
        drawn.drawImage(image, 0, 0); return [...drawn.getImageData(8, 8, 1, 1).data].slice(0, 3) }"""
    page.wait_for_function("side => document.querySelector(`#${side} img`)?.complete", arg=side)
    seen = np.array(page.locator(f"#{side} img").evaluate(read)) / 255
    return min(COLORS, key=lambda model: np.abs(seen - COLORS[model]).sum())


def vote(page, favorite):
    """Choose the favorite wherever it is shown, and neither of the others; returns the pairs that were shown."""
    shown = []
    while page.locator("#asking").is_visible():
        sides = {model(page, side): side for side in ("left", "right")}
        shown.append(tuple(sides))
        page.locator(f"#{sides.get(favorite, 'neither')}").click()
    return shown


def counted(page):
    return {
        name: cells for name, *cells in (row.locator("td").all_inner_texts() for row in page.locator("#rows tr").all())
    }


def test_each_pair_is_shown_once_for_each_photograph_and_votes_are_counted(page):
    shown = vote(page, "ours")
    assert sorted(map(sorted, shown)) == sorted(
        2 * [["ours", "theirs"], ["<b>others", "ours"], ["<b>others", "theirs"]]
    )
    # Wilson 1927: of 4 of 4, the interval is from 51 to 100 %. The others got half of two votes of four.
    assert counted(page) == {
        "ours": ["4", "100 %", "51 % to 100 %"],
        "theirs": ["4", "25 %", "5 % to 70 %"],
        "<b>others": ["4", "25 %", "5 % to 70 %"],
    }


def test_votes_of_several_voters_add_up_and_survive_a_reload(page):
    vote(page, "ours")
    page.locator("#next").click()
    vote(page, "theirs")
    assert [cells[0] for cells in counted(page).values()] == ["8", "8", "8"]
    with page.expect_download() as saved:
        page.locator("#save").click()
    votes = json.loads(saved.value.path().read_text())
    assert len(votes) == 12
    assert {vote["chosen"] for vote in votes} == {"ours", "theirs", None}
    page.reload()
    page.keyboard.press("ArrowDown")
    assert page.locator("#progress").inner_text() == "2 of 6"
    vote(page, "ours")
    assert counted(page)["ours"][0] == "12"
