"""The papers' own distances. tests/contracts tests what all terms have in common."""

import numpy as np
import pytest
from reference import losses as reference

from keras_nst.losses import absolute_content, content, style, subject, total_variation
from keras_nst.losses.functional import sum_squared
from keras_nst.losses.statistics import gram


@pytest.fixture
def scene(rng):
    def features(batch):
        return {"vgg/relu1_2": rng.normal(size=(batch, 6, 5, 4)), "vgg/relu2_2": rng.normal(size=(batch, 3, 2, 8))}

    return {"output": features(2), "content": features(2), "style": features(1)}


def only(scene, *layers):
    return {role: {f"vgg/{layer}": observed[f"vgg/{layer}"] for layer in layers} for role, observed in scene.items()}


def test_content_with_mean_squared_is_equation_2(scene):
    expected = reference.mean_squared(scene["output"]["vgg/relu2_2"], scene["content"]["vgg/relu2_2"])
    assert float(content("relu2_2", relative=False)(scene)[0]) == pytest.approx(expected, rel=1e-5)


def test_style_with_sum_squared_is_equation_4(scene):
    expected = reference.style(scene, reference.sum_squared)
    assert float(style("relu1_2", "relu2_2", statistic=gram(sum_squared))(scene)[0]) == pytest.approx(
        expected, rel=1e-5
    )


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


def with_weights(scene, region, weights):
    """The scene with the same weights, a function of height and width, at every layer of every image."""
    maps = {
        role: {f"region{region}/{probe[4:]}": weights(*tensor.shape[1:3]) for probe, tensor in observed.items()}
        for role, observed in scene.items()
    }
    return {role: {**observed, **maps[role]} for role, observed in scene.items()}


def alike(height, width):
    return np.full((1, height, width, 1), 1 / (height * width), np.float32)


@pytest.mark.parametrize("term", [content, style])
def test_a_region_of_the_whole_picture_is_the_picture(scene, term):
    whole = float(term("relu1_2", "relu2_2")(scene)[0])
    region = float(term("relu1_2", "relu2_2", region=0)(with_weights(scene, 0, alike))[0])
    assert region == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("term", [content, style])
def test_nothing_outside_of_its_region_changes_a_term(rng, scene, term):
    def left(height, width):
        weights = np.zeros((1, height, width, 1), np.float32)
        weights[:, :, : width // 2] = 1 / (height * (width // 2))
        return weights

    loss, regional = term("relu1_2", "relu2_2", region=0), with_weights(scene, 0, left)
    disturbed = {role: dict(observed) for role, observed in regional.items()}
    for probe in scene["output"]:
        disturbed["output"][probe] = scene["output"][probe].copy()
        right = disturbed["output"][probe][:, :, scene["output"][probe].shape[2] // 2 :]
        right += rng.normal(size=right.shape)
    assert float(loss(disturbed)[0]) == float(loss(regional)[0])


def test_regions_have_their_own_roles_names_and_probes():
    loss = style("relu1_2", region=0) + style("relu1_2", "relu2_2", region=1) + 2 * style("relu2_2", region=12)
    assert loss.weights == {"style": 1, "style1": 1, "style12": 2}
    assert loss.probes("style") == ("vgg/relu1_2", "region0/relu1_2")
    assert loss.probes("style1") == ("vgg/relu1_2", "vgg/relu2_2", "region1/relu1_2", "region1/relu2_2")
    assert loss.probes("style12") == ("vgg/relu2_2", "region12/relu2_2")
    assert set(loss.probes("output")) == {probe for role in ("style1", "style12") for probe in loss.probes(role)} | {
        "region0/relu1_2"
    }


def test_variation_of_a_region_reads_the_weights_of_its_pixels():
    assert total_variation(region=3).probes("output") == ("image", "region3/image")


def test_content_and_its_salient_part_sum_to_equation_5(rng, scene):
    layer = "vgg/relu1_2"
    scene = only(scene, "relu1_2")
    scene["content"]["saliency/map"] = rng.uniform(size=(2, 12, 10, 1)).astype(np.float32)
    both = absolute_content("relu1_2") + absolute_content("relu1_2", salient=True)
    assert float(both(scene)[0]) == pytest.approx(reference.masked_content(scene, reference.mask, layer), rel=1e-5)


@pytest.mark.parametrize(("saliency", "part"), [(0.0, 0.0), (0.5, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_what_is_less_than_half_salient_counts_once_and_what_is_salient_twice(scene, saliency, part):
    scene = only(scene, "relu1_2")
    scene["content"]["saliency/map"] = np.full((2, 12, 10, 1), saliency, np.float32)
    plain, more = (float(absolute_content("relu1_2", salient=salient)(scene)[0]) for salient in (False, True))
    assert more == pytest.approx(part * plain, abs=1e-6)


@pytest.fixture
def portrait(rng):
    """A scene of one layer, 12x8, whose content has a subject in its upper half."""
    probe, map = "vgg/relu1_2", np.zeros((1, 12, 8, 1))
    map[:, :6] = 1
    seen = rng.uniform(size=(1, 12, 8, 3))
    return {"output": {probe: seen.copy()}, "content": {probe: seen, "subject": map}}


def cost_of_subject(portrait):
    return float(subject("relu1_2")(portrait)[0])


def test_a_subject_is_kept_and_what_is_around_it_is_free(rng, portrait):
    output, noise = portrait["output"]["vgg/relu1_2"], rng.uniform(size=(1, 6, 8, 3))
    output[:, 6:] = noise
    around = cost_of_subject(portrait)
    output[:, :6] = noise
    assert around < 0.01 * cost_of_subject(portrait)


def test_a_subject_may_become_darker_and_of_less_contrast(portrait):
    portrait["output"]["vgg/relu1_2"] *= 0.3
    assert cost_of_subject(portrait) < 1e-3


def test_where_there_is_no_subject_nothing_is_kept(rng, portrait):
    portrait["content"]["subject"] = rng.uniform(0, 0.5, size=(1, 12, 8, 1))
    portrait["output"]["vgg/relu1_2"] = rng.uniform(size=(1, 12, 8, 3))
    assert cost_of_subject(portrait) == 0
