"""The app as a server: what it serves, what it refuses, and how much at once."""

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference.gradio_client import Page, picture

from keras_nst.images.io import read

ROOT = Path(__file__).parents[2]
SETTINGS = (0.5, False, "no", 0.4)


@pytest.fixture
def page(server):
    return Page(server[0])


@pytest.fixture
def photo(page, home):
    return page.upload((home / "painting.png").read_bytes())


def stylize(page, photo, style="tiny", settings=SETTINGS):
    return page.call("stylize", photo, style, *settings)


def result(page, answer):
    """The picture that is offered for download."""
    _, _, download = answer["data"]
    path = download["value"]["path"]
    status, content = page.get(f"/gradio_api/file={path}")
    assert status == 200
    return read(content)


def test_a_photograph_goes_up_and_its_result_comes_down(page, photo, server):
    picture_of_it = result(page, stylize(page, picture(photo)))
    assert picture_of_it.rgb.shape == (1, 96, 128, 3)
    assert [path.name.startswith("picture-tiny-") for path in server[1].iterdir()]


def test_twenty_requests_at_once_are_queued_and_none_is_lost(server, photo):
    strengths = np.linspace(0, 1, 20)

    def visit(strength):
        page = Page(server[0])
        return result(page, stylize(page, picture(photo), settings=(strength, *SETTINGS[1:]))).rgb

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(visit, strengths))
    # Each its own: they go evenly from the photograph to the style.
    for strength, one in zip(strengths, results, strict=True):
        expected = results[0] + strength * (results[-1] - results[0])
        np.testing.assert_allclose(one, expected, atol=1.6 / 255)


def png(width, height, data=b""):
    """A PNG that claims a size."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def encoded(width, height, format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 128, np.uint8)).save(buffer, format)
    return buffer.getvalue()


FILES = {
    "a bomb": (png(60_000, 60_000), "60000 x 60000 pixels are more than the limit"),
    "no picture": (b"hello", "Cannot read the image"),
    "nothing": (b"", "Cannot read the image"),
    "half a picture": (encoded(64, 64, "JPEG")[:300], "Cannot read the image"),
    "no pixels": (png(64, 64), "Cannot read the image"),
    "a tiny picture": (encoded(3, 3), "under the minimum"),
    "a program in a picture": (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "Cannot read",
    ),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "Cannot read the image"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_pictures_are_refused_in_a_line(page, name):
    content, expected = FILES[name]
    refused(stylize(page, picture(page.upload(content))), expected)


def refused(answer, expected):
    assert expected in answer["error"]
    assert "\n" not in answer["error"]
    assert "Traceback" not in answer["error"]
    assert "/tmp" not in answer["error"]


PICTURES = {
    "a file of the computer": {"path": "/etc/passwd"},
    "a file above": {"path": "../../../../etc/passwd"},
    "a file of the computer, unmarked": {"path": "/etc/passwd", "meta": None},
    "a page of the network": {"path": "http://127.0.0.1:1/x.png"},
    "an address of a file": {"path": "file:///etc/passwd"},
    "an address beside the path": {"path": None, "url": "http://127.0.0.1:1/x.png"},
    "data in the address": {"path": None, "url": "data:image/png;base64,AAAA"},
    "a sample by its name": {"path": "sample:astronaut"},
}


@pytest.mark.parametrize("name", PICTURES)
def test_only_what_was_uploaded_is_read(page, name):
    answer = stylize(page, picture(**PICTURES[name]))
    assert answer["error"]
    refused(answer, "")
    assert "passwd" not in answer["error"]


CALLS = {
    "another style": ("no/../such", SETTINGS),
    "a style by its folder": ("saved_models/tiny", SETTINGS),
    "no style": (None, SETTINGS),
    "a strength beyond": ("tiny", (1e9, False, "no", 0.4)),
    "a strength that is none": ("tiny", ("<script>", False, "no", 0.4)),
    "no strength": ("tiny", (None, False, "no", 0.4)),
    "another protection": ("tiny", (1, False, "/etc/passwd", 0.4)),
    "too little": ("tiny", (1,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_settings_that_are_none_are_refused_in_a_line(page, photo, name):
    style, settings = CALLS[name]
    refused(stylize(page, picture(photo), style, settings), "")


def test_a_click_on_nothing_is_refused_in_a_line(page):
    refused(page.call("click", None, 12, False, True, index=["<script>", None], value=None), "no picture yet")


@pytest.mark.parametrize(
    "name", ["../../../escaped.png", "/etc/escaped.png", "<img src=x onerror=alert(1)>.png", "a" * 300]
)
def test_names_of_files_lead_nowhere(page, home, name):
    path = page.upload((home / "halves.png").read_bytes(), name)
    answer = page.call("take_in", picture(path, orig_name=name))
    shown = answer["data"][0]["path"]
    assert Path(shown).parent.parent == Path(path).parent.parent
    assert not set("<>&'\" ") & set(Path(shown).name)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=saved_models/tiny/card.json",
        "/gradio_api/file=app.py",
        "/gradio_api/file=../../etc/passwd",
        "/gradio_api/file=%2e%2e/%2e%2e/etc/passwd",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/static/../../../../etc/passwd",
        "/gradio_api/runs",
    ],
)
def test_files_outside_of_the_own_folder_are_not_served(page, path):
    status, content = page.get(path)
    assert status in (403, 404)
    assert b"root:" not in content


def test_results_that_are_kept_are_not_served_by_their_names(page, photo, server):
    stylize(page, picture(photo))
    kept = next(server[1].iterdir())
    assert page.get(f"/gradio_api/file={kept}")[0] == 403


def test_a_file_that_is_too_large_is_refused(page):
    answer = page.upload(bytes(51_000_000))
    assert answer.status == 413


def test_nothing_is_written_beside(page, photo, server, home):
    def files():
        return {path for folder in (home, ROOT / "keras_nst") for path in folder.rglob("*")}

    before = files()
    stylize(page, picture(photo))
    assert {path.parent for path in files() - before} == {server[1]}
    assert not {".gradio", "gradio_cached_examples"} & set(os.listdir(home))
    assert list(ROOT.rglob("keras_nst/app/*.pyi")) == []


def test_the_page_asks_for_nothing_from_elsewhere(page):
    status, content = page.get("/")
    assert status == 200
    assert b"fonts.googleapis.com" not in content
    assert b"fonts.googleapis.com" not in page.get("/theme.css")[1]
