"""What all recipes have in common."""

import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.losses import Loss
from keras_nst.recipes import ADVERSARIAL, PIXELS, TRAINING, recipe, zhou

LOSSES = {
    **{name: lambda weights, name=name: recipe(name).loss(weights=weights) for name in TRAINING},
    **{name: lambda weights, name=name: recipe(name).generator("log", weights) for name in ADVERSARIAL},
    **{name: lambda weights, name=name: recipe(name).loss().reweighted(weights) for name in PIXELS},
    "zhou": lambda weights: zhou.loss(0.5, weights),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_each_weight_reaches_its_term_alone(loss):
    own = loss({})
    assert isinstance(own, Loss)
    for changed in own.weights:
        assert loss({changed: 123.0}).weights == {**own.weights, changed: 123.0}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_weight_of_a_term_that_it_does_not_have_is_refused(loss):
    with pytest.raises(InputError, match=r"This loss has no beauty term: .*(content|cycle)"):
        loss({"beauty": 1.0})


@pytest.mark.parametrize("name", ["johnson2016", "liu2019", "sdp_gan", "jin2020"])
def test_as_printed_it_says_what_the_paper_leaves_open(name):
    assert recipe(name, as_printed=True).left_open


def test_jin2020_has_the_numbers_of_its_section_on_the_new_image():
    chosen = recipe("jin2020", as_printed=True)
    assert chosen.loss().weights == {"content": 1, "style": 1000, "tv": 10}
    settings = {name: chosen.settings[name] for name in ("backbone", "iterations", "end_size", "start_size")}
    assert settings == {"backbone": "vgg19", "iterations": 500, "end_size": 450, "start_size": 450}
    # A rate of 0.1 of standardized pixels, of which ImageNet's deviation is 0.226.
    assert chosen.settings["learning_rate"] == pytest.approx(0.0226)


@pytest.mark.parametrize("name", ["kolkin2019", "kolkin2022", "chen2016", "ghiasi2017", "cartoongan", "cyclegan"])
def test_what_is_not_printed_cannot_be_asked_for(name):
    with pytest.raises(InputError, match=f"no {name} with the paper's own numbers"):
        recipe(name, as_printed=True)


def test_as_printed_content_and_style_are_in_the_features_units():
    # Liu et al. 2019, eqs. (2) to (5): doubled features make content 4 times, and style 16 times as large.
    loss = recipe("johnson2016", as_printed=True).loss()
    assert loss.weights == {"content": 1, "style": 20}

    def measured(size):
        scene = {
            role: {probe: np.full((1, 2, 2, 4), size * factor, np.float32) for probe in loss.probes(role)}
            for role, factor in {"output": 3.0, "content": 1.0, "style": 2.0}.items()
        }
        return {name: float(value) for name, value in loss(scene)[1].items()}

    assert measured(1.0)["content"] == pytest.approx(4 / 57.63**2)  # (3 - 1)^2; 57.63 is 255 x 0.226.
    # Gram matrices of 4 channels: 9 / 4 and 4 / 4 at each of 16 entries, in four layers.
    assert measured(1.0)["style"] == pytest.approx(4 * 16 * (5 / 4) ** 2 / 57.63**4)
    assert measured(2.0)["content"] == pytest.approx(4 * 4 / 57.63**2)
    assert measured(2.0)["style"] == pytest.approx(16 * 4 * 16 * (5 / 4) ** 2 / 57.63**4)


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"Unknown recipe: 'johnson2015'\. Did you mean 'johnson2016'"):
        recipe("johnson2015")


def test_kolkin2019_keeps_a_subject_when_it_is_asked_to():
    chosen = recipe("kolkin2019")
    assert chosen.loss().networks("output") == {"vgg"}
    assert {"cam", "category"} <= set(chosen.loss(keep=["cam"]).weights)


def test_the_style_of_kolkin2019_sees_shapes_as_well_as_texture():
    loss = recipe("kolkin2019").loss()
    ((_, style),) = [(weight, term) for weight, term in loss.terms if term.name == "style"]
    seen = dict.fromkeys(style.output.probes, np.ones((1, 4, 4, 2), np.float32))

    def distance(*changed):
        output = {name: values * (0 if name in changed else 1) for name, values in seen.items()}
        return float(Loss(((1.0, style),))({"output": output, "style": seen})[0])

    # A layer of zeros has a relative distance of 1 from the painting's, so its share is what it adds.
    fine, coarse = distance("vgg/relu1_1"), [distance(f"vgg/relu4_3{size}") for size in ("", "@2", "@4")]
    np.testing.assert_allclose(coarse, fine / 7.5, rtol=1e-5)
    assert fine > 0
