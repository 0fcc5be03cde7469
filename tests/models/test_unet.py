import keras
import numpy as np
import pytest
from reference.nets import SMALL, randomized

from keras_nst.errors import InputError
from keras_nst.models import nets
from keras_nst.models.predictor import SIZE, STATISTICS, parts, predicted
from keras_nst.models.unet import unet


@pytest.fixture(scope="module")
def net():
    return randomized(unet(**SMALL["unet"].arguments), np.random.default_rng(0), 0.2)


def codes(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, 128)).astype(np.float32)


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (64, 47)])
def test_a_picture_has_the_size_of_its_photograph_and_is_in_range(net, rng, size):
    image = rng.uniform(size=(2, *size, 3)).astype(np.float32)
    picture = np.asarray(net({"image": image, "code": codes(2)}))
    assert picture.shape == image.shape
    assert 0 <= picture.min() < picture.max() <= 1


def test_each_photograph_of_a_batch_has_a_style_of_its_own(net, rng):
    image = np.repeat(rng.uniform(size=(1, 48, 32, 3)), 2, axis=0).astype(np.float32)
    both = codes(2)
    first, second = np.asarray(net({"image": image, "code": both}))
    assert np.abs(first - second).max() > 0.01
    alone = np.asarray(net({"image": image[:1], "code": both[1:]}))
    np.testing.assert_allclose(second[None], alone, atol=1e-4)


def test_a_pixel_sees_more_than_four_hundred_pixels_of_the_photograph():
    pixels = {"encode1": 1, "encode2": 2, "encode3": 4, "encode4": 8, "sixteenth": 16, "eighth": 8, "quarter": 4}
    seen = 1
    for layer in unet().layers:  # A kernel of side k sees k - 1 more positions of this size.
        size = next((size for part, size in pixels.items() if layer.name.startswith(part)), None)
        if size and isinstance(layer, keras.layers.Conv2D):
            seen += (layer.kernel_size[0] - 1) * size
    assert seen == 1 + 6 + 2 * (2 + 4 + 8) + 8 * 2 * 16 + 4 * 2 * 8 + 4 * 2 * 4


def test_the_hidden_layers_bear_half_precision(rng):
    image, code = rng.uniform(size=(1, 48, 32, 3)).astype(np.float32), codes(1)
    weights = randomized(unet(**SMALL["unet"].arguments), np.random.default_rng(0), 0.1).get_weights()
    results = {}
    for dtype in ("float32", "mixed_bfloat16"):
        net = unet(**SMALL["unet"].arguments, dtype=dtype)
        net.set_weights(weights)
        results[dtype] = np.asarray(net({"image": image, "code": code}))
        assert results[dtype].dtype == np.float32
    assert np.abs(results["float32"] - results["mixed_bfloat16"]).mean() < 0.02


@pytest.mark.parametrize("name", nets.NETS)
def test_each_net_of_the_registry_is_what_it_says(name):
    net = nets.build(name)
    assert isinstance(net.input, dict) == nets.NETS[name].conditional
    assert net.output.shape == (None, None, None, 3)


def test_an_unknown_net_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"Unknown net: 'unett'\. Did you mean 'unet'"):
        nets.build("unett")


def test_the_statistics_are_mean_and_deviation_of_each_channel(rng):
    shapes = {"relu1_2": (8, 64), "relu2_2": (4, 128), "relu3_3": (2, 256), "relu4_3": (2, 512)}
    seen = {f"vgg/{tap}": 300 * rng.random((2, side, side, n)).astype(np.float32) for tap, (side, n) in shapes.items()}
    (found,) = STATISTICS(seen)
    assert found.shape == (2, SIZE)
    first = seen["vgg/relu1_2"] / 400
    wanted = np.sqrt(np.concatenate([first.mean((1, 2)), first.std((1, 2))], axis=1) + 1e-4) - 0.5
    np.testing.assert_allclose(found[:, :128], wanted, rtol=1e-4, atol=1e-5)


def test_the_statistics_do_not_depend_on_where_things_are(rng):
    shapes = {"relu1_2": 64, "relu2_2": 128, "relu3_3": 256, "relu4_3": 512}
    seen = {f"vgg/{tap}": rng.random((1, 6, 6, n)).astype(np.float32) for tap, n in shapes.items()}
    (found,) = STATISTICS(seen)
    (turned,) = STATISTICS({probe: np.rot90(values, axes=(1, 2)) for probe, values in seen.items()})
    np.testing.assert_allclose(found, turned, atol=1e-5)


def test_a_predicted_net_is_the_net_with_the_predictor_s_code(rng, monkeypatch):
    monkeypatch.setitem(nets.NETS, "unet", SMALL["unet"])
    keras.utils.set_random_seed(0)
    both = randomized(predicted("unet"), np.random.default_rng(0), 0.05)
    net, predictor = parts(both)
    image = keras.ops.convert_to_tensor(rng.uniform(size=(1, 32, 48, 3)).astype(np.float32))
    statistics = keras.ops.convert_to_tensor(rng.normal(size=(1, SIZE)).astype(np.float32))
    expected = net({"image": image, "code": predictor(statistics)})
    np.testing.assert_allclose(both({"image": image, "statistics": statistics}), expected, atol=1e-6)
