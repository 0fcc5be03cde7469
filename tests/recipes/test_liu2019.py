import numpy as np
import pytest
from reference import losses as reference

from keras_nst.errors import InputError
from keras_nst.recipes import johnson2016, kolkin2019, liu2019


def test_without_a_region_loss_it_is_johnsons():
    weights = {"content": 1.0, "style": 3.0, "tv": 2.0}
    johnson = johnson2016.tuned().loss(weights=weights)
    assert str(liu2019.tuned().loss(keep=[], weights=weights)) == str(johnson)


def test_it_reads_the_classifier_of_both_images():
    loss = liu2019.tuned().loss()
    assert set(loss.probes("content")) == {"vgg/relu3_3", "cam/maps", "cam/logits"}
    assert {"cam/maps", "cam/logits"} <= set(loss.probes("output"))
    assert loss.networks("output") == {"vgg", "cam"}
    assert liu2019.tuned().loss(keep=["edge"]).networks("output") == {"vgg"}


@pytest.fixture
def scene(rng):
    return {
        role: {
            **{f"vgg/{layer}": np.ones((1, 2, 2, 1), "f") for layer in johnson2016.STYLE_LAYERS},
            "image": np.ones((1, 8, 8, 3), "f"),
            "cam/maps": rng.normal(size=(1, 2, 2, 3)).astype("f"),
            "cam/logits": rng.normal(size=(1, 3)).astype("f"),
        }
        for role in ("output", "content", "style")
    }


def test_the_region_loss_is_cam_plus_epsilon_category(scene):
    # Liu et al. 2019, eq. (9).
    total, _ = liu2019.tuned().loss(lambdas=(0.0, 1.0), weights={"cam": 1.0, "category": 40.0})(scene)
    assert float(total) == pytest.approx(reference.cam(scene) + 40 * reference.category(scene), rel=1e-5)


def test_as_printed_it_has_the_papers_numbers(scene):
    loss = liu2019.printed().loss(lambdas=(2.0, 3.0))
    assert loss.weights == {"content": 2, "style": 40, "cam": 3, "category": 120}
    _, raw = loss(scene)
    # Eq. (7), a mean of squares, with the maps of each picture's own top class, which section III.E takes.
    own, kept = (np.argmax(scene[role]["cam/logits"]) for role in ("output", "content"))
    assert own != kept
    maps = scene["output"]["cam/maps"][..., own], scene["content"]["cam/maps"][..., kept]
    assert float(raw["cam"]) == pytest.approx(np.mean(np.square(np.subtract(*maps))), rel=1e-4)
    assert liu2019.printed().classifier == "squeezenet1_1"


def test_what_is_kept_are_terms_of_one_loss():
    names = {keep: list(liu2019.tuned().loss(keep=keep).weights) for keep in (("edge", "color"), ("cam",), None)}
    assert names["edge", "color"] == ["content", "style", "tv", "edge", "color"]
    assert names["cam",] == names[None] == ["content", "style", "tv", "cam", "category"]


def test_the_lambdas_multiply_the_perceptual_and_the_region_loss():
    # Liu et al. 2019, eq. (10).
    asked = {"keep": ["cam", "edge", "color"], "weights": {"cam": 7.0}}
    factors = {"content": 2, "style": 2, "tv": 2, "cam": 3, "category": 3, "edge": 3, "color": 3}
    plain = liu2019.tuned().loss(**asked).weights
    scaled = liu2019.tuned().loss(**asked, lambdas=(2.0, 3.0)).weights
    assert plain["cam"] == 7
    assert scaled == {name: factors[name] * weight for name, weight in plain.items()}


@pytest.mark.parametrize(
    ("recipe", "arguments", "message"),
    [
        (liu2019, {"keep": ["edges"]}, "Unknown semantic to keep: 'edges'. Did you mean 'edge'"),
        (johnson2016, {"keep": ["cam"]}, "keeps no semantics"),
        (johnson2016, {"lambdas": (1.0, 2.0)}, "keeps no semantics"),
        (kolkin2019, {"lambdas": (1.0, 2.0)}, "Nothing is kept.*`keep`.*`lambda2`"),
        (liu2019, {"keep": [], "lambdas": (1.0, 2.0)}, "Nothing is kept.*`keep`.*`lambda2`"),
        (liu2019, {"weights": {"edge": 1.0}}, "no edge term: content, style, tv, cam, category"),
    ],
)
def test_what_a_recipe_cannot_do_is_told(recipe, arguments, message):
    with pytest.raises(InputError, match=message):
        recipe.tuned().loss(**arguments)
