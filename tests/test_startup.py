"""TensorFlow is quiet, whoever loads it, and everything else is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Stands for TensorFlow: its C++ code writes without Python.
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


# The environment of a command.

KERAS = "; import keras; print(keras.backend.backend(), keras.config.image_data_format(), keras.config.floatx())"


def settled(code, folder, **environment):
    home = folder / "home"
    home.mkdir()
    (home / "keras.json").write_text(
        '{"image_data_format": "channels_first", "floatx": "float16", "backend": "torch", "epsilon": 1e-7}'
    )
    return subprocess.run(
        [sys.executable, "-c", "from keras_nst import startup; " + code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_HOME": str(home), **environment},
    )


@pytest.mark.parametrize("backend", ["", "jax", "tensorflow"])
def test_commands_have_keras_as_their_nets_need_it(tmp_path, backend):
    done = settled("startup.settle_keras('stylize')" + KERAS, tmp_path, KERAS_BACKEND=backend)
    assert done.stdout.split() == ["tensorflow", "channels_last", "float32"], done.stderr


def test_a_backend_that_is_none_is_told(tmp_path):
    done = settled("from keras_nst.cli import main; raise SystemExit(main(['info']))", tmp_path, KERAS_BACKEND="theano")
    assert done.returncode == 2
    assert done.stderr.startswith("error: KERAS_BACKEND=theano is not an installed backend")
    assert done.stderr.count("\n") == 1


def test_what_jax_cannot_do_is_told_in_one_line(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    command = ["train", "--recipe", "sdp_gan", "--style", "nowhere", "--content", "nowhere"]
    run = f"from keras_nst.cli import main; raise SystemExit(main({command}))"
    done = settled(run, tmp_path, KERAS_BACKEND="jax")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("error: The recipe sdp_gan does not run on JAX")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize(
    ("arguments", "code"), [(["stylize", "--list"], 0), (["stylize", "-", "-s", "starry_night"], 2), (["nothing"], 2)]
)
def test_closed_streams_cost_no_file_and_no_traceback(tmp_path, closed, arguments, code):
    close = "import os, sys\nfor number in %s: os.close(number)\n" % (closed,)  # noqa: UP031
    run = f"os.execv(sys.executable, [sys.executable, '-m', 'keras_nst', *{arguments!r}])"
    done = subprocess.run(
        [sys.executable, "-c", close + run],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_place_for_temporary_files_costs_nothing(tmp_path):
    (tmp_path / "tensorflow.py").write_text("print('loaded')")
    code = "import tempfile, keras_nst\ndef full(*_, **__): raise OSError(28, 'full')\ntempfile.TemporaryFile = full\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "import tensorflow"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
    )
    assert done.stdout == "loaded\n", done.stderr
