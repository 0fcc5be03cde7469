import pytest
from reference import losses as reference

from keras_nst.recipes import johnson2016

SHAPES = {"relu1_2": (8, 8, 4), "relu2_2": (4, 4, 8), "relu3_3": (2, 2, 12), "relu4_3": (1, 1, 16)}


@pytest.fixture
def scene(rng):
    def features(batch, *layers):
        return {f"vgg/{layer}": rng.uniform(size=(batch, *SHAPES[layer])) for layer in layers}

    return {
        "output": {**features(2, *SHAPES), "image": rng.uniform(size=(2, 8, 8, 3))},
        "content": features(2, "relu3_3"),
        "style": features(1, *SHAPES),
    }


def test_it_reads_the_layers_of_the_paper():
    # Liu et al. 2019, section III.D: content from Relu3_3, style from Relu1_2, Relu2_2, Relu3_3 and Relu4_3.
    loss = johnson2016.tuned().loss()
    assert loss.probes("content") == ("vgg/relu3_3",)
    assert loss.probes("style") == ("vgg/relu1_2", "vgg/relu2_2", "vgg/relu3_3", "vgg/relu4_3")
    assert set(loss.probes("output")) == {*loss.probes("style"), "image"}


@pytest.mark.parametrize(
    "weights", [{"content": 1.0, "style": 5.0, "tv": 2.0}, {"content": 0.5, "style": 7.0, "tv": 0.25}]
)
def test_it_is_the_weighted_sum_of_content_style_and_variation(scene, weights):
    expected = {
        "content": reference.content(scene),
        "style": sum(
            share
            * reference.style({role: {probe: observed[probe]} for role, observed in scene.items() if probe in observed})
            for probe, share in zip((f"vgg/{layer}" for layer in SHAPES), (1, 1, 1, 0.1), strict=True)
        ),
        "tv": reference.total_variation(scene),
    }
    total, raw = johnson2016.tuned().loss(weights=weights)(scene)
    assert {name: float(value) for name, value in raw.items()} == pytest.approx(expected, rel=1e-5)
    assert float(total) == pytest.approx(sum(weights[name] * expected[name] for name in expected), rel=1e-5)
