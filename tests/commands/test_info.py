"""The output of `keras-nst info`."""

import json
from email.message import Message

import keras
import pytest

import keras_nst
from keras_nst.cli import main
from keras_nst.commands import info


@pytest.fixture
def packaged(monkeypatch):
    """A package with one extra that is installed, one that is not, and one of which an older version is."""
    described = Message()
    for extra in ("there", "missing", "older"):
        described["Provides-Extra"] = extra
    requirements = [
        "numpy>=1",
        "scipy; extra == 'there'",
        "numpy; extra == 'missing'",
        "no-such-package-at-all; extra == 'missing'",
        "numpy>=1000; extra == 'older'",
    ]
    monkeypatch.setattr(info.metadata, "metadata", lambda name: described)
    monkeypatch.setattr(info.metadata, "requires", lambda name: requirements)


def test_an_extra_is_there_when_all_it_needs_is(packaged):
    assert info.extras() == {"there": True, "missing": False, "older": False}


def test_a_checkout_that_is_not_installed_has_no_extras(monkeypatch):
    monkeypatch.setattr(info, "PACKAGE", "no-such-package-at-all")
    assert info.extras() == {}


def test_it_names_versions_and_styles(packaged, capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["version"], facts["keras"]) == (keras_nst.__version__, keras.__version__)
    assert facts["backend"] == keras.backend.backend()
    assert "starry_night" in facts["styles"]
    assert main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["version"] == keras_nst.__version__
    assert lines["extras"] == "there, missing (not installed), older (not installed)"
