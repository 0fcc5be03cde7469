"""When files are deleted."""

import os
import threading
import time

import pytest

from keras_nst.app import cleaning
from keras_nst.app.cleaning import clean_up
from keras_nst.app.limits import Limits

LIMITS = Limits(age=3600.0, kept=250)


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Function that writes a file of 100 bytes with this age in seconds, in its own folder."""
    # The time of a change of a file's metadata cannot be set.
    monkeypatch.setattr(cleaning, "max", lambda changed, _: changed, raising=False)

    def write(name, ago):
        path = tmp_path / name / "picture.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - ago,) * 2)
        return path

    return write


def test_old_files_go_with_their_folders(tmp_path, keep):
    old, new = keep("old", 3700), keep("new", 3500)
    clean_up(tmp_path, LIMITS)
    assert new.exists()
    assert not old.parent.exists()


def test_emptied_folders_go_up_to_the_first_that_holds_something(tmp_path, keep):
    new, _ = keep("upload", 3500), keep("upload/net/code", 3700)
    clean_up(tmp_path, LIMITS)
    assert [*tmp_path.rglob("*")] == [new.parent, new]
    keep("upload", 3700), keep("upload/net/code", 3700), keep(".", 3700)
    clean_up(tmp_path, LIMITS)
    assert [tmp_path.exists(), *tmp_path.iterdir()] == [True]


def test_the_oldest_go_where_all_are_too_much(tmp_path, keep):
    files = [keep(f"{ago}", ago) for ago in (30, 10, 40, 20)]
    clean_up(tmp_path, LIMITS)
    assert [file.exists() for file in files] == [False, True, False, True]


def test_what_is_named_stays_and_does_not_count(tmp_path, keep):
    old, new = keep("old", 9999), [keep("a", 10), keep("b", 20)]
    clean_up(tmp_path, LIMITS, {old})
    assert all(file.exists() for file in (old, *new))


def test_folders_and_files_that_cannot_go_stop_nothing(tmp_path, keep, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path)
    first, second = keep("first", 9000), keep("second", 8000)
    remove = type(first).unlink

    def refuse(path):
        if path == first:
            raise PermissionError
        remove(path)

    monkeypatch.setattr(type(first), "unlink", refuse)
    clean_up(tmp_path, LIMITS)
    assert [first.exists(), second.exists(), tmp_path.exists()] == [True, False, True]


def test_it_goes_on_after_an_error(tmp_path, monkeypatch, capsys):
    cleaned, calls = threading.Event(), []

    def fail_once(*_):
        calls.append(1)
        if len(calls) == 1:
            raise IsADirectoryError("once")
        cleaned.set()

    monkeypatch.setattr(cleaning, "clean_up", fail_once)
    with cleaning.cleaning(tmp_path, LIMITS, every=0.01):
        assert cleaned.wait(60)
    assert "IsADirectoryError: once" in capsys.readouterr().err


def test_what_is_there_when_it_begins_stays(tmp_path, keep):
    before = keep("before", 9999)
    with cleaning.cleaning(tmp_path, LIMITS, every=0.01):
        after = keep("after", 9999)
        end = time.monotonic() + 60
        while after.exists() and time.monotonic() < end:
            time.sleep(0.01)
    assert [before.exists(), after.exists()] == [True, False]
