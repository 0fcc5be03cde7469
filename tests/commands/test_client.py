"""The client, over real sockets, against a stand-in for TensorFlow Serving that runs the exported SavedModel."""

import base64
import contextlib
import gzip
import io
import json
import socket
import sys
import threading
import time
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image
from reference import model_server

from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.infer import served
from keras_nst.infer.served import ServedStyle
from keras_nst.jobs.export import export
from keras_nst.models.saved import save_style
from keras_nst.models.styles import load_net
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.io import read, read_record
from keras_nst.pictures.picture import Picture

NEEDS_SERVING = pytest.mark.skipif(find_spec("tensorflow_serving") is None, reason="needs the extra serving")
BUSY = {"rest": 503, "grpc": "UNAVAILABLE"}


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles") / "tiny"
    net = transfer_net(filters=(4, 4, 8), residual_blocks=1)
    net.get_layer("rgb_conv").set_weights([np.random.default_rng(0).normal(0, 0.1, (9, 9, 4, 3)), np.zeros(3)])
    save_style(folder, net, {})
    return folder


@pytest.fixture(scope="module")
def exported(style, tmp_path_factory):
    return export(style, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def failures():
    """What the servers do instead of answering."""
    return []


@pytest.fixture(scope="module", params=["rest", pytest.param("grpc", marks=NEEDS_SERVING)])
def protocol(request):
    return request.param


@pytest.fixture(scope="module")
def url(protocol, exported, failures):
    with getattr(model_server, protocol)(exported, "tiny", failures) as address:
        yield address


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that the client would have waited."""
    waited = []
    monkeypatch.setattr(served.time, "sleep", waited.append)
    return waited


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(rng.integers(0, 256, (36, 47, 3), np.uint8)).save("photo.png")
    Image.fromarray(rng.integers(0, 256, (20, 30, 4), np.uint8)).save("cut-out.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    return tmp_path


@pytest.fixture
def unused():
    """A port without a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_any_form_of_a_picture_is_sent(url, protocol, here):
    serve = ServedStyle(url, "tiny", protocol=protocol)
    with Image.open("photo.png") as image:
        for given in ("photo.png", image, np.asarray(image)):
            np.testing.assert_array_equal(serve(given).rgb, serve(read("photo.png")).rgb)


def test_the_result_is_the_nets_and_says_what_made_it(url, protocol, style, here, capsys):
    assert main(["client", url, "photo.png", "--style", "tiny", "--protocol", protocol, "-o", "out.png"]) == 0
    assert "out.png  47x36" in capsys.readouterr().out
    expected = np.asarray(load_net(style)(read("photo.png").rgb))
    np.testing.assert_allclose(read("out.png").rgb, expected, atol=1 / 255)
    assert read_record("out.png")["style"] == "tiny"


def test_a_bad_picture_among_good_ones_is_told_and_alpha_is_kept(url, protocol, here, capsys):
    assert main(["client", url, "text.jpg", "cut-out.png", "-s", "tiny", "--protocol", protocol, "-o", "out"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "text.jpg" in captured.err
    assert [path.name for path in (here / "out").iterdir()] == ["cut-out-tiny.png"]
    np.testing.assert_array_equal(read("out/cut-out-tiny.png").alpha, read("cut-out.png").alpha)


def test_a_server_that_is_busy_is_asked_again_after_longer_and_longer_waits(url, protocol, failures, waits, rng):
    stylize = ServedStyle(url, "tiny", protocol=protocol)
    failures += [BUSY[protocol]] * 3
    assert stylize(Picture(rng.random((1, 16, 16, 3), np.float32))).rgb.shape == (1, 16, 16, 3)
    assert waits == [0.5, 1, 2]
    assert failures == []


def test_a_connection_that_breaks_is_made_anew(exported, waits):
    failures = [None]
    with model_server.rest(exported, "tiny", failures) as url:
        ServedStyle(url, "tiny")
    assert (failures, waits) == ([], [0.5])


def test_a_server_that_stays_busy_is_given_up(url, protocol, failures):
    failures += [BUSY[protocol]] * 5
    with pytest.raises(InputError, match=r"Cannot reach the server at .* \(5 attempts\)"):
        ServedStyle(url, "tiny", protocol=protocol)
    assert failures == []


def test_an_answer_that_does_not_come_is_not_waited_for(url, protocol, failures, waits, rng):
    stylize = ServedStyle(url, "tiny", protocol=protocol, timeout=0.3)
    release = threading.Event()
    failures.append(release)
    began = time.perf_counter()
    with pytest.raises(InputError, match=r"no answer in time\..* `timeout`"):
        stylize(Picture(rng.random((1, 16, 16, 3), np.float32)))
    assert time.perf_counter() - began < 5
    assert waits == []  # It may still work on the first request.
    release.set()


def test_a_server_that_is_not_there_is_one_line_and_code_2(unused, protocol, here, capsys, waits):
    assert main(["client", unused, "photo.png", "cut-out.png", "--protocol", protocol, "-o", "out"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"error: Cannot reach the server at {unused}: ")
    assert waits == list(served.WAITS)
    assert not (here / "out").exists()


def test_another_style_is_told(url, protocol, here, capsys):
    assert main(["client", url, "photo.png", "--style", "stary/night", "--protocol", protocol]) == 2
    assert capsys.readouterr().err == (
        f"error: The server at {url} does not serve a style 'stary/night'. Give another --style.\n"
    )


def test_what_the_server_says_of_a_picture_is_told(protocol, style, here, capsys, tmp_path_factory):
    fixed = export(style, tmp_path_factory.mktemp("fixed"), size=(32, 40))
    with getattr(model_server, protocol)(fixed, "tiny") as url:
        assert main(["client", url, "photo.png", "--style", "tiny", "--protocol", protocol, "-o", "out.png"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: photo.png: The request to the server at {url} failed: ")
    assert "[36,47,3] is not compatible with expected shape [32,40,3]" in error
    assert error.count("\n") == 1
    assert not (here / "out.png").exists()


@NEEDS_SERVING
def test_a_server_of_the_other_protocol_is_told(exported):
    with (
        model_server.rest(exported, "tiny") as url,
        pytest.raises(InputError, match=f"Cannot reach the server at {url}"),
    ):
        ServedStyle(url, "tiny", protocol="grpc")


def answered(status, data):
    """A response of urllib3."""
    response = io.BytesIO(data)
    read = lambda size, decode_content: response.read(size)  # noqa: E731
    return type("Response", (), {"status": status, "read": staticmethod(read), "close": staticmethod(lambda: None)})


def encoded(width, height):
    result = io.BytesIO()
    Image.new("RGB", (width, height)).save(result, "PNG")
    return base64.b64encode(result.getvalue()).decode()


HOSTILE = {
    "no JSON": b"<html>",
    "nothing": b"",
    "null": b"null",
    "number": b"1e400",
    "list": b"[]",
    "text": b'"predictions"',
    "deep": b"[" * 200_000,
    "deep object": b'{"a":' * 200_000,
    "other keys": b'{"outputs": []}',
    "no predictions": b'{"predictions": []}',
    "predictions null": b'{"predictions": null}',
    "predictions text": b'{"predictions": "picture"}',
    "b64 null": b'{"predictions": [{"b64": null}]}',
    "b64 list": b'{"predictions": [{"b64": [1, 2]}]}',
    "b64 object": b'{"predictions": [{"b64": {"b64": "AA=="}}]}',
    "b64 broken": b'{"predictions": [{"b64": "A"}]}',
    "b64 in Unicode": '{"predictions": [{"b64": "ä"}]}'.encode(),
    "no picture": b'{"predictions": [{"b64": "AAAA"}]}',
    "numbers": b'{"predictions": [[[[0.5, 0.5, 0.5]]]]}',
    "digits": b'{"predictions": ' + b"9" * 100_000 + b"}",
    "wrong bytes": b"\xff\xfe\x00",
    "long": b'{"predictions": [{"b64": "' + b"A" * 5_000_000 + b'"}]}',
    "smaller": b'{"predictions": [{"b64": "%s"}]}' % encoded(16, 17).encode(),
    "larger": b'{"predictions": [{"b64": "%s"}]}' % encoded(400, 400).encode(),
}


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("status", [200, 400, 404])
def test_whatever_a_server_answers_is_a_picture_or_one_line(monkeypatch, rng, answer, status):
    up = b'{"model_version_status": [{"state": "AVAILABLE"}]}'
    answers = [answered(200, up), answered(status, HOSTILE[answer])]
    monkeypatch.setattr("urllib3.PoolManager.request", lambda *_, **__: answers.pop(0))
    stylize = ServedStyle("localhost:1", "tiny")
    with pytest.raises(InputError) as refused:
        stylize(Picture(rng.random((1, 16, 16, 3), np.float32)))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("answer", HOSTILE)
def test_whatever_a_server_says_of_its_state_is_taken_or_refused(monkeypatch, answer):
    monkeypatch.setattr("urllib3.PoolManager.request", lambda *_, **__: answered(200, HOSTILE[answer]))
    with pytest.raises(InputError):
        ServedStyle("localhost:1", "tiny")


@pytest.fixture(params=["headers", "body", "packed"])
def dribbling(request):
    """A server that sends single bytes slowly, or a small answer that unpacks to a large one."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while not done.is_set():
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    if request.param == "packed":
                        packed = gzip.compress(bytes(50_000_000))
                        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
                        connection.sendall(head.encode() + packed)
                        continue
                    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
                    connection.sendall(head if request.param == "body" else b"HTTP/1.1 200 OK\r\nX: ")
                    while not done.wait(0.05):
                        connection.sendall(b" ")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    done.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_one_deadline_and_one_size_hold_for_the_whole_exchange(dribbling):
    began = time.monotonic()
    with pytest.raises(InputError):
        ServedStyle(dribbling, "tiny", timeout=0.5)
    assert time.monotonic() - began < 20  # Even on a busy machine; without the deadline it would never end.


def test_another_kind_of_server_is_told(monkeypatch):
    for status, data in ((200, b"<html>"), (404, b"<html>"), (200, b'{"status": "well"}'), (500, b"[]")):
        response = answered(status, data)
        monkeypatch.setattr("urllib3.PoolManager.request", lambda *_, response=response, **__: response)
        with pytest.raises(InputError, match=f"HTTP status {status}, is not from TensorFlow Serving"):
            ServedStyle("localhost:1", "tiny")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(InputError, match=r"needs tensorflow_serving.* pip install 'keras_nst\[serving\]'"):
        ServedStyle("localhost:1", "tiny", protocol="grpc")


@pytest.mark.parametrize("url", ["ftp://localhost", "localhost:port"])
def test_a_wrong_url_is_told(url):
    with pytest.raises(InputError, match=f"^The request to the server at {url} failed: "):
        ServedStyle(url, "tiny")


def test_the_request_by_rest_is_as_published(monkeypatch, rng):
    """api_rest.md: a row for each instance, binary values as {"b64": ...}."""
    sent = []

    def request(pool, method, url, json, **_):
        sent.append((method, url, json))
        answers = {"GET": {"model_version_status": [{"state": "AVAILABLE"}]}}
        result = io.BytesIO()
        Image.new("RGB", (16, 16)).save(result, "PNG")
        answers["POST"] = {"predictions": [{"b64": base64.b64encode(result.getvalue()).decode()}]}
        return answered(200, to_json(answers[method]).encode())

    to_json = json.dumps
    monkeypatch.setattr("urllib3.PoolManager.request", request)
    picture = Picture(np.rint(255 * rng.random((1, 16, 16, 3), np.float32)) / np.float32(255))
    ServedStyle("https://example.org/api/", "a b")(picture)
    status, predict = sent
    assert status == ("GET", "https://example.org/api/v1/models/a%20b", None)
    assert predict[:2] == ("POST", "https://example.org/api/v1/models/a%20b:predict")
    (instance,) = predict[2].pop("instances")
    assert predict[2] == {"signature_name": "serving_bytes"}
    np.testing.assert_array_equal(read(base64.b64decode(instance["image_bytes"]["b64"])).rgb, picture.rgb)


def test_bad_arguments_are_one_line(here, capsys):
    for command, told in (
        ("client localhost:1 photo.png --protocol soap", "grpc, rest"),
        ("client localhost:1 photo.png --timeout 0", "--timeout"),
        ("client localhost:1 photo.png -o out.xyz", "xyz"),
        ("client localhost:1 nowhere/*.png", "nowhere"),
    ):
        assert main(command.split()) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert told in error
