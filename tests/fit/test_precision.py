import keras
import numpy as np
import pytest

from keras_nst import losses
from keras_nst.fit import precision
from keras_nst.fit.pixels import PixelObjective
from keras_nst.models.observer import Observer
from keras_nst.models.vgg import vgg

FLAGS = "processor : 0\nflags : fpu avx512f {} sse2\n"


@pytest.mark.parametrize(
    ("flag", "backend", "gpus", "expected"),
    [
        ("avx512_bf16", "tensorflow", [], "bfloat16"),
        ("amx_bf16", "tensorflow", [], "bfloat16"),
        ("avx512_vnni", "tensorflow", [], "off"),
        ("avx512_bf16", "jax", [], "off"),
        ("avx512_bf16", "tensorflow", ["gpu:0"], "off"),
    ],
)
def test_the_quickest_is_bfloat16_where_the_processor_multiplies_it(
    tmp_path, monkeypatch, flag, backend, gpus, expected
):
    (tmp_path / "cpuinfo").write_text(FLAGS.format(flag))
    monkeypatch.setattr(precision, "PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: gpus)
    assert precision.settled("auto") == expected


@pytest.mark.parametrize(
    ("flags", "asked", "expected"),
    [
        ("avx512_bf16", "auto", "float32"),
        ("avx512_bf16 amx_bf16", "auto", "mixed_bfloat16"),
        ("avx512_bf16 amx_bf16", "off", "float32"),
        ("", "bfloat16", "mixed_bfloat16"),
    ],
)
def test_pictures_are_painted_in_bfloat16_where_matrix_instructions_multiply_it(
    tmp_path, monkeypatch, flags, asked, expected
):
    (tmp_path / "cpuinfo").write_text(FLAGS.format(flags))
    monkeypatch.setattr(precision, "PROCESSOR", tmp_path / "cpuinfo")
    assert precision.painting_policy(asked) == expected


def test_where_nothing_tells_of_the_processor_it_is_single(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "PROCESSOR", tmp_path / "none")
    assert precision.policy("auto") == "float32"


@pytest.mark.parametrize("asked", ["off", "float16", "bfloat16"])
def test_what_is_asked_for_is_done(asked):
    assert precision.settled(asked) == asked
    assert precision.policy(asked) == {"off": "float32"}.get(asked, f"mixed_{asked}")


def test_pixels_in_half_precision_have_almost_the_same_loss_and_gradient(rng):
    picture, content, style = rng.random((3, 1, 48, 64, 3), np.float32)
    layers = ("relu1_1", "relu2_1", "relu3_1")
    loss = losses.content("relu3_1") + losses.style(*layers)

    def evaluated(dtype):
        objective = PixelObjective(loss, Observer(vgg=vgg(layers, dtype=dtype)), picture.shape[1:3])
        objective.bind(objective.targets("content", content) | objective.targets("style", style))
        return objective(picture)

    single, half = evaluated("float32"), evaluated("mixed_bfloat16")
    assert half.gradient.dtype == np.float32
    for name, value in single.terms.items():
        assert half.terms[name] == pytest.approx(value, rel=0.02), name
    mine, theirs = half.gradient.ravel(), single.gradient.ravel()
    assert mine @ theirs > 0.99 * np.linalg.norm(mine) * np.linalg.norm(theirs)
