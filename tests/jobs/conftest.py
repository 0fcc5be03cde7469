import numpy as np
import pytest
from PIL import Image
from reference import nets
from reference.trainings import SMALL, narrow_vgg

from keras_nst.jobs import learn, setups
from keras_nst.models.nets import NETS


@pytest.fixture
def small(monkeypatch, request):
    """Small nets and, where features do not matter, a narrow VGG16."""
    for name, build in SMALL.items():
        monkeypatch.setattr(setups, name, build)
    for name, net in nets.SMALL.items():
        monkeypatch.setitem(NETS, name, net)
    for module in ("learn", "shelf"):  # Small previews.
        monkeypatch.setattr(f"keras_nst.jobs.{module}.SIDE", 48)
    if "real_vgg" not in request.fixturenames:
        monkeypatch.setattr(setups, "vgg_weights", narrow_vgg)


@pytest.fixture
def real_vgg():
    """Use the full VGG16."""


@pytest.fixture
def options(tmp_path, rng):
    """A painting of stripes, and photographs of noise and ramps."""
    stripes = np.where(np.arange(64)[:, None, None] // 4 % 2, [30, 60, 160], [240, 200, 60]) * np.ones((1, 64, 1))
    Image.fromarray(stripes.astype(np.uint8)).save(tmp_path / "stripes.png")
    (tmp_path / "photos").mkdir()
    for number in range(4):
        noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(noise).resize((64, 48)).save(tmp_path / "photos" / f"{number}.png")
    return learn.TrainingOptions(
        style=str(tmp_path / "stripes.png"),
        content=str(tmp_path / "photos"),
        steps=40,
        size=32,
        batch=2,
        style_size=48,
        learning_rate=5e-3,
        output=str(tmp_path / "out"),
        recipe="johnson2016",  # It compiles fastest.
        mixed_precision="off",  # Rounding would make the compared trainings diverge.
    )


@pytest.fixture
def shelf(options, rng, monkeypatch):
    """A folder of two paintings next to the one of stripes."""
    monkeypatch.setattr(learn.devices, "suits_xla", lambda policy: False)  # Compiling all of VGG16 takes a minute.
    folder = options.folder.parent / "shelf"
    folder.mkdir()
    for name, color in {"red": (200, 30, 30), "blue": (30, 30, 200)}.items():
        noise = rng.integers(-20, 20, (60, 80, 3)) + np.array(color)
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return str(folder)
