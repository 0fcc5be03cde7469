"""What a visitor selects by hand, and a part that is restyled."""

import numpy as np
import pytest

from keras_nst.app.partial import PartialTab
from keras_nst.app.selection import Box, Click, Fit, Selection, Stroke, steps
from keras_nst.app.selector import Selector
from keras_nst.errors import InputError
from keras_nst.pictures.io import read
from keras_nst.select.masks import feather, rectangle, stroke

gr = pytest.importorskip("gradio")


@pytest.fixture
def selector(workshop):
    return Selector(workshop, "nothing")


def drawn(tool, *points, adds=True, size=10):
    """What the browser sends when something was drawn."""
    return gr.EventData(None, {"marks": [{"tool": tool, "points": points, "adds": adds, "size": size}]})


def test_clicks_add_and_take_away_and_are_undone(selector, workshop, uploaded):
    *_, hint = opened = selector.open(uploaded("halves.png"), 12)
    assert hint.startswith("Click on what you mean")

    def share(outputs):
        return workshop.mask(outputs[1]).mean()

    left = selector.draw(opened[1], drawn("click", [3, 3]))
    assert share(left) == 0.5
    assert left[2].startswith("50.0 %")
    both = selector.draw(left[1], drawn("click", [120, 3]))
    assert share(both) == 1
    right = selector.draw(both[1], drawn("click", [3, 90], adds=False))
    np.testing.assert_array_equal(workshop.mask(right[1]), 1 - workshop.mask(left[1]))
    assert share(selector.undo(right[1])) == 1
    assert share(selector.clear(right[1])) == 0


def test_a_larger_tolerance_selects_more_by_the_same_click(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("painting.png"), 12)
    _, selection, _ = selector.draw(selection, drawn("click", [64, 48]))
    shares = [workshop.mask(selector.tolerate(selection, tolerance)[1]).mean() for tolerance in (1, 12, 60)]
    assert 0 < shares[0] < shares[1] < shares[2]


def test_a_brush_paints_what_is_under_it(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("halves.png"), 12)
    painted = selector.draw(selection, drawn("brush", [20, 30], [100, 30], size=12.5))[1]
    mask = np.zeros((1, 96, 128, 1), np.float32)
    np.testing.assert_array_equal(workshop.mask(painted), stroke(mask, [(20, 30), (100, 30)], 16))
    less = selector.draw(painted, drawn("brush", [64, 30], size=20, adds=False))[1]
    assert workshop.mask(less)[0, 30, [25, 64, 95], 0].tolist() == [1, 0, 1]


def test_a_box_selects_the_object_in_it_or_all_of_it(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("object.png"), 12)
    y, x = np.indices((96, 128))
    disc = np.hypot(y - 48, x - 64) < 22
    found = workshop.mask(selector.draw(selection, drawn("box", [95, 15], [35, 80]))[1])[0, ..., 0]
    assert np.minimum(found, disc).sum() / np.maximum(found, disc).sum() > 0.9
    plain = workshop.mask(selector.draw(selection, drawn("box", [2, 2], [30, 25]))[1])
    np.testing.assert_array_equal(plain, rectangle(96, 128, (2, 2, 29, 24)))
    everything = selector.draw(selection, drawn("brush", [64, 48], size=20))[1].after(Box(((0, 0), (63, 95)), False))
    assert not workshop.mask(everything)[:, :, :64].any()


def test_the_outline_is_fitted_and_corrected_afterwards(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("object.png"), 12)
    rough = selection.after(Stroke(((63, 48),), True, 30))
    y, x = np.indices((96, 128))
    disc = np.hypot(y - 48, x - 64) < 22
    fitted = selector.fit(rough)[1]

    def error(selection):
        return np.abs(workshop.mask(selection)[0, ..., 0] - disc).sum()

    assert error(fitted) < error(rough) / 3
    assert workshop.mask(fitted.after(Stroke(((5, 5),), True, 5)))[0, 5, 5, 0] == 1


def test_a_step_is_computed_from_the_one_before(workshop, uploaded, monkeypatch):
    selection, looked = Selection(uploaded("halves.png")), []
    monkeypatch.setattr(Click, "on", lambda step, picture, mask, tolerance: looked.append(step) or mask)
    for column in range(5):
        selection = selection.after(Click(((column, 0),), True))
        workshop.mask(selection)
    workshop.mask(selection.before())
    assert len(looked) == 5


@pytest.mark.parametrize("begin", ["object", "subject"])
def test_an_object_on_plain_ground_is_selected_to_begin_with(workshop, uploaded, begin):
    _, selection, _ = Selector(workshop, begin).open(uploaded("object.png"), 12)
    assert workshop.mask(selection).sum() == pytest.approx(np.pi * 22**2, rel=0.05)


HOSTILE = [None, "12", {"x": 1}, [None], [[]], [{}], [{"tool": "click", "points": [[1, 1]], "adds": True}]]


@pytest.mark.parametrize("marks", HOSTILE)
def test_a_mark_that_is_none_is_refused(marks):
    with pytest.raises(InputError, match="Draw it again"):
        steps(marks)


@pytest.mark.parametrize("tool", ["click", "brush", "box", "<script>", None, ["click"]])
@pytest.mark.parametrize(
    "point", [None, [], [1], [1, 2, 3], ["a", "b"], [1e400, 0], [float("nan"), 0], {"x": 1}, "12345", [1e12, 0]]
)
def test_a_mark_needs_a_place(tool, point):
    with pytest.raises(InputError, match="Draw it again"):
        steps([{"tool": tool, "points": [point] * (2 if tool == "box" else 1), "adds": True, "size": 5}])


@pytest.mark.parametrize("size", [0, -1, 21, 1e9, float("nan"), None, "5"])
def test_a_brush_has_a_size_within_bounds(size):
    with pytest.raises(InputError, match="Draw it again"):
        steps([{"tool": "brush", "points": [[1, 1]], "adds": True, "size": size}])


def test_a_click_outside_is_refused_and_so_are_too_many_steps(selector, uploaded):
    _, selection, _ = selector.open(uploaded("halves.png"), 12)
    with pytest.raises(InputError, match="outside the picture"):
        selector.draw(selection, drawn("click", [128, 0]))
    with pytest.raises(InputError, match="200 steps already"):
        selection.after(*[Fit()] * 201)
    with pytest.raises(InputError, match="no picture yet"):
        selector.draw(None, drawn("click", [3, 3]))


def test_a_part_is_restyled_and_the_rest_stays(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("halves.png"), 12)
    _, selection, _ = selector.draw(selection, drawn("click", [3, 3]))
    (before, after), *_ = PartialTab(workshop).restyle(selection, "tiny", "")
    picture, result = read(before).rgb, read(after).rgb
    outside = feather(workshop.mask(selection), 2.0)[..., 0] == 0
    np.testing.assert_array_equal(result[outside], picture[outside])
    assert np.abs(result[:, :, :50] - picture[:, :, :50]).mean() > 0.05
    (_, after), *_ = PartialTab(workshop).restyle(selection, "tiny", "tiny")
    assert np.abs(read(after).rgb[outside] - picture[outside]).mean() > 0.05


def test_nothing_selected_is_nothing_to_restyle(selector, workshop, uploaded):
    _, selection, _ = selector.open(uploaded("halves.png"), 12)
    with pytest.raises(InputError, match="Select the area"):
        PartialTab(workshop).restyle(selection, "tiny", "")
    with pytest.raises(InputError, match="no photograph yet"):
        PartialTab(workshop).restyle(None, "tiny", "")
