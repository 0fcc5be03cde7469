import os
from pathlib import Path

# Before TensorFlow is imported: its messages about CPUs and missing GPUs would hide the report of a failing test.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Use the embedded VGG16 weights, whatever the environment says.
FULL_PRECISION = os.environ.pop("KERAS_NST_VGG_WEIGHTS", None)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from reference.browser import chromium, installed  # noqa: E402

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(config, items):
    """Skip tests of many minutes unless slow ones are asked for."""
    if "slow" not in config.option.markexpr:
        for item in items:
            if any("minutes" in mark.kwargs for mark in item.iter_markers("slow")):
                item.add_marker(pytest.mark.skip(reason="takes many minutes; pytest -m slow runs it"))


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _single_precision():
    """Without a processor that is known to multiply bfloat16, "auto" is float32: results are those of all machines.

    For the whole session, so that it holds for nets that a module's tests share, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_nst.fit.precision.PROCESSOR", Path("/nowhere"))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def full_precision_vgg16() -> Path:
    """The file of keras.applications, vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5."""
    beside = ROOT.parent / "shared" / "weights" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path = Path(FULL_PRECISION or beside)
    if not path.is_file():
        pytest.skip("set KERAS_NST_VGG_WEIGHTS to keras.applications' VGG16 weights without top")
    return path


@pytest.fixture(scope="module")
def browser():
    """Chromium, without a window."""
    pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    if not installed():
        pytest.skip("no Chromium is installed; KERAS_NST_CHROMIUM names one")
    with chromium() as browser:
        yield browser
