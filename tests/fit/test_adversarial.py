from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from reference import losses as reference

from keras_nst import losses
from keras_nst.fit import checkpoints
from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.objective import Objective
from keras_nst.models.observer import Observer
from keras_nst.models.sdp_gan import MAP, PICTURE, discriminator, generator, part
from keras_nst.models.vgg import vgg
from keras_nst.recipes import sdp_gan

SIZE, BEGIN = 16, 2
TINY = {"filters": (4, 4, 8), "residual_blocks": 1}
WEIGHTS = {"adversarial": 1.0, "content": 2.0, "salient": 3.0, "saliency_content": 4.0, "saliency": 5.0}


@pytest.fixture(scope="module")
def perception():
    return vgg(["relu1_2"])


@pytest.fixture
def batch(rng):
    photographs, pictures, blurred = rng.uniform(size=(3, 2, SIZE, SIZE, 3)).astype(np.float32)
    return photographs, rng.uniform(size=(2, SIZE, SIZE, 1)).astype(np.float32), pictures, blurred


def factors(step):
    """Two steps without the adversarial game, and then half of the content weight."""
    begun = ops.cast(step >= BEGIN, "float32")
    return {"adversarial": begun, "saliency_content": begun, "content": 1 - 0.5 * begun}


def trainer(perception, weights=WEIGHTS, optimizer=lambda: keras.optimizers.SGD(1.0), dtype="float32", **options):
    terms = {
        "adversarial": losses.adversarial(),
        "content": losses.absolute_content("relu1_2"),
        "salient": losses.absolute_content("relu1_2", salient=True),
        "saliency_content": losses.saliency_content(),
        "saliency": losses.saliency(),
        "transport": losses.transport("relu1_2"),
    }
    loss = sum((weight * terms[name] for name, weight in weights.items()), start=losses.Loss(()))
    saliency_filters = (2, 3, 4, 5) if "saliency" in weights else None
    net = generator(**TINY, saliency_filters=saliency_filters, dtype=dtype, **options)
    judge = discriminator((4, 4, 4), dtype=dtype)
    objective = Objective(loss, Observer(vgg=perception, saliency=net))
    built = AdversarialTrainer(net, judge, objective, sdp_gan.discriminator(), factors)
    built.compile(optimizer(), optimizer(), run_eagerly=True)
    return built


def scheduled(perception):
    """A training with Adam on both sides, whose learning rate is halved at each step."""
    built = trainer(perception)
    rate = built.scheduled(keras.optimizers.schedules.ExponentialDecay(1e-3, 1, 0.5))
    built.compile(keras.optimizers.Adam(rate), keras.optimizers.Adam(rate), run_eagerly=True)
    return built


def fit(built, batch, steps=1):
    """Train; returns the logs of each step."""
    data = tf.data.Dataset.from_tensors(tuple(map(tf.constant, batch)))
    history = built.fit(data, epochs=steps, shuffle=False, verbose=0).history
    return [dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)]


def weights_of(*models):
    return [np.array(weight) for model in models for weight in model.get_weights()]


def assert_equal(arrays, others, **tolerance):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_allclose(array, other, **tolerance)


def seen_by(built, batch, perception):
    """The outputs of the networks for a batch, each called alone."""
    photographs, references, pictures, blurred = batch
    net, judge = built.net, built.discriminator
    outputs = net(photographs)
    # The saliency net with its own copies of the weights, which get no gradient through the generator.
    twin = generator(**TINY, saliency_filters=(2, 3, 4, 5))
    twin.set_weights(net.get_weights())
    return SimpleNamespace(
        map=outputs[MAP],
        again=twin(outputs[PICTURE])[MAP],
        features=perception(outputs[PICTURE])["relu1_2"],
        kept=perception(photographs)["relu1_2"],
        generated=judge(outputs[PICTURE])["logits"],
        real=judge(pictures)["logits"],
        blurred=judge(blurred)["logits"],
        references=references,
    )


def test_the_terms_are_equations_3_to_7(perception, batch):
    built = trainer(perception)
    seen = {name: np.asarray(value) for name, value in vars(seen_by(built, batch, perception)).items()}
    (logs,) = fit(built, batch)
    images = {"output": {"f": seen["features"], "s": seen["again"], "m": seen["map"]}}
    images["content"] = {"f": seen["kept"], "s": seen["map"], "saliency/map": seen["map"]}
    images["reference"] = {"m": seen["references"]}
    expected = {
        "content": reference.masked_content(images, layer="f"),
        "salient": reference.masked_content(images, lambda s, like: reference.mask(s, like) - 1, layer="f"),
        "saliency_content": reference.absolute(images, "content", "s"),
        "saliency": reference.absolute(images, "reference", "m"),
        "adversarial": reference.log_loss({"output": {"d": seen["generated"]}}, "d", real=True),
    }
    for sample in ("real", "blurred", "generated"):
        expected[sample] = reference.log_loss({"output": {"d": seen[sample]}}, "d", real=sample == "real")
    right = [(seen["real"] > 0).mean(), (seen["blurred"] <= 0).mean(), (seen["generated"] <= 0).mean()]
    expected["accuracy"] = np.mean(right)
    expected["content_weight"] = WEIGHTS["content"]  # Full weight during the initialization.
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    initial = {**WEIGHTS, "adversarial": 0, "saliency_content": 0}
    assert logs["total"] == pytest.approx(sum(weight * expected[name] for name, weight in initial.items()), rel=1e-4)


def test_a_term_of_style_compares_with_the_pictures_of_the_batch(perception, batch):
    photographs, _, pictures, _ = batch
    built = trainer(perception, {**WEIGHTS, "transport": 6.0})
    painted = {"output": built.net(photographs)[PICTURE], "style": pictures}
    scene = {role: {"vgg/relu1_2": np.asarray(perception(image)["relu1_2"])} for role, image in painted.items()}
    scene = {
        role: {probe: np.concatenate(list(value))[None] for probe, value in seen.items()}
        for role, seen in scene.items()
    }
    (logs,) = fit(built, batch)
    # One picture below the other is the same set of places.
    assert logs["transport"] == pytest.approx(reference.transport(scene), rel=1e-4)


def test_each_side_descends_its_own_loss_once_the_game_has_begun(perception, batch):
    built = trainer(perception)
    built.step.assign(BEGIN)
    before = weights_of(built.net), weights_of(built.discriminator)

    def mean_l1(values, others):
        return ops.mean(ops.abs(values - ops.stop_gradient(others)))

    def softplus_mean(values):
        return ops.mean(ops.softplus(values))

    with tf.GradientTape(persistent=True) as tape:
        seen = seen_by(built, batch, perception)
        size = ops.mean(ops.abs(seen.kept), axis=(1, 2, 3), keepdims=True)
        difference = ops.abs(seen.features - seen.kept) / size
        more = ops.stop_gradient(ops.maximum(2 * seen.map, 1) - 1)
        generator_loss = (
            softplus_mean(-seen.generated)
            + 0.5 * 2 * ops.mean(difference)
            + 3 * ops.mean(more * difference)
            + 4 * mean_l1(seen.again, seen.map)
            + 5 * mean_l1(seen.map, seen.references)
        )
        discriminator_loss = softplus_mean(-seen.real) + softplus_mean(seen.blurred) + softplus_mean(seen.generated)
    expected = (
        tape.gradient(generator_loss, built.net.trainable_variables),
        tape.gradient(discriminator_loss, built.discriminator.trainable_variables),
    )
    fit(built, batch)
    for model, start, slopes in zip((built.net, built.discriminator), before, expected, strict=True):
        for weight, was, slope in zip(model.get_weights(), start, slopes, strict=True):
            np.testing.assert_allclose(was - weight, slope, rtol=2e-2, atol=1e-5 + 1e-3 * np.abs(slope).max())


def test_in_the_initialization_the_discriminator_rests_and_its_adam_with_it(perception, batch):
    built = trainer(perception, optimizer=lambda: keras.optimizers.Adam(1e-3, beta_1=0.5))
    before = weights_of(built.discriminator)
    fit(built, batch, BEGIN)
    assert_equal(weights_of(built.discriminator), before, rtol=0)
    fit(built, batch)
    # Adam's first step has its full length wherever there is a gradient, however late it comes.
    moved = np.abs(built.discriminator.get_layer("logits").kernel.numpy() - before[-2])
    assert np.median(moved) == pytest.approx(1e-3, rel=0.01)


def test_after_the_initialization_the_discriminator_moves_by_the_rate_of_the_trainings_step(perception, batch):
    built = scheduled(perception)
    before = weights_of(built.discriminator)
    fit(built, batch, BEGIN + 1)
    # The length of Adam's first step is the learning rate, which is halved at each step of the initialization.
    moved = np.abs(built.discriminator.get_layer("logits").kernel.numpy() - before[-2])
    assert np.median(moved) == pytest.approx(1e-3 * 0.5**BEGIN, rel=0.01)


def test_the_saliency_loss_changes_what_the_generator_sees(perception, batch):
    built = trainer(perception, {"adversarial": 0.0, "saliency": 1.0})
    own = {variable.path for variable in part(built.net, MAP).variables}
    before = weights_of(built.net)
    picture = np.asarray(built.net(batch[0])[PICTURE])
    fit(built, batch)
    pairs = zip(built.net.variables, before, strict=True)
    changed = {variable.path for variable, was in pairs if not np.array_equal(variable, was)}
    assert changed <= own
    assert any(path.startswith("saliency1_conv") for path in changed)
    assert np.abs(built.net(batch[0])[PICTURE] - picture).max() > 0


@pytest.mark.parametrize("concatenated", [True, False])
def test_the_saliency_content_teaches_the_saliency_net_only_what_the_generator_sees(perception, batch, concatenated):
    weights = {"adversarial": 0.0, "saliency_content": 1.0, "saliency": 0.0}
    built = trainer(perception, weights, concatenated=concatenated)
    built.step.assign(BEGIN)
    before = weights_of(built.net)
    fit(built, batch)
    pairs = zip(built.net.variables, before, strict=True)
    changed = {variable.path.split("/")[0] for variable, was in pairs if not np.array_equal(variable, was)}
    assert "rgb_conv" in changed
    assert not any(layer.startswith("map") for layer in changed)
    assert ("saliency1_conv" in changed) == concatenated


def test_without_a_saliency_net_the_references_are_the_mask(perception, batch):
    built = trainer(perception, {"adversarial": 1.0, "content": 1.0, "salient": 1.0})
    photographs, references, *others = batch
    outputs = built.net(photographs)
    features = np.asarray(perception(outputs[PICTURE])["relu1_2"])
    kept = np.asarray(perception(photographs)["relu1_2"])
    scene = {"output": {"f": features}, "content": {"f": kept, "saliency/map": references}}
    expected = reference.masked_content(scene, lambda s, like: reference.mask(s, like) - 1, layer="f")
    (logs,) = fit(built, (photographs, references, *others))
    assert logs["salient"] == pytest.approx(expected, rel=1e-4)
    assert [image.shape for image in built.preview(photographs[:1])] == [(1, SIZE, SIZE, 3)]


def test_the_preview_has_result_and_both_maps(perception, batch):
    built = trainer(perception)
    picture, first, second = map(np.asarray, built.preview(batch[0][:1]))
    np.testing.assert_allclose(picture, built.trained(batch[0][:1]), atol=1e-6)
    np.testing.assert_allclose(first[..., :1], built.average(batch[0][:1])[MAP], atol=1e-6)
    np.testing.assert_allclose(second[..., 2:], built.average(picture)[MAP], atol=1e-6)


def test_a_checkpoint_brings_both_sides_back(perception, batch, tmp_path):
    stopped, resumed = scheduled(perception), scheduled(perception)
    fit(stopped, batch, BEGIN + 1)
    checkpoints.save(tmp_path, stopped.state)
    checkpoints.restore(tmp_path, resumed.state, pytest.fail)
    for built in (stopped, resumed):
        fit(built, batch)
    assert_equal(
        weights_of(resumed.net, resumed.discriminator), weights_of(stopped.net, stopped.discriminator), atol=1e-6
    )
    assert_equal(resumed.trained.get_weights(), stopped.trained.get_weights(), atol=1e-6)


def test_in_half_precision_it_skips_what_overflows_on_either_side(batch):
    def scaled():
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0**100)

    half = vgg(["relu1_2"], dtype="mixed_float16")
    built = trainer(half, {"adversarial": 1.0, "content": 1.0}, scaled, "mixed_float16")
    built.step.assign(BEGIN)
    before = weights_of(built.net, built.discriminator)
    (logs,) = fit(built, batch)
    assert logs["skipped"] == 1
    assert np.isfinite(logs["total"])
    assert_equal(weights_of(built.net, built.discriminator), before, rtol=0)
    scales = [float(optimizer.dynamic_scale) for optimizer, _ in built.players]
    assert scales == [2.0**99, 2.0**99]
