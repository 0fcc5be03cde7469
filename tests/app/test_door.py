"""The names that a server answers to. test_server.py tests over HTTP what it refuses."""

import socket

import pytest

from keras_nst.app.door import Names


@pytest.mark.parametrize(
    ("host", "others", "answered", "refused"),
    [
        ("127.0.0.1", (), ["127.0.0.1", "localhost:7860", "[::1]:80"], ["192.0.2.1", "evil.example", "", "a@b:c:d"]),
        ("192.0.2.1", (), ["192.0.2.1:7860"], ["192.0.2.2", "localhost", "192.0.2.1.evil.example"]),
        ("127.0.0.1", ["Styles.example.org"], ["styles.example.org", "localhost"], ["evil.styles.example.org"]),
        ("0.0.0.0", (), ["192.0.2.2:7860", "[2001:db8::1]", "localhost", socket.gethostname()], ["evil.example"]),
        ("::", ["styles.example.org"], ["192.0.2.2", "styles.example.org:443"], ["evil.example", "[evil]"]),
    ],
)
def test_a_server_answers_to_what_it_was_started_for(host, others, answered, refused):
    names = Names(host, others)
    assert [name for name in answered if not names.answer(name)] == []
    assert [name for name in refused if names.answer(name)] == []


def test_its_own_page_is_trusted_and_so_is_one_by_a_proxy():
    names = Names("0.0.0.0", ["styles.example.org"])
    assert names.trust("http://192.0.2.1:7860", "192.0.2.1:7860")
    assert names.trust("https://styles.example.org", "127.0.0.1:7860")
    for origin in ("http://192.0.2.1:80", "http://192.0.2.2:7860", "https://evil.example", "null", ""):
        assert not names.trust(origin, "192.0.2.1:7860")
