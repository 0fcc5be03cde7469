import keras
import numpy as np
import pytest

from keras_nst import losses
from keras_nst.fit.objective import Objective
from keras_nst.models.observer import Observer


class Spy(keras.layers.Layer):
    """Returns images unchanged and records them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, image):
        self.seen.append(image)
        return image


@pytest.fixture
def spy():
    return Spy()


@pytest.fixture
def objective(spy):
    image = keras.Input((None, None, 3))
    network = keras.Model(image, {"relu1_1": spy(image), "relu1_2": keras.ops.square(image)})
    loss = 2.0 * losses.content("relu1_1") + 3.0 * losses.style("relu1_1") + 4.0 * losses.total_variation()
    return Objective(loss, Observer(vgg=network))


@pytest.fixture
def images(rng):
    return {role: rng.uniform(size=(1, 8, 6, 3)).astype(np.float32) for role in ("output", "content", "style")}


def test_it_is_the_loss_of_what_is_observed(objective, images):
    total, raw = objective(**images)
    scene = {role: {"vgg/relu1_1": image, "image": image} for role, image in images.items()}
    expected_total, expected_raw = objective.loss(scene)
    assert float(total) == pytest.approx(float(expected_total))
    assert raw.keys() == expected_raw.keys() == {"content", "style", "tv"}
    assert all(float(raw[name]) == pytest.approx(float(expected_raw[name])) for name in raw)


def test_bound_images_are_constants(objective, images):
    bound = objective.bind(style=images["style"], content=images["content"])
    assert bound.loss.probes("style") == bound.loss.probes("content") == ()
    assert float(bound(output=images["output"])[0]) == pytest.approx(float(objective(**images)[0]), rel=1e-6)


def test_a_collection_of_one_painting_twice_is_the_painting(objective, images):
    bound = objective.bind(style=images["style"])
    twice = objective.bind_collection("style", [images["style"]] * 2)
    assert twice.loss.probes("style") == ()
    both = (float(each(output=images["output"], content=images["content"])[0]) for each in (bound, twice))
    assert next(both) == pytest.approx(next(both), rel=1e-6)


def test_bound_images_are_observed_once(objective, spy, images):
    spy.seen.clear()
    bound = objective.bind(style=images["style"])
    for _ in range(3):
        bound(output=images["output"], content=images["content"])
    styles = [image for image in spy.seen if np.array_equal(image, images["style"])]
    assert (len(styles), len(spy.seen)) == (1, 1 + 3 * 2)


def test_binding_leaves_the_objective_free(objective, images):
    objective.bind(style=images["style"])
    assert objective.loss.probes("style") == ("vgg/relu1_1",)
