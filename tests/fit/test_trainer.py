import dataclasses

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_nst import losses
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.losses.algebra import Measurement
from keras_nst.models.observer import Observer
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg

SIZE = 24
STEPS = 30
DECAY = 0.5  # The warm-up, (1 + t) / (10 + t), reaches it at t = 8, within the steps.


def smooth(count, seed):
    """Random smooth shapes, (count, SIZE, SIZE, 3) float32 in [0, 1]."""
    noise = np.random.default_rng(seed).uniform(size=(count, 5, 5, 3)).astype(np.float32)
    return np.asarray(keras.ops.image.resize(noise, (SIZE, SIZE), "bicubic")).clip(0, 1)


PHOTOGRAPHS = smooth(2, seed=1)


@pytest.fixture(scope="module")
def perception():
    return vgg(["relu1_2", "relu2_1"])


@pytest.fixture(scope="module")
def objective(perception):
    loss = 1.0 * losses.content("relu2_1") + 5.0 * losses.style("relu1_2", "relu2_1") + 10.0 * losses.total_variation()
    return Objective(loss, Observer(vgg=perception)).bind(style=smooth(1, seed=2))


def net(weights=None, dtype="float32"):
    net = transfer_net((4, 4, 8), 1, dtype=dtype)
    if weights is not None:
        net.set_weights(weights)
    return net


def evaluate(objective, weights):
    """The objective of a net with these weights, computed directly: total and raw terms."""
    return objective(output=net(weights)(PHOTOGRAPHS, training=True), content=PHOTOGRAPHS)


@dataclasses.dataclass
class Run:
    """A training: weights and averages before the first and after each step, and the logs of each step."""

    trainer: StyleTrainer
    weights: list[list[np.ndarray]]
    averages: list[list[np.ndarray]]
    logs: list[dict[str, float]]


def run(net, objective, optimizer, steps, eager=True, **kwargs):
    trainer = StyleTrainer(net, objective, **kwargs)
    trainer.compile(optimizer, run_eagerly=eager, jit_compile=False)
    return go_on(trainer, steps)


def go_on(trainer, steps):
    weights, averages = [], []

    def note(*_):
        weights.append(trainer.net.get_weights())
        averages.append(trainer.average.get_weights())

    notes = keras.callbacks.LambdaCallback(on_train_begin=note, on_epoch_end=note)
    batches = tf.data.Dataset.from_tensors(
        {"content": PHOTOGRAPHS}
    )  # One step per epoch, since logs are means over an epoch.
    history = trainer.fit(batches, epochs=steps, shuffle=False, callbacks=[notes], verbose=0).history
    logs = [dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)]
    return Run(trainer, weights, averages, logs)


@pytest.fixture(scope="module")
def training(objective):
    keras.utils.set_random_seed(0)
    return run(net(), objective, keras.optimizers.Adam(0.003), STEPS, eager=False, decay=DECAY)


@pytest.fixture(scope="module")
def descent(objective):
    """One step of gradient descent with a learning rate of 1, which subtracts the gradient."""
    keras.utils.set_random_seed(0)
    return run(net(), objective, keras.optimizers.SGD(1.0), 1)


def difference(arrays, others):
    return [np.subtract(array, other, dtype=np.float64) for array, other in zip(arrays, others, strict=True)]


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(array)) for array in arrays))


def assert_equal(weights, expected, **tolerance):
    for values, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(values, wanted, **tolerance)


def test_thirty_steps_reduce_the_loss_to_a_third(training):
    first, last = training.logs[0], training.logs[-1]
    assert last["total"] < first["total"] / 3
    assert last["style"] < first["style"] / 3


def test_only_the_net_is_trained(training, perception):
    trainer = training.trainer
    assert [id(v) for v in trainer.trainable_variables] == [id(v) for v in trainer.net.trainable_variables]
    assert {id(v) for v in perception.variables}.isdisjoint(id(v) for v in trainer.variables)
    assert_equal(perception.get_weights(), vgg(["relu1_2", "relu2_1"]).get_weights(), rtol=0)


def test_the_gradient_is_that_of_the_objective(descent, objective):
    same = net(descent.weights[0])
    with tf.GradientTape() as tape:
        total, _ = objective(output=same(PHOTOGRAPHS, training=True), content=PHOTOGRAPHS)
    expected = tape.gradient(total, same.trainable_variables)
    used = difference(*descent.weights)
    assert norm(difference(used, expected)) < 1e-3 * norm(expected)


def test_the_gradient_is_the_slope_of_the_loss(descent, objective):
    before, gradient = descent.weights[0], difference(*descent.weights)
    step = 1e-3 / norm(gradient)
    ahead, behind = (
        float(evaluate(objective, [at + way * step * slope for at, slope in zip(before, gradient, strict=True)])[0])
        for way in (1, -1)
    )
    # Along itself, the slope of a gradient is its squared norm.
    assert (ahead - behind) / (2 * step) == pytest.approx(norm(gradient) ** 2, rel=0.02)


@pytest.mark.parametrize("step", [0, 1, STEPS - 1])
def test_the_logs_are_the_terms_before_the_step(training, objective, step):
    total, raw = evaluate(objective, training.weights[step])
    expected = {"total": float(total), "skipped": 0.0} | {name: float(value) for name, value in raw.items()}
    assert training.logs[step] == pytest.approx(expected, rel=1e-3)


def test_steps_are_counted(training):
    assert int(training.trainer.step) == STEPS


def test_the_average_follows_its_formula(training):
    average = training.weights[0]
    for t in range(STEPS):
        decay = min(DECAY, (1 + t) / (10 + t))
        average = [decay * was + (1 - decay) * now for was, now in zip(average, training.weights[t + 1], strict=True)]
        assert_equal(training.averages[t + 1], average, rtol=1e-4, atol=1e-6)


def test_the_average_begins_as_the_net_and_is_one_of_its_own(training, objective):
    start = net()
    begun = StyleTrainer(start, objective).average
    np.testing.assert_array_equal(begun(PHOTOGRAPHS), start(PHOTOGRAPHS))
    assert begun.trainable_variables == []
    ended = training.trainer
    assert np.abs(ended.average(PHOTOGRAPHS) - ended.net(PHOTOGRAPHS)).max() > 1e-3


def shapes(path):
    """The shape of every array in a checkpoint."""
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item.shape) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_checkpoint_holds_the_net_and_its_average_and_no_frozen_network(descent, tmp_path):
    descent.trainer.save_weights(tmp_path / "trainer.weights.h5")
    arrays = [shape for shape in shapes(tmp_path / "trainer.weights.h5") if shape]  # Counters and rates are scalars.
    assert sorted(arrays) == sorted(2 * [tuple(variable.shape) for variable in descent.trainer.net.variables])


def test_a_restored_training_goes_on_as_if_it_had_not_stopped(objective, tmp_path):
    stopped = run(net(), objective, keras.optimizers.Adam(0.003), 2).trainer
    stopped.save_weights(tmp_path / "trainer.weights.h5")
    resumed = run(net(), objective, keras.optimizers.Adam(0.003), 1).trainer  # One step builds the optimizer.
    resumed.load_weights(tmp_path / "trainer.weights.h5")
    for trainer in (stopped, resumed):
        go_on(trainer, 1)
    assert int(resumed.step) == 3
    assert_equal(resumed.net.get_weights(), stopped.net.get_weights(), rtol=1e-4, atol=1e-6)
    assert_equal(resumed.average.get_weights(), stopped.average.get_weights(), rtol=1e-4, atol=1e-6)


def test_a_half_precision_step_that_overflows_is_skipped_and_counted(objective):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0**100)
    overflowing = run(net(dtype="mixed_float16"), objective, optimizer, 2, eager=False)
    assert [logged["skipped"] for logged in overflowing.logs] == [1, 1]
    assert all(np.isfinite(logged["total"]) for logged in overflowing.logs)
    assert_equal(overflowing.weights[-1], overflowing.weights[0], rtol=0)
    assert_equal(overflowing.trainer.average.get_weights(), overflowing.weights[0], rtol=1e-6)
    assert float(optimizer.dynamic_scale) == 2.0**98  # Keras halves it at each skipped step.


def test_a_half_precision_step_in_range_takes_the_unscaled_gradient(descent, objective):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=2.0**8)
    half = run(net(descent.weights[0], "mixed_float16"), objective, optimizer, 1)
    assert half.logs[0]["skipped"] == 0
    gradient = difference(*descent.weights)
    assert norm(difference(difference(*half.weights), gradient)) < 0.1 * norm(gradient)


def test_validation_is_the_objective_of_the_average_and_changes_nothing(objective):
    trainer = run(net(), objective, keras.optimizers.Adam(1e-2), 3).trainer
    averages, step = trainer.average.get_weights(), int(trainer.step)
    found = trainer.evaluate(tf.data.Dataset.from_tensors({"content": PHOTOGRAPHS}), return_dict=True, verbose=0)
    average = net(averages)(PHOTOGRAPHS, training=False)
    total, terms = objective(output=average, content=PHOTOGRAPHS)
    expected = {"total": total, **terms}
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-4)
    assert int(trainer.step) == step


def test_known_paintings_count_as_those_that_a_batch_brings(perception):
    paintings = smooth(3, seed=5)
    loss = 1.0 * losses.content("relu2_1") + 5.0 * losses.style("relu1_2", "relu2_1")
    objective = Objective(loss, Observer(vgg=perception))
    mean = Measurement(("vgg/relu1_2",), lambda features: (keras.ops.mean(features, axis=(1, 2)) / 100,))
    image, statistics = keras.Input((None, None, 3), name="image"), keras.Input((64,), name="statistics")
    shift = keras.layers.Dense(3, name="shift")(statistics)[:, None, None]
    conditional = keras.Model({"image": image, "statistics": statistics}, keras.ops.sigmoid(image + shift))
    bringing = StyleTrainer(conditional, objective, mean)
    knowing = StyleTrainer(conditional, objective, mean, known=[painting[None] for painting in paintings])
    photographs = keras.ops.convert_to_tensor(PHOTOGRAPHS)
    brought = bringing.losses_of({"content": photographs, "style": paintings[[2, 0]]})
    known = knowing.losses_of({"content": photographs, "style": np.int32([2, 0])})
    np.testing.assert_allclose(known, brought, rtol=1e-5)
    swapped = knowing.losses_of({"content": photographs, "style": np.int32([0, 2])})
    assert abs(float(swapped[0]) / float(brought[0]) - 1) > 1e-3
