import numpy as np
import pytest
from keras import ops

from keras_nst.recipes import cartoongan, sdp_gan

NOTHING_ELSE = dict.fromkeys(("content", "salient", "saliency_content", "saliency"), 0.0)
STEPS = 21_000  # Each of the paper's 210 epochs has 100 steps.


def factors(step, steps=STEPS):
    return {name: float(factor) for name, factor in sdp_gan.factors(ops.convert_to_tensor(step), steps).items()}


@pytest.mark.parametrize("epoch", [0, 10, 199])
def test_a_fixed_weight_of_content_is_the_other_side_of_figure_8(epoch):
    step = ops.convert_to_tensor(100 * (10 + epoch))
    found = {name: float(factor) for name, factor in sdp_gan.factors(step, STEPS, "fixed").items()}
    assert found == {"adversarial": 1, "saliency_content": 1, "content": 1, "salient": 1}


@pytest.mark.parametrize("recipe", [sdp_gan, cartoongan])
def test_content_is_measured_where_it_is_asked_for(recipe):
    # Section III.B.2 has conv4_4, which only VGG19 has.
    assert recipe.tuned().content_layers["vgg19"] == "relu4_4"
    for chosen in (recipe.tuned(), sdp_gan.printed()):
        loss = chosen.generator("log", {}, "relu4_4")
        assert [probe for probe in loss.probes("content") if probe.startswith("vgg")] == ["vgg/relu4_4"]


def test_the_weights_are_the_papers():
    assert sdp_gan.generator().weights == {
        "adversarial": 1,
        "content": 0.25,
        "salient": 0.25,
        "saliency_content": 1.5,
        "saliency": 1,
    }


@pytest.mark.parametrize("step", [0, 999])
def test_the_initialization_knows_content_and_saliency_alone(step):
    assert factors(step) == {"adversarial": 0, "saliency_content": 0, "content": 1, "salient": 1}


@pytest.mark.parametrize("epoch", [0, 9, 10, 19, 25, 199])
def test_the_weight_of_content_decays_by_equation_9(epoch):
    expected = 0.96 ** np.floor(epoch / 10)
    for step in (100 * (10 + epoch), 100 * (11 + epoch) - 1):
        found = factors(step)
        assert (found["adversarial"], found["saliency_content"]) == (1, 1)
        assert found["content"] == found["salient"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("steps", "initial"), [(4, 1), (1000, 250), (4000, 500), (10_500, 500)])
def test_a_short_training_has_an_initialization_long_enough(steps, initial):
    game = [factors(step, steps)["adversarial"] for step in (0, initial - 1, initial, steps - 1)]
    assert game == [0, 0, 1, 1]


def names(**changed):
    return list(sdp_gan.generator(weights=changed).weights)


def test_each_ablation_of_the_paper_is_a_weight_of_zero():
    assert names(salient=0) == ["adversarial", "content", "saliency_content", "saliency"]
    assert names(saliency_content=0) == ["adversarial", "content", "salient", "saliency"]
    assert names(saliency=0) == ["adversarial", "content", "salient"]
    assert names(salient=0, saliency=0) == list(cartoongan.generator().weights)


def test_places_are_compared_only_if_they_are_asked_for():
    assert names(transport=1.2) == [*names(), "transport"]
    assert sdp_gan.generator().probes("style") == ()


def test_as_printed_content_has_the_features_units():
    features = {size: np.full((1, 2, 2, 3), size, np.float32) for size in (2.0, 5.0)}
    loss = sdp_gan.printed().generator("log", {**NOTHING_ELSE, "content": 0.25})
    scene = {
        "output": {"vgg/relu4_3": features[5.0], "discriminator/logits": np.zeros((1, 2, 2, 1), np.float32)},
        "content": {"vgg/relu4_3": features[2.0]},
    }
    assert float(loss(scene)[1]["content"]) == pytest.approx(3)


def test_without_saliency_nothing_of_it_is_read():
    loss = cartoongan.generator()
    assert set(loss.probes("output")) == {"vgg/relu4_3", "discriminator/logits"}
    assert loss.probes("content") == ("vgg/relu4_3",)


def test_the_discriminator_learns_from_three_kinds_of_samples():
    assert sdp_gan.discriminator().weights == {"real": 1, "blurred": 1, "generated": 1}


@pytest.mark.parametrize(("game", "generator", "judge"), [("least-squares", 0.0625, 0.5625), ("hinge", -0.5, 1.5)])
def test_both_sides_play_the_game_that_is_asked_for(game, generator, judge):
    """All logits are 0.5."""
    said = np.full((1, 2, 2, 1), 0.5, np.float32)
    deceived = sdp_gan.generator(game, NOTHING_ELSE)
    total, _ = deceived({"output": {"discriminator/logits": said}})
    assert float(total) == pytest.approx(generator)
    logits = {f"{sample}/logits": said for sample in ("real", "blurred", "generated")}
    _, judged = sdp_gan.discriminator(game)({"output": logits})
    assert float(judged["blurred"]) == float(judged["generated"]) == pytest.approx(judge)
    assert float(judged["real"]) == pytest.approx({"least-squares": 0.0625, "hinge": 0.5}[game])
