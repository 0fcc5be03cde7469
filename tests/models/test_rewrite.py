import keras
import numpy as np
import pytest
from reference.nets import SMALL, randomized

from keras_nst.models.layers import Convolution2D, ReflectionPadding2D, instance_normalization
from keras_nst.models.rewrite import as_kind, bake, rewrite
from keras_nst.models.unet import unet


@pytest.fixture(scope="module")
def net():
    return randomized(unet(**SMALL["unet"].arguments), np.random.default_rng(0), 0.05)


@pytest.mark.parametrize("size", [(64, 48), (37, 50)])
def test_a_baked_net_makes_what_the_net_makes_with_the_code(net, rng, size):
    image, code = rng.random((2, *size, 3), np.float32), rng.normal(size=128).astype(np.float32)
    baked = bake(net, code)
    assert [given.name for given in baked.inputs] == ["image"]
    expected = np.asarray(net({"image": image, "code": np.stack([code, code])}))
    assert expected.std() > 0.05
    np.testing.assert_allclose(baked(image), expected, atol=1e-5)


def test_other_codes_make_other_pictures_and_leave_each_other_alone(net, rng):
    image, codes = rng.random((1, 32, 32, 3), np.float32), rng.normal(size=(2, 128)).astype(np.float32)
    first, before = bake(net, codes[0]), net.get_weights()
    expected = np.asarray(first(image))
    other = np.asarray(bake(net, codes[1])(image))
    assert np.abs(other - expected).mean() > 0.01
    np.testing.assert_array_equal(first(image), expected)
    for weight, was in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_a_baked_net_can_be_saved_and_loaded(net, rng, tmp_path):
    image = rng.random((1, 32, 32, 3), np.float32)
    baked = bake(net, rng.normal(size=128))
    baked.save(tmp_path / "baked.keras")
    loaded = keras.saving.load_model(tmp_path / "baked.keras", compile=False)
    np.testing.assert_allclose(loaded(image), baked(image), atol=1e-6)


def test_a_layer_is_replaced_and_the_weights_of_all_go_along(rng):
    image = keras.Input((None, None, 3))
    shared = Convolution2D(3, 3, name="shared")
    hidden = shared(ReflectionPadding2D()(shared(image)))
    hidden = instance_normalization(name="normalized")(hidden)
    net = keras.Model(image, keras.layers.Activation("relu", name="activated")(hidden))
    randomized(net, rng)

    class Doubled(keras.layers.Activation):
        def call(self, inputs):
            return 2 * super().call(inputs)

    def substitute(layer, inputs):
        return as_kind(Doubled, layer)(inputs) if layer.name == "activated" else None

    values = rng.random((2, 9, 8, 3), np.float32)
    np.testing.assert_allclose(rewrite(net, substitute)(values), 2 * net(values), rtol=1e-6)
