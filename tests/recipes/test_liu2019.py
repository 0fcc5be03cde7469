import numpy as np
import pytest
from reference import losses as reference

from keras_nst.errors import InputError
from keras_nst.recipes import johnson2016, liu2019, weights


def test_without_a_region_loss_it_is_johnsons():
    perceptual = {name: liu2019.WEIGHTS[name] for name in johnson2016.WEIGHTS}
    assert str(liu2019.loss(perceptual)) == str(johnson2016.loss(perceptual))


def test_it_reads_the_classifier_of_both_images():
    loss = liu2019.loss()
    assert set(loss.probes("content")) == {"vgg/relu3_3", "cam/maps", "cam/logits"}
    assert {"cam/maps", "cam/logits"} <= set(loss.probes("output"))


def test_the_region_loss_is_cam_plus_epsilon_category(rng):
    # Liu et al. 2019, eq. (9).
    region = dict.fromkeys(johnson2016.WEIGHTS, 0.0) | {"cam": 1.0, "category": 40.0}
    scene = {
        role: {
            **{f"vgg/{layer}": np.ones((1, 2, 2, 1), "f") for layer in johnson2016.STYLE_LAYERS},
            "image": np.ones((1, 8, 8, 3), "f"),
            "cam/maps": rng.normal(size=(1, 2, 2, 3)).astype("f"),
            "cam/logits": rng.normal(size=(1, 3)).astype("f"),
        }
        for role in ("output", "content", "style")
    }
    total, _ = liu2019.loss(region)(scene)
    assert float(total) == pytest.approx(reference.cam(scene) + 40 * reference.category(scene), rel=1e-5)


def test_what_is_kept_are_terms_of_one_loss():
    kept = weights("liu2019", keep=["edge", "color"])
    assert set(kept) == {*johnson2016.WEIGHTS, "edge", "color"}
    everything = weights("liu2019", keep=["cam", "edge", "color"])
    assert liu2019.loss(everything).weights == everything
    assert set(everything) == {*kept, "cam", "category"}
    assert weights("liu2019", keep=["cam"]) == weights("liu2019") == liu2019.WEIGHTS


def test_the_lambdas_multiply_the_perceptual_and_the_region_loss():
    # Liu et al. 2019, eq. (10).
    factors = {"content": 2, "style": 2, "tv": 2, "cam": 3, "category": 3, "edge": 3, "color": 3}
    plain = weights("liu2019", keep=["cam", "edge", "color"], changed={"cam": 7.0})
    scaled = weights("liu2019", keep=["cam", "edge", "color"], lambdas=(2.0, 3.0), changed={"cam": 7.0})
    assert scaled == {name: factors[name] * weight for name, weight in plain.items()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "liu2019", "keep": ["edges"]}, "Unknown semantic to keep: 'edges'. Did you mean 'edge'"),
        ({"name": "johnson2016", "keep": ["cam"]}, "johnson2016 keeps no semantics"),
        ({"name": "johnson2016", "lambdas": (1.0, 2.0)}, "johnson2016 keeps no semantics"),
        ({"name": "liu2019", "changed": {"edge": 1.0}}, "no edge term: content, style, tv, cam, category. Add"),
    ],
)
def test_what_a_recipe_cannot_do_is_told(arguments, message):
    with pytest.raises(InputError, match=message):
        weights(**arguments)
