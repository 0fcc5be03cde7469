import numpy as np
import pytest
from keras import ops, tree

from keras_nst.losses import Loss, Measurement, Term, blend, content, style, total_variation, transport
from keras_nst.losses.algebra import averaged
from keras_nst.losses.statistics import gaussian


def difference(output, target):
    return ops.mean(ops.square(output[0] - target[0]), axis=1)


def term(name, probe="p", against="content", statistic=lambda p: (p,), **kwargs):
    return Loss(((1.0, Term(name, difference, Measurement((probe,), statistic), against, **kwargs)),))


# (1 - 3)^2 and (1 - 0)^2.
SCENE = {
    "output": {"p": np.ones((2, 4), np.float32)},
    "content": {"p": np.full((2, 4), 3, np.float32)},
    "style": {"p": np.zeros((1, 4), np.float32)},
}


def test_a_loss_is_the_weighted_sum_of_its_raw_terms():
    total, raw = (0.5 * term("near") + 10 * term("far", against="style"))(SCENE)
    assert {name: float(value) for name, value in raw.items()} == {"near": 4, "far": 1}
    assert float(total) == 0.5 * 4 + 10 * 1


def test_weights_multiply_through_sums():
    loss = 2 * (term("a") + 3 * (term("b") + 0.5 * term("c")))
    assert loss.weights == {"a": 2, "b": 6, "c": 3}


def test_factors_multiply_the_weights_of_the_terms_they_name():
    scaled = (2 * term("a") + 3 * term("b")).scaled({"b": ops.convert_to_tensor(0.5), "c": 7.0})
    assert {name: float(weight) for name, weight in scaled.weights.items()} == {"a": 2, "b": 1.5}
    total, _ = scaled(SCENE)
    assert float(total) == (2 + 1.5) * 4


def test_adding_and_scaling_leave_the_parts_as_they_were():
    a, b = term("a"), term("b")
    2 * (a + b)
    assert (a.weights, b.weights) == ({"a": 1}, {"b": 1})


def test_losses_sum_subtract_and_are_scaled_from_either_side():
    assert sum([term("a"), 2 * term("b")]).weights == {"a": 1, "b": 2}
    assert ((term("a") - 0.5 * term("b")) * 2).weights == {"a": 2, "b": -1}
    with pytest.raises(TypeError):
        1 + term("a")


def test_two_terms_of_one_kind_can_be_added_under_names_of_their_own():
    total, raw = (2 * term("near").named("fine") + term("near").named("coarse"))(SCENE)
    assert {name: float(value) for name, value in raw.items()} == {"fine": 4, "coarse": 4}
    assert float(total) == 3 * 4
    with pytest.raises(ValueError, match="2"):
        (term("a") + term("b")).named("both")


# Two targets for four items: 1 for the first two, 0 for the last two.
SHARED = {"output": {"p": np.float32([[3], [1], [0], [-2]])}, "style": {"p": np.float32([[1], [0]])}}


def test_a_target_is_that_of_as_many_items_in_a_row():
    total, _ = term("each", against="style")(SHARED)
    assert float(total) == (2**2 + 0 + 0 + 2**2) / 4


def test_pooled_items_are_averaged_before_they_are_compared_with_their_target():
    total, _ = term("pooled", against="style", pooled=averaged)(SHARED)
    assert float(total) == ((2 - 1) ** 2 + (-1 - 0) ** 2) / 2


def test_pooled_style_is_that_of_all_crops_side_by_side(rng):
    crops, painting = (rng.uniform(size=(n, 4, 6, 5)).astype(np.float32) for n in (3, 1))
    side_by_side = np.concatenate(list(crops), axis=1)[None]
    scene = lambda output: {"output": {"vgg/relu1_2": output}, "style": {"vgg/relu1_2": painting}}  # noqa: E731
    pooled, _ = style("relu1_2", pooled=True)(scene(crops))
    whole, _ = style("relu1_2")(scene(side_by_side))
    each, _ = style("relu1_2")(scene(crops))
    assert float(pooled) == pytest.approx(float(whole), rel=1e-5)
    assert float(each) > float(pooled)


def test_places_of_all_crops_of_a_painting_are_one_set(rng):
    # Two crops of the first painting, and two of the second.
    crops, paintings = (rng.uniform(size=(n, 16, 24, 5)).astype(np.float32) for n in (4, 2))
    side_by_side = np.concatenate([crops[::2], crops[1::2]], axis=1)
    scene = lambda output: {"output": {"vgg/relu1_2": output}, "style": {"vgg/relu1_2": paintings}}  # noqa: E731
    joined, _ = transport("relu1_2")(scene(crops))
    whole, _ = transport("relu1_2")(scene(side_by_side))
    assert float(joined) == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize("kind", [style, transport])
def test_a_collection_is_one_picture_in_which_its_paintings_lie_side_by_side(rng, kind):
    crop, paintings = (rng.uniform(size=(n, 16, 24, 5)).astype(np.float32) for n in (1, 3))
    seen = lambda image: {"vgg/relu1_2": image}  # noqa: E731
    loss = kind("relu1_2")
    targets = [loss.targets("style", seen(painting[None])) for painting in paintings]
    collected, _ = loss.with_constants(loss.collected(targets))({"output": seen(crop)})
    whole, _ = loss({"output": seen(crop), "style": seen(np.concatenate(list(paintings), axis=1)[None])})
    alone, _ = loss({"output": seen(crop), "style": seen(paintings[:1])})
    assert float(collected) == pytest.approx(float(whole), rel=1e-5)
    assert float(collected) != pytest.approx(float(alone), rel=1e-3)


@pytest.mark.parametrize("most", ["_PLACES", "_MOST_PLACES"])
def test_of_many_places_of_a_style_an_even_share_is_used(rng, monkeypatch, most):
    crop, painting = (rng.uniform(size=(1, 32, 48, 5)).astype(np.float32) for _ in range(2))
    scene = {"output": {"vgg/relu1_2": crop}, "style": {"vgg/relu1_2": painting}}
    loss = transport("relu1_2")
    (places,) = loss.targets("style", scene["style"])["transport"]
    third, _ = loss.with_constants({"transport": (places[:, ::3],)})(scene)
    every, _ = loss(scene)
    monkeypatch.setattr(f"keras_nst.losses.terms.{most}", places.shape[1] // 3)
    assert float(loss(scene)[0]) == pytest.approx(float(third), rel=1e-6)
    assert float(third) != pytest.approx(float(every), rel=1e-3)


def test_places_of_half_precision_are_compared_in_float32(rng):
    crop, painting = (rng.uniform(size=(1, 32, 48, 5)).astype(np.float32) for _ in range(2))
    values = {}
    for dtype in ("float32", "float16"):
        scene = {"output": {"vgg/relu1_2": crop.astype(dtype)}, "style": {"vgg/relu1_2": painting.astype(dtype)}}
        values[dtype] = transport("relu1_2")(scene)[0]
        assert values[dtype].dtype == "float32"
    # A cosine of float16 has three digits: another place may be the nearest, and is then as near.
    assert float(values["float16"]) == pytest.approx(float(values["float32"]), rel=2e-3)


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Received twice: style"):
        style("relu1_2") + content("relu3_3") + style("relu2_2")


def test_it_prints_a_row_for_each_term():
    printed = str(2.5 * content("relu3_3") + 5 * style("relu1_2", "relu2_2") + 1e-4 * total_variation())
    assert [line.split() for line in printed.splitlines()] == [
        ["weight", "term", "measured", "against"],
        ["2.5", "content", "vgg/relu3_3", "content"],
        ["5", "style", "vgg/relu1_2", "vgg/relu2_2", "style"],
        ["0.0001", "tv", "image", "-"],
    ]


def test_probes_are_asked_by_role_and_named_once():
    loss = content("relu3_3") + style("relu1_2", "relu3_3") + total_variation()
    assert loss.probes("output") == ("vgg/relu3_3", "vgg/relu1_2", "image")
    assert loss.probes("content") == ("vgg/relu3_3",)
    assert loss.probes("style") == ("vgg/relu1_2", "vgg/relu3_3")


def test_a_target_can_be_measured_otherwise_than_the_output():
    doubled = term("t", target=Measurement(("q",), lambda q: (2 * q,)))
    assert (doubled.probes("output"), doubled.probes("content")) == (("p",), ("q",))
    scene = {"output": SCENE["output"], "content": {"q": np.full((2, 4), 0.5, np.float32)}}
    assert float(doubled(scene)[0]) == 0


def test_a_bound_role_is_measured_once_and_never_asked_for_again():
    measured = []

    def statistic(p):
        measured.append(len(p))
        return (p,)

    loss = term("far", against="style", statistic=statistic) + term("near")
    bound = loss.bind({"style": SCENE["style"]})
    assert bound.probes("style") == ()
    assert (bound.probes("output"), bound.probes("content")) == (("p",), ("p",))
    for _ in range(3):
        total, _ = bound({"output": SCENE["output"], "content": SCENE["content"]})
        assert float(total) == 1 + 4
    assert measured == [1, 2, 2, 2]  # The style's one image, then three times the output's two.


def test_what_is_bound_stays_bound():
    bound = term("far", against="style").bind({"style": SCENE["style"]})
    elsewhere = {"style": {"p": np.full((1, 4), 9, np.float32)}}
    assert float(bound.bind(elsewhere)({**elsewhere, "output": SCENE["output"]})[0]) == 1


def test_binding_keeps_weights_and_leaves_the_loss_free():
    loss = 3 * term("far", against="style")
    assert loss.bind(SCENE).weights == {"far": 3}
    assert loss.probes("style") == ("p",)


def test_targets_are_what_binding_binds():
    loss = term("near") + term("far", against="style")
    constants = {**loss.targets("content", SCENE["content"]), **loss.targets("style", SCENE["style"])}
    bound = loss.bind({role: SCENE[role] for role in ("content", "style")})
    assert loss.constants == {}
    assert constants.keys() == bound.constants.keys() == {"near", "far"}
    for name, (target,) in bound.constants.items():
        np.testing.assert_array_equal(constants[name][0], target)
    assert float(loss.with_constants(constants)({"output": SCENE["output"]})[0]) == 4 + 1


def test_a_bound_role_has_no_more_targets():
    bound = term("far", against="style").bind({"style": SCENE["style"]})
    assert bound.targets("style", SCENE["content"]) == {}


def test_constants_can_be_exchanged_one_by_one():
    loss = (term("near") + 2 * term("far", against="style")).bind(
        {"content": SCENE["content"], "style": SCENE["style"]}
    )
    changed = loss.with_constants({"far": (np.full((1, 4), 5, np.float32),)})
    output = {"output": SCENE["output"]}
    assert float(changed(output)[0]) == (1 - 3) ** 2 + 2 * (1 - 5) ** 2
    assert float(loss(output)[0]) == (1 - 3) ** 2 + 2 * (1 - 0) ** 2
    assert changed.weights == loss.weights


@pytest.mark.parametrize(("additive", "gathered"), [("statistic", 1 + 2), ("distance", 4 + 1), (None, 4 + 1)])
def test_parts_add_up_what_is_additive(additive, gathered):
    """Statistics of 1 and 2 against 3: summed, they reach the target; separately, they are 2 and 1 away."""
    loss = 10 * term("t", additive=additive).bind({"content": {"p": np.full((1, 4), 3, np.float32)}})
    parts = [loss.gather({"output": {"p": np.full((1, 4), value, np.float32)}}) for value in (1, 2)]
    added = tree.map_structure(lambda *leaves: sum(leaves), *parts)
    assert np.unique(added["t"][0] if additive == "statistic" else added["t"]) == [gathered]
    total, raw = loss.finish(added, {})
    assert float(raw["t"]) == (0 if additive == "statistic" else gathered)
    assert float(total) == 10 * float(raw["t"])


def test_blending_is_a_weighted_sum_of_every_tensor():
    targets = [{"a": (np.float32([1, 2]),), "b": ((np.float32([3]),), np.float32([4]))} for _ in range(2)]
    targets[1]["b"] = ((np.float32([7]),), np.float32([0]))
    mixed = blend(targets, (0.25, 0.75))
    np.testing.assert_allclose(mixed["a"][0], [1, 2])
    np.testing.assert_allclose(mixed["b"][0][0], [6])
    np.testing.assert_allclose(mixed["b"][1], [1])


@pytest.mark.parametrize("statistic", [None, gaussian()])
def test_blended_styles_are_those_of_images_side_by_side(rng, statistic):
    loss = style("relu1_2", "relu2_2", statistic=statistic)

    def images(*shape):
        return {f"vgg/{layer}": rng.normal(size=(1, *shape, 3)) for layer in ("relu1_2", "relu2_2")}

    narrow, wide = images(6, 2), images(6, 8)
    together = {layer: np.concatenate([narrow[layer], wide[layer]], axis=2) for layer in wide}
    mixed = blend([loss.targets("style", image) for image in (narrow, wide)], (0.2, 0.8))
    expected = loss.targets("style", together)
    tree.assert_same_structure(mixed, expected)
    for ours, theirs in zip(tree.flatten(mixed), tree.flatten(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_blending_asks_for_a_share_of_each():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        blend([{"a": (1.0,)}, {"a": (2.0,)}], (1.0,))
