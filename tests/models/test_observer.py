import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_nst.errors import InputError
from keras_nst.models.observer import Observer


class Counting(keras.layers.Layer):
    """Multiplies by a weight, and counts its calls."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = self.add_weight(shape=(), initializer=keras.initializers.Constant(factor), name="factor")
        self.runs = 0

    def call(self, image):
        self.runs += 1
        return self.factor * image


@pytest.fixture
def network():
    """A chain of three layers with a tap after each: 2, 6 and 30 times the image."""
    image = keras.Input((None, None, 3))
    taps, hidden = {}, image
    for name, factor in {"shallow": 2, "middle": 3, "deep": 5}.items():
        hidden = taps[name] = Counting(factor, name=name)(hidden)
    return keras.Model(image, taps)


@pytest.fixture
def observer(network):
    return Observer(net=network)


@pytest.fixture
def image(rng):
    return rng.uniform(size=(2, 4, 5, 3)).astype(np.float32)


def runs(network, action):
    """How often each layer of the network runs during `action`."""
    counting = [layer for layer in network.layers if isinstance(layer, Counting)]
    before = [layer.runs for layer in counting]
    action()
    return {layer.name: layer.runs - was for layer, was in zip(counting, before, strict=True)}


def test_it_reports_what_was_asked_under_the_names_of_the_probes(observer, image):
    observed = observer(image, ("net/deep", "image", "net/shallow"))
    assert set(observed) == {"net/deep", "image", "net/shallow"}
    for probe, factor in {"image": 1, "net/shallow": 2, "net/deep": 30}.items():
        np.testing.assert_allclose(observed[probe], factor * image, rtol=1e-6)


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        (("net/shallow",), {"shallow": 1, "middle": 0, "deep": 0}),
        (("net/middle", "net/shallow"), {"shallow": 1, "middle": 1, "deep": 0}),
        (("net/shallow", "net/middle", "net/deep"), {"shallow": 1, "middle": 1, "deep": 1}),
        (("image",), {"shallow": 0, "middle": 0, "deep": 0}),
        ((), {"shallow": 0, "middle": 0, "deep": 0}),
    ],
)
def test_a_network_runs_once_and_only_as_deep_as_asked(observer, network, image, probes, expected):
    for _ in range(2):
        assert runs(network, lambda: observer(image, probes)) == expected


def test_it_sees_the_image_at_a_part_of_its_size(observer, rng):
    image = rng.uniform(size=(2, 8, 12, 3)).astype(np.float32)
    observed = observer(image, ("net/deep", "net/deep@2", "image@4"))
    means = {side: image.reshape(2, 8 // side, side, 12 // side, side, 3).mean((2, 4)) for side in (2, 4)}
    np.testing.assert_allclose(observed["net/deep"], 30 * image, rtol=1e-6)
    np.testing.assert_allclose(observed["net/deep@2"], 30 * means[2], rtol=1e-5)
    np.testing.assert_allclose(observed["image@4"], means[4], rtol=1e-5)


def test_networks_that_are_not_asked_do_not_run(network, image):
    other = keras.Model(network.input, {"tap": Counting(1)(network.input)})
    observer = Observer(net=network, other=other)
    assert set(runs(network, lambda: observer(image, ("other/tap",))).values()) == {0}
    assert set(runs(other, lambda: observer(image, ("net/deep", "other/tap"))).values()) == {1}


def test_it_sees_with_the_weights_of_its_networks(observer, network, image):
    observer(image, ("net/shallow",))
    network.get_layer("shallow").factor.assign(7.0)
    np.testing.assert_allclose(observer(image, ("net/shallow",))["net/shallow"], 7 * image, rtol=1e-6)


def test_what_it_sees_teaches_the_image_and_not_its_networks(observer, network, image):
    image = tf.constant(image)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        seen = observer(image, ("net/deep",))["net/deep"]
        called = network(image)["deep"]
    assert tape.gradient(called, network.trainable_variables) != [None] * 3
    assert tape.gradient(seen, network.trainable_variables) == [None] * 3
    np.testing.assert_allclose(tape.gradient(seen, image), np.full(image.shape, 30), rtol=1e-6)


@pytest.mark.parametrize("probe", ["net/deeep", "ent/deep", "deep"])
def test_an_unknown_probe_is_answered_with_the_known_ones(observer, image, probe):
    with pytest.raises(InputError, match=f"Unknown probe: '{probe}'. Did you mean 'net/deep'"):
        observer(image, ("net/shallow", probe))
