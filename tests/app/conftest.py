import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the app needs pip install 'keras_nst[app]'")

from reference.nets import randomized

from keras_nst.app.stylize import StylizeTab
from keras_nst.app.workshop import Workshop
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A working directory with a style and pictures."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    net = randomized(transfer_net(filters=(4, 4, 8), residual_blocks=1), rng, 0.2)
    save_style(folder / "saved_models" / "tiny", net, {"recipe": "none", "steps": 0})
    height, width = 96, 128
    y, x = np.indices((height, width))
    disc = np.hypot(y - 48, x - 64) < 22
    Image.fromarray(np.where(disc[..., None], np.uint8((200, 40, 40)), np.uint8(250))).save(folder / "object.png")
    halves = np.where((x < width // 2)[..., None], np.uint8((30, 60, 220)), np.uint8((230, 220, 40)))
    Image.fromarray(halves).save(folder / "halves.png")
    noise = rng.normal(0, 25, (height, width, 3)).cumsum(axis=1) / 4
    Image.fromarray(np.uint8(np.clip(140 + noise, 0, 255))).save(folder / "painting.png")
    return folder


@pytest.fixture
def workshop(tmp_path, home, monkeypatch):
    """A workshop with the style, which keeps results in the folder `kept`."""
    monkeypatch.chdir(home)
    folder = tmp_path / "own"
    folder.mkdir()
    return Workshop(folder, tmp_path / "kept")


@pytest.fixture
def uploaded(workshop, tmp_path, home):
    """The path of a picture of `home`, or of bytes, as an uploaded file."""

    def upload(content, name="upload.png"):
        path = tmp_path / "own" / name
        path.write_bytes(content if isinstance(content, bytes) else (home / content).read_bytes())
        return str(path)

    return upload


@pytest.fixture
def stylize(workshop):
    """Stylizes a photograph by the handler of the tab, with the usual settings or others."""

    def handle(photo, **settings):
        usual = {"before": None, "style": "tiny", "strength": 1, "color": "style", "protect": "no", "least": 0.4}
        more = {"stroke": 1, "second": "", "share": 0.5, "suffix": "png"}
        return StylizeTab(workshop).stylize(photo, **usual | more | settings)

    return handle


@pytest.fixture(scope="session")
def server(home):
    """The app in its own process: its address, and the folder where results are kept."""
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--share-dir", "kept"]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert "http://" in line, process.communicate()[1]
        yield line.split()[3].rstrip("/"), home / "kept"
        process.terminate()
        code = process.wait(120)
        assert code == 0, process.stderr.read()
