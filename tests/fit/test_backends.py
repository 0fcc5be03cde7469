"""The same training on every backend of Keras, each in its own process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "reference" / "backends.py"


def run(backend, path):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, SCRIPT, path], check=True, capture_output=True, env=environment)
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return run("tensorflow", tmp_path_factory.mktemp("backends") / "tensorflow.npz")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "parts"), [("jax", {"style", "pixels", "subject"}), ("torch", {"style", "pixels", "subject", "game"})]
)
def test_losses_gradients_and_steps_are_those_of_tensorflow(backend, parts, expected, tmp_path):
    pytest.importorskip(backend)
    found = run(backend, tmp_path / "out.npz")
    assert {name.rstrip("0123456789") for name in found} == parts
    for name, values in found.items():
        # Scales of normalizations amplify rounding: 1e-4 within three steps, on some processors more.
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(values, expected[name], rtol=1e-3, atol=1e-3 * scale, err_msg=name)
