"""The papers' own distances; what every term has in common is tested in tests/contracts."""

import numpy as np
import pytest
from reference import losses as reference

from keras_nst.losses import content, style
from keras_nst.losses.functional import mean_squared, sum_squared


@pytest.fixture
def scene(rng):
    def features(batch):
        return {"vgg/relu1_2": rng.normal(size=(batch, 6, 5, 4)), "vgg/relu2_2": rng.normal(size=(batch, 3, 2, 8))}

    return {"output": features(2), "content": features(2), "style": features(1)}


def only(scene, *layers):
    return {role: {f"vgg/{layer}": observed[f"vgg/{layer}"] for layer in layers} for role, observed in scene.items()}


def test_content_with_mean_squared_is_equation_2(scene):
    expected = reference.content(only(scene, "relu2_2"), reference.mean_squared)
    assert float(content("relu2_2", distance=mean_squared)(scene)[0]) == pytest.approx(expected, rel=1e-5)


def test_style_with_sum_squared_is_equation_4(scene):
    expected = reference.style(scene, reference.sum_squared)
    assert float(style("relu1_2", "relu2_2", distance=sum_squared)(scene)[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("term", [content, style])
def test_layers_add_up(scene, term):
    both = float(term("relu1_2", "relu2_2")(scene)[0])
    assert both == pytest.approx(sum(float(term(layer)(scene)[0]) for layer in ("relu1_2", "relu2_2")), rel=1e-6)


def test_shares_weigh_the_layers_of_style(scene):
    weighed = float(style("relu1_2", "relu2_2", shares=(3.0, 0.5))(scene)[0])
    first, second = (float(style(layer)(scene)[0]) for layer in ("relu1_2", "relu2_2"))
    assert weighed == pytest.approx(3.0 * first + 0.5 * second, rel=1e-6)


def test_style_compares_images_of_different_sizes(scene):
    tiled = {**scene, "style": {layer: np.tile(tensor, (1, 3, 2, 1)) for layer, tensor in scene["style"].items()}}
    loss = style("relu1_2", "relu2_2")
    assert float(loss(tiled)[0]) == pytest.approx(float(loss(scene)[0]), rel=1e-5)
