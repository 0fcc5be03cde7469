"""Pictures that look the same are the same to every net and loss, whatever the colors of their transparent pixels."""

import argparse

import numpy as np
import pytest
from PIL import Image

from keras_nst.commands.harmonize import _composite, _others
from keras_nst.data.datasets import photographs
from keras_nst.data.references import References
from keras_nst.data.sets import PairedSets
from keras_nst.evaluation.inputs import read_square
from keras_nst.jobs import setups
from keras_nst.jobs.optimize import _start
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import PixelOptions, TrainingOptions
from keras_nst.pictures.io import read


@pytest.fixture
def twins(tmp_path, rng):
    """Two folders with a picture each, whose left half is transparent, above green or black."""
    seen = rng.integers(0, 256, (48, 64, 3), np.uint8)
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:, :32] = 0
    for name, hidden in {"green": (0, 255, 0), "black": (0, 0, 0)}.items():
        (tmp_path / name).mkdir()
        rgb = np.where(alpha[..., None] > 0, seen, np.uint8(hidden))
        Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / name / "picture.png")
    return [tmp_path / "green" / "picture.png", tmp_path / "black" / "picture.png"]


def crops(path):
    (batch,) = photographs(path.parent).batches(size=32, batch=4, seed=0).take(1).as_numpy_iterator()
    return batch


def paired_crops(path):
    sets = PairedSets(path.parent, path.parent)
    (batch,) = sets.batches(size=32, batch=1, seed=0).take(1).as_numpy_iterator()
    return np.concatenate(batch, axis=-1)


def reference(path):
    return References(path.parent)(path, read(path).rgb[0])


def learned_style(path):
    options = TrainingOptions(style=str(path), mixed_precision="off", steps=1, style_size=48, learning_rate=1e-3)
    job = setups.setup(options, None)
    return job.trainer.objective(output=np.full((1, 32, 32, 3), 0.5), content=np.full((1, 32, 32, 3), 0.5))[1]["style"]


def start(path):
    return _start(PixelOptions(init=str(path)), np.zeros((1, 48, 64, 3), np.float32), {}, {})


def compared(path):
    options = argparse.Namespace(compare=[str(path)], report="report")
    return _others(options, np.zeros((1, 48, 64, 3), np.float32))["picture"]


def placed(path):
    """An object whose mask exceeds its opaque part."""
    everything = path.with_name("all.png")
    Image.new("L", (64, 48), 255).save(everything)
    where = {"at": None, "scale": 1.0, "rotate": None, "select": []}
    options = argparse.Namespace(paste=str(path), mask=str(everything), **where)
    composite, mask, _, _ = _composite(options, np.full((1, 96, 128, 3), 0.5, np.float32))
    return np.concatenate([composite, mask], axis=-1)


WAYS = [crops, paired_crops, reference, learned_style, lambda path: read_square(path, 32), start, compared, placed]


@pytest.mark.parametrize("way", WAYS)
def test_what_transparency_hides_changes_nothing(twins, monkeypatch, way):
    narrow = {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}
    monkeypatch.setattr(setups, "vgg", lambda convolutions, dtype, **_: vgg(convolutions=narrow, dtype=dtype))
    green, black = map(way, twins)
    np.testing.assert_array_equal(green, black)
