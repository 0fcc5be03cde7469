"""The app as a server: what it serves, what it refuses, and how much at once."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import urllib3
from PIL import Image
from reference.gradio_client import Page, picture

from keras_nst.pictures.io import read

ROOT = Path(__file__).parents[2]
SETTINGS = (0.5, 1, "style", "no", 0.4, "", 0.5, "png")


@pytest.fixture
def page(server):
    return Page(server[0])


@pytest.fixture
def photo(page, home):
    return page.upload((home / "painting.png").read_bytes())


JSON = {"Content-Type": "application/json"}


def ask(server, method, path, body=None, headers=None):
    """The status and body of an answer."""
    answer = urllib3.request(method, server[0] + path, body=body, headers=headers, retries=False)
    return answer.status, answer.data


def stylize(page, photo, style="tiny", settings=SETTINGS):
    return page.call("stylize", photo, None, style, *settings)


def result(page, answer):
    """The picture that is offered for download."""
    _, _, download, *_ = answer["data"]
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
    # Different ones, evenly spaced from the photograph to the style.
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
    if PICTURES[name]["path"] is None:
        assert "path" not in json.dumps(answer)  # There is no photograph, so nothing is done.
        return
    refused(answer, "")
    assert "passwd" not in answer["error"]


CALLS = {
    "another style": ("no/../such", SETTINGS),
    "a style by its folder": ("saved_models/tiny", SETTINGS),
    "no style": (None, SETTINGS),
    "a strength beyond": ("tiny", (1e9, *SETTINGS[1:])),
    "a strength that is none": ("tiny", ("<script>", *SETTINGS[1:])),
    "no strength": ("tiny", (None, *SETTINGS[1:])),
    "a strength that is no number": ("tiny", (float("nan"), *SETTINGS[1:])),
    "another protection": ("tiny", (*SETTINGS[:3], "/etc/passwd", *SETTINGS[4:])),
    "strokes beyond": ("tiny", (1, 1e9, *SETTINGS[2:])),
    "other colors": ("tiny", (*SETTINGS[:2], "<script>", *SETTINGS[3:])),
    "another second style": ("tiny", (*SETTINGS[:5], "/etc/passwd", *SETTINGS[6:])),
    "a file of another kind": ("tiny", (*SETTINGS[:7], "svg")),
    "too little": ("tiny", (1,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_settings_that_are_none_are_refused_in_a_line(page, photo, name):
    style, settings = CALLS[name]
    refused(stylize(page, picture(photo), style, settings), "")


def test_a_click_on_nothing_is_refused_in_a_line(page):
    refused(page.call("draw", None, marks=["<script>", None]), "no picture yet")


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


def test_a_page_finds_its_server_again(page):
    """After a lost connection, Gradio's page asks whether it meets the same server."""
    status, answer = page.get("/gradio_api/app_id")
    assert status == 200
    assert json.loads(answer)["app_id"] == json.loads(page.get("/config")[1])["app_id"]


def test_results_that_are_kept_are_not_served_by_their_names(page, photo, server):
    stylize(page, picture(photo))
    kept = next(server[1].iterdir())
    assert page.get(f"/gradio_api/file={kept}")[0] == 404


def test_a_file_that_is_too_large_is_refused(page):
    answer = page.upload(bytes(51_000_000))
    assert answer.status == 413
    assert answer.data == b"The file has more than the limit of 50 MB."


@pytest.mark.parametrize("chunked", [False, True])
def test_a_message_that_is_too_large_is_not_read_whole(server, chunked):
    message = b'{"data": ["' + bytes(6_000_000) + b'"]}'
    status, answer = ask(server, "POST", "/gradio_api/queue/join", [message] if chunked else message, JSON)
    assert status == 413
    assert b"limit of 5 MB" in answer


def test_one_visitor_uploads_no_more_than_the_sum(page):
    # A proxy on the same computer sends the visitor's address in a header.
    visitor = {"X-Forwarded-For": "203.0.113.7"}
    answers = [page.upload(bytes(20_000_000), headers=visitor) for _ in range(12)]
    # With the forms around them, ten have more than 200 MB.
    assert [getattr(answer, "status", 200) for answer in answers] == [200] * 9 + [413] * 3
    assert answers[-1].data == b"With this file you have uploaded more than the limit of 200 MB."
    assert isinstance(page.upload(b"small", headers={"X-Forwarded-For": "203.0.113.8"}), str)


def test_one_visitor_uploads_no_more_files_than_the_limit_in_few_requests_or_many(server, home):
    content = (home / "halves.png").read_bytes()

    def upload(count, visitor):
        fields = [("files", (f"{number}.png", content)) for number in range(count)]
        headers = {"X-Forwarded-For": visitor}
        return urllib3.request("POST", f"{server[0]}/gradio_api/upload", fields=fields, headers=headers, retries=False)

    for visitor, counts in {"203.0.113.21": (201,), "203.0.113.22": (150, 20, 30, 1)}.items():
        answers = [upload(count, visitor) for count in counts]
        assert [answer.status for answer in answers] == [200] * (len(counts) - 1) + [413]
        assert b"uploaded 200 files, the limit for now" in answers[-1].data
        assert [len(answer.json()) for answer in answers[:-1]] == [*counts[:-1]]


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "203.0.113.7", "[::1", ""])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_other_names_are_not_served(server, name, method):
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = urllib3.request(method, server[0], headers={"Host": name, **preflight})
    assert answer.status in (400, 421)
    assert not [header for header in answer.headers if header.lower().startswith("access-control")]


def test_the_names_of_this_computer_are_served(server):
    port = server[0].rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert ask(server, "HEAD", "/", headers={"Host": f"{name}:{port}"})[0] == 200


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::]"])
def test_addresses_of_ipv6_are_served(home, host):
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--host", host]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert "http://[::1]:" in line, process.communicate()[1]
            address = line.split()[3].rstrip("/")
            assert ask([address], "GET", "/config")[0] == 200
            assert ask([address], "GET", "/config", headers={"Host": "evil.example"})[0] == 421
        finally:
            process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_pages_of_other_sites_have_no_access(server, origin):
    for method, path in (("POST", "/gradio_api/upload"), ("POST", "/gradio_api/queue/join"), ("GET", "/config")):
        assert ask(server, method, path, headers={"Origin": origin})[0] == 403
    assert ask(server, "GET", "/config", headers={"Origin": server[0]})[0] == 200


CLOSED = {
    "POST": "run/stylize api/stylize api/stylize/ call/stylize call/v2/stylize cancel reset component_server "
    "process_recording vibe-edit vibe-code run-history/connect a-new-one",
    "GET": "dev/reload info openapi.json call/stylize/1 call/v2/stylize/1 queue/status user token file/etc/passwd "
    "custom_component/1/client/component/x.js stream/a/1/1/playlist.m3u8 deep_link",
    "PUT": "upload",
    "OPTIONS": "upload queue/join",
}


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, paths in CLOSED.items() for path in paths.split()]
)
def test_what_the_page_does_not_need_is_closed(server, method, path):
    assert ask(server, method, f"/gradio_api/{path}", b"{}", JSON) == (404, b"Closed.")


@pytest.mark.parametrize(
    "path", ["/login", "/logout", "/monitoring", "/monitoring/summary", "/manifest.json", "/pwa_icon", "/svelte/x.js"]
)
def test_pages_beside_the_page_are_closed(page, path):
    assert page.get(path) == (404, b"Closed.")


def test_work_is_done_by_way_of_the_queue_alone(server, page, photo):
    body = {"data": [picture(photo), None, "tiny", *SETTINGS], "fn_index": page.events["stylize"], "session_hash": "a"}
    status, answer = ask(server, "POST", "/gradio_api/run/predict", json.dumps(body), JSON)
    assert status == 404
    assert b"join the queue" in answer


FOLDERS = {
    "the folder of all files": lambda photo: Path(photo).parents[1],
    "a folder": lambda photo: Path(photo).parent,
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_no_picture(page, photo, name):
    refused(stylize(page, picture(str(FOLDERS[name](photo)))), "not here any more")


@pytest.mark.parametrize("path", ["/etc/passwd", "http://127.0.0.1:1/x.png", "/dev/zero"])
def test_no_component_fetches_a_file(page, photo, path):
    """Gradio looks for files in the values of all components."""
    refused(stylize(page, picture(photo), settings=(picture(path), *SETTINGS[1:])), "not here any more")
    deep = [{"deep": picture(path)}]
    refused(stylize(page, picture(photo), settings=(1, 1, deep, *SETTINGS[3:])), "not here any more")


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
