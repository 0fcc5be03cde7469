import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_nst.losses.functional import gram_matrix
from keras_nst.models import convolution, layers
from keras_nst.models.convolution import (
    compiled_for_cpu,
    reflected_winograd,
    rows_as_channels,
    sum_of_phases,
    sum_of_rows,
    sum_of_shifts,
    upsampled_convolution,
    upsampled_winograd,
    winograd,
)
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg


def value_and_gradients(function, *arguments):
    """The function's value, and the gradients of its weighted sum by its arguments."""
    arguments = [tf.constant(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = function(*arguments)
        total = tf.reduce_sum(value * tf.random.Generator.from_seed(0).normal(value.shape))
    return [value, *tape.gradient(total, arguments)]


def assert_alike(results, expected):
    for result, values in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, values, atol=2e-6 * np.abs(values).max())


@pytest.mark.parametrize(
    ("height", "width", "padding"), [(4, 5, "same"), (16, 13, "same"), (6, 3, "valid"), (18, 9, "valid")]
)
def test_winograd_is_the_convolution_and_so_are_its_gradients(rng, height, width, padding):
    image = rng.normal(size=(2, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 5, 7)).astype(np.float32)
    expected = value_and_gradients(lambda image, kernel: ops.conv(image, kernel, padding=padding), image, kernel)
    assert_alike(value_and_gradients(lambda *arguments: winograd(*arguments, padding), image, kernel), expected)


def test_the_transforms_are_those_of_the_paper():
    # Lavin & Gray 2016, section 4.3.
    inputs, taps, outputs = convolution._transforms(3)
    np.testing.assert_array_equal(
        inputs,
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
    )
    np.testing.assert_allclose(
        24 * taps, [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], atol=1e-6
    )
    np.testing.assert_array_equal(
        outputs, [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    )


@pytest.mark.parametrize("taps", [2, 3])
def test_the_transforms_give_four_outputs_of_any_sequence(rng, taps):
    of_inputs, of_taps, to_outputs = convolution._transforms(taps)
    sequence, kernel = rng.normal(size=taps + 3), rng.normal(size=taps)
    found = to_outputs @ ((of_inputs @ sequence) * (of_taps @ kernel))
    np.testing.assert_allclose(found, np.correlate(sequence, kernel), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 5), (3, 16), (13, 24)])
def test_winograd_of_both_sides_is_the_convolution_of_what_is_reflected(rng, height, width):
    image = rng.normal(size=(1, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 5, 7)).astype(np.float32)
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = ops.convert_to_numpy(ops.conv(padded, kernel, padding="valid"))
    np.testing.assert_allclose(reflected_winograd(image, kernel), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("stride", "taps"), [(1, 3), (1, 5), (2, 3), (2, 5)])
@pytest.mark.parametrize(("height", "width"), [(7, 7), (8, 10)])
def test_the_sum_of_shifts_is_the_depthwise_convolution_and_so_are_its_gradients(rng, stride, taps, height, width):
    image = rng.normal(size=(2, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(taps, taps, 5, 1)).astype(np.float32)
    expected = value_and_gradients(
        lambda image, kernel: ops.depthwise_conv(image, kernel, stride, padding="same"), image, kernel
    )
    assert_alike(value_and_gradients(lambda *arguments: sum_of_shifts(*arguments, stride), image, kernel), expected)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("taps", [(3, 3), (2, 5)])
@pytest.mark.parametrize(("height", "width"), [(7, 7), (8, 10), (9, 6)])
def test_the_sum_of_phases_is_the_strided_convolution_and_so_are_its_gradients(rng, padding, taps, height, width):
    image = rng.normal(size=(2, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(*taps, 5, 7)).astype(np.float32)
    expected = value_and_gradients(lambda image, kernel: ops.conv(image, kernel, 2, padding), image, kernel)
    assert_alike(value_and_gradients(lambda *arguments: sum_of_phases(*arguments, padding), image, kernel), expected)


def resized_and_convolved(image, kernel):
    resized = ops.repeat(ops.repeat(image, 2, axis=1), 2, axis=2)
    return ops.conv(ops.pad(resized, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), kernel, padding="valid")


def interpolated_and_convolved(image, kernel):
    resized = ops.image.resize(image, (2 * image.shape[1], 2 * image.shape[2]), interpolation="bilinear")
    return ops.conv(ops.pad(resized, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric"), kernel, padding="valid")


by_upsampling = pytest.mark.parametrize(
    ("upsampling", "two_steps"), [("nearest", resized_and_convolved), ("bilinear", interpolated_and_convolved)]
)


@by_upsampling
@pytest.mark.parametrize(("height", "width"), [(2, 2), (1, 3), (7, 4)])
def test_the_upsampled_convolution_is_that_of_the_resized_image_and_so_are_its_gradients(
    rng, upsampling, two_steps, height, width
):
    image = rng.normal(size=(2, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 5, 7)).astype(np.float32)
    expected = value_and_gradients(two_steps, image, kernel)
    assert_alike(
        value_and_gradients(lambda *arguments: upsampled_convolution(*arguments, upsampling), image, kernel), expected
    )


@by_upsampling
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (7, 4), (12, 21)])
def test_the_upsampled_convolution_by_winograd_is_that_of_the_resized_image(rng, upsampling, two_steps, height, width):
    image = rng.normal(size=(1, height, width, 5)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 5, 7)).astype(np.float32)
    expected = ops.convert_to_numpy(two_steps(image, kernel))
    np.testing.assert_allclose(
        upsampled_winograd(image, kernel, upsampling), expected, atol=1e-5 * np.abs(expected).max()
    )


@pytest.mark.parametrize("kernel", [(9, 9), (1, 1), (3, 5)])
def test_the_sum_of_rows_is_the_convolution_and_so_are_its_gradients(rng, kernel):
    image = rng.normal(size=(2, 11, 14, 4)).astype(np.float32)
    kernel = rng.normal(size=(*kernel, 4, 3)).astype(np.float32)
    expected = value_and_gradients(lambda image, kernel: ops.conv(image, kernel, padding="valid"), image, kernel)
    assert_alike(value_and_gradients(sum_of_rows, image, kernel), expected)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(7, 7), (3, 3), (2, 5)])
def test_rows_as_channels_are_the_convolution_and_so_are_its_gradients(rng, kernel, padding):
    image = rng.normal(size=(2, 11, 14, 3)).astype(np.float32)
    kernel = rng.normal(size=(*kernel, 3, 8)).astype(np.float32)
    expected = value_and_gradients(lambda image, kernel: ops.conv(image, kernel, padding=padding), image, kernel)
    assert_alike(value_and_gradients(lambda *arguments: rows_as_channels(*arguments, padding), image, kernel), expected)


def test_the_gradient_of_the_gram_is_that_of_the_product(rng):
    features = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    expected = value_and_gradients(lambda features: tf.einsum("bhwc,bhwd->bcd", features, features) / 60, features)
    assert_alike(value_and_gradients(gram_matrix, features), expected)


@pytest.fixture
def ways(monkeypatch):
    """Count, by layer, the calls of the implementations that only CPU compilers get."""
    calls = collections.Counter()

    def counted(way):
        return lambda *arguments: calls.update([way.__name__]) or way(*arguments)

    for way in (winograd, sum_of_phases, rows_as_channels):
        monkeypatch.setattr(convolution, way.__name__, counted(way))
    return calls


@pytest.mark.parametrize(
    ("build", "expected"),
    # The first layer of each net; all others of VGG; the transfer net's residual blocks, and its strided layers.
    [
        (lambda: vgg(["relu3_1", "relu4_1"]), {"rows_as_channels": 1, "winograd": 7}),
        (lambda: transfer_net((32, 32, 32), 1), {"rows_as_channels": 1, "winograd": 2, "sum_of_phases": 2}),
    ],
)
def test_compiled_networks_compute_the_same_in_fewer_multiplications(build, expected, rng, ways):
    network = build()
    image = rng.uniform(size=(1, 32, 32, 3)).astype(np.float32)
    plain = network(image)
    assert not ways
    with compiled_for_cpu():
        lean = tf.function(network, jit_compile=True)(image)
    assert ways == expected
    for one, other in zip(keras.tree.flatten(lean), keras.tree.flatten(plain), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((30, 32, 32), {}),
        ((32, 32, 16), {}),
        ((32, 32, 32), {"strides": 3}),
        ((32, 32, 32), {"dilation_rate": 2}),
        ((32, 32, 32), {"groups": 2}),
        ((32, 32, 32), {"dtype": "mixed_float16"}),
    ],
)
def test_other_convolutions_stay_as_they_are(shape, options, rng, ways):
    image = rng.uniform(size=(1, *shape)).astype(np.float32)
    layer = layers.Convolution2D(32, 3, padding="same", **options)
    with compiled_for_cpu():
        result = layer(image)
    assert not ways
    plain = keras.layers.Conv2D.from_config(layer.get_config())
    plain.build(image.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_array_equal(result, plain(image))


def test_open_sizes_stay_as_they_are(ways):
    image = keras.Input((None, None, 32))
    with compiled_for_cpu():
        layer = layers.Convolution2D(32, 3, padding="same")
        tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 32))]).get_concrete_function()
        assert layer(image).shape == (None, None, None, 32)
    assert not ways
