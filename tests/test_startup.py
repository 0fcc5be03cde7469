"""TensorFlow is quiet whoever loads it, and nothing else is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Stands for TensorFlow: its C++ side writes past Python.
NOISY = r"""
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
os.write(2, b"E0000 00:00:1795901884.376844    6068 cuda_platform.cc:52] failed call to cuInit\n")
print("said by Python", file=sys.stderr)
os.write(2, b"F0000 00:00:1795901884.376844    6068 cpu.cc:52] a fatal one\n")
"""


def stderr_of(code, folder=None, **environment):
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    path = os.pathsep.join(filter(None, (str(ROOT), folder and str(folder))))
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**inherited, "PYTHONPATH": path, **environment},
    )
    return result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import keras_nst; keras_nst.StyleTrainer; import tensorflow as tf; tf.config.list_physical_devices()",
        "from keras_nst.cli import main; main(['train', '--style', 'sample:coffee', '--init', 'sample:nowhere'])",
        "from keras_nst.cli import main; main(['info'])",
    ],
    ids=["from Python", "wrong input", "command"],
)
def test_tensorflow_is_quiet(code, tmp_path):
    lines = stderr_of(code, tmp_path).splitlines()
    assert [line for line in lines if not line.startswith("error: ")] == []


def test_what_else_is_printed_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(NOISY)
    told = stderr_of("import keras_nst, tensorflow", tmp_path).splitlines()
    assert told[0] == "said by Python"
    assert told[1].startswith("F0000")
    assert len(told) == 2


def test_an_error_is_raised_and_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(NOISY + "import no_such_module")
    told = stderr_of("import keras_nst, tensorflow", tmp_path)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in told
    assert "E0000" not in told


def test_who_asks_for_the_log_sees_it(tmp_path):
    (tmp_path / "tensorflow.py").write_text(NOISY)
    assert "E0000" in stderr_of("import keras_nst, tensorflow", tmp_path, TF_CPP_MIN_LOG_LEVEL="0")


def test_without_tensorflow_it_is_missing_as_ever():
    assert "No module named 'tensorflow'" in stderr_of("import keras_nst, sys; sys.path.clear(); import tensorflow")
