"""The page of a result."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.evaluation.page import SIDE, write_page
from keras_nst.pictures.io import read

HISTORY = {"128 px": {"total": [3.0, 2.0], "style": [1.0, 0.5]}, "256 px": {"total": [2.5, 1.5], "style": [0.6, 0.4]}}


@pytest.fixture
def page(tmp_path, rng):
    pictures = {"photo": rng.random((1, 40, 60, 3), np.float32), "a <b> & c": np.full((1, 900, 1800, 3), 0.5, "f")}
    return write_page(tmp_path, "out.png, optimized", pictures, HISTORY, {"recipe": "chen2016", "init": "<x>"})


def test_the_pictures_are_in_the_page_and_none_is_large(page):
    text = page.read_text("utf-8")
    encoded = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", text)
    shapes = [read(base64.b64decode(picture)).rgb.shape[1:3] for picture in encoded]
    assert shapes == [(40, 60), (SIDE // 2, SIDE)]
    assert not re.search(r'(src|href)="(?!data:|#)', text)  # Nothing from other servers.


def test_names_are_text_and_no_markup(page):
    text = page.read_text("utf-8")
    assert "a &lt;b&gt; &amp; c" in text
    assert "<td>init<td>&lt;x&gt;" in text
    assert "<td>recipe<td>chen2016" in text


def test_there_is_a_plot_for_each_term_with_a_line_for_each_scale(page):
    class Groups(HTMLParser):
        found = ()

        def handle_starttag(self, tag, attributes):
            self.found = (*self.found, dict(attributes).get("id", "")) if tag == "g" else self.found

    parser = Groups()
    parser.feed(page.read_text("utf-8"))
    assert {name for name in parser.found if name.startswith("axes_")} == {"axes_1", "axes_2"}


def test_without_steps_there_are_no_curves(tmp_path):
    assert "<svg" not in write_page(tmp_path, "t", {}, {}, {}).read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write"):
        write_page(tmp_path / "file", "t", {}, {}, {})
