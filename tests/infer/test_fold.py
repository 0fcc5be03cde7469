import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.nets import randomized

from keras_nst.infer.fold import fold, for_this_machine
from keras_nst.models.convolution import of_one_picture
from keras_nst.models.layers import Convolution2D, ReflectionPadding2D
from keras_nst.models.sdp_gan import PICTURE, generator, part
from keras_nst.models.transfer_net import transfer_net

NETS = {
    "few channels": lambda: transfer_net(filters=(4, 6, 8), residual_blocks=2),
    "many channels": lambda: transfer_net(filters=(32, 32, 48), residual_blocks=2),
    "SDP-GAN": lambda: part(generator((32, 32, 32), 1, saliency_filters=(4, 4, 32, 32)), PICTURE),
}


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return randomized(NETS[request.param](), np.random.default_rng(0), 0.2)


@pytest.mark.parametrize("shape", [(1, 16, 16, 3), (1, 37, 50, 3), (1, 48, 21, 3), (3, 24, 20, 3)])
def test_a_folded_net_makes_the_same_picture(net, rng, shape):
    images = rng.random(shape, np.float32)
    with of_one_picture():
        np.testing.assert_allclose(fold(net)(images), net(images), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 16, 16, 3), (1, 37, 50, 3), (2, 24, 20, 3)])
def test_in_half_precision_it_makes_almost_the_same_picture(net, rng, shape):
    images = rng.random(shape, np.float32)
    half = fold(net, "mixed_bfloat16")
    with of_one_picture():
        result, expected = half(images).numpy(), net(images).numpy()
    assert result.dtype == np.float32
    # A net of random weights has more contrast, and so larger errors, than a trained one.
    assert 0 < np.abs(result - expected).mean() < 3 / 255
    # A step of bfloat16 near 1 is 1/256: whatever comes after the last convolution must be finer.
    assert np.abs(result * 256 - np.rint(result * 256)).max() > 0.1
    computed = {layer.compute_dtype for layer in half.layers if isinstance(layer, keras.layers.Conv2D)}
    assert computed == {"bfloat16"}


@pytest.mark.parametrize("channels", [8, 16])
def test_scale_and_offset_of_a_normalization_stay_exact_in_half_precision(channels):
    image = keras.Input((None, None, channels))
    normalization = keras.layers.GroupNormalization(groups=-1)
    net = keras.Model(image, Convolution2D(1, 1)(normalization(image)))
    normalization.gamma.assign([1.001] * channels)  # Between two numbers of bfloat16.
    folded = next(layer for layer in fold(net, "mixed_bfloat16").layers if isinstance(layer, type(normalization)))
    values = tf.constant([[[[-1.0], [1.0]]]]) * tf.ones(channels)
    seen = []
    normalize = tf.compat.v1.nn.fused_batch_norm

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tf.compat.v1.nn,
            "fused_batch_norm",
            lambda *args, **kwargs: seen.append(kwargs["scale"]) or normalize(*args, **kwargs),
        )
        assert folded(tf.cast(values, tf.bfloat16)).dtype == tf.bfloat16
    np.testing.assert_allclose(seen[0], [1.001] * channels, rtol=1e-6)


def operations(net, batch):
    """The number of operations of each type, for this machine."""
    with for_this_machine():
        function = tf.function(net, input_signature=[tf.TensorSpec((batch, None, None, 3), tf.float32)])
        function = function.get_concrete_function()
    return collections.Counter(node.type for node in function.graph.get_operations())


@pytest.fixture
def deep():
    return transfer_net(filters=(32, 32, 32), residual_blocks=2)


def test_a_single_picture_is_normalized_by_one_operation(deep):
    # Three in the encoder, two in each residual block, two in the decoder.
    assert operations(fold(deep), 1)["FusedBatchNormV3"] == 9
    assert operations(fold(deep), None)["FusedBatchNormV3"] == 0


def test_a_single_picture_takes_few_convolutions(deep, monkeypatch):
    # Of ten, the three in the encoder and the last one remain.
    assert operations(fold(deep), 1)["Conv2D"] == 4
    assert operations(fold(deep), None)["Conv2D"] == 10
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert operations(fold(deep), 1)["Conv2D"] == 10


def test_other_convolutions_stay_as_they_are(rng):
    image = keras.Input((None, None, 32))
    padded = ReflectionPadding2D(1)(image)
    outputs = [
        Convolution2D(32, 3, **options)(padded)
        for options in ({"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"groups": 2})
    ]
    outputs += [Convolution2D(32, 3)(image), Convolution2D(32, 5)(padded), Convolution2D(8, 3)(padded)]
    net = randomized(keras.Model(image, outputs), np.random.default_rng(0), 0.2)
    values = rng.random((1, 9, 10, 32), np.float32)
    with of_one_picture():
        for found, expected in zip(fold(net)(values), net(values), strict=True):
            np.testing.assert_array_equal(found, expected)
