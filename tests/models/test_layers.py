import keras
import numpy as np
import pytest

from keras_nst.models.layers import (
    BilinearUpsampledConvolution2D,
    CaffePreprocessing,
    ConditionalInstanceNormalization,
    CropLike2D,
    NearestUpsampling2D,
    PadToMultiple2D,
    ReflectionPadding2D,
    ReplicationPadding2D,
    instance_normalization,
)


def bottom_right_to(multiple):
    def padded(image):
        # A side of one multiple is first reflected by a pixel: then it has enough of them to become two multiples.
        for missing in (lambda side: side == multiple, lambda side: -side % multiple):
            height, width = (int(missing(side)) for side in image.shape[1:3])
            image = np.pad(image, ((0, 0), (0, height), (0, width), (0, 0)), mode="reflect")
        return image

    return padded


def around(width, mode):
    return lambda image: np.pad(image, ((0, 0), (width, width), (width, width), (0, 0)), mode=mode)


# The layer, and NumPy's name of its padding.
SPATIAL = {
    "reflect 1": (lambda: ReflectionPadding2D(), around(1, "reflect")),
    "reflect 4": (lambda: ReflectionPadding2D(4), around(4, "reflect")),
    "replicate": (lambda: ReplicationPadding2D(), around(1, "edge")),
    "multiple of 4": (lambda: PadToMultiple2D(4), bottom_right_to(4)),
    "multiple of 5": (lambda: PadToMultiple2D(5), bottom_right_to(5)),
    "nearest": (lambda: NearestUpsampling2D(), lambda image: image.repeat(2, axis=1).repeat(2, axis=2)),
}


@pytest.fixture(params=SPATIAL)
def layer_and_numpy(request):
    build, numpy = SPATIAL[request.param]
    return build(), numpy


@pytest.mark.parametrize("size", [(5, 5), (8, 12), (9, 6), (7, 11)])
def test_it_equals_numpy_and_says_its_shape(rng, layer_and_numpy, size):
    layer, numpy = layer_and_numpy
    image = rng.normal(size=(2, *size, 3)).astype(np.float32)
    expected = numpy(image)
    np.testing.assert_array_equal(layer(image), expected)
    assert layer.compute_output_shape(image.shape) == expected.shape


def test_it_equals_numpy_when_sizes_are_unknown_until_it_runs(rng, layer_and_numpy):
    layer, numpy = layer_and_numpy
    photograph = keras.Input((None, None, 3))
    model = keras.Model(photograph, layer(photograph))
    assert model.output_shape == (None, None, None, 3)
    for size in [(8, 8), (6, 9)]:
        image = rng.normal(size=(1, *size, 3)).astype(np.float32)
        np.testing.assert_array_equal(model.predict(image, verbose=0), numpy(image))


def test_a_copy_from_the_config_does_the_same(rng, layer_and_numpy):
    layer, _ = layer_and_numpy
    image = rng.normal(size=(1, 6, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(type(layer).from_config(layer.get_config())(image), layer(image))


def test_crop_like_undoes_pad_to_multiple(rng):
    image = rng.normal(size=(2, 9, 14, 3)).astype(np.float32)
    crop = CropLike2D()
    padded = PadToMultiple2D(4)(image)
    np.testing.assert_array_equal(crop([padded, image]), image)
    assert crop.compute_output_shape([(2, 12, 16, 7), (2, 9, 14, 3)]) == (2, 9, 14, 7)


def test_the_mean_color_of_imagenet_becomes_zero_for_vgg():
    mean = np.reshape([123.68, 116.779, 103.939], (1, 1, 1, 3)) / 255
    np.testing.assert_allclose(CaffePreprocessing()(mean.astype(np.float32)), np.zeros((1, 1, 1, 3)), atol=1e-5)


def test_vgg_sees_blue_green_red(rng):
    image = rng.uniform(size=(2, 4, 5, 3)).astype(np.float32)
    expected = keras.applications.vgg16.preprocess_input(255 * image)
    np.testing.assert_allclose(CaffePreprocessing()(image), expected, atol=1e-4)


def test_instance_normalization_is_per_channel_of_each_image(rng):
    scale = np.reshape([1, 10, 100, 1, 10, 100], (2, 1, 1, 3))
    image = (scale * rng.normal(3, 2, (2, 6, 7, 3))).astype(np.float32)
    gamma, beta = rng.normal(size=3), rng.normal(size=3)
    layer = instance_normalization()
    layer.build(image.shape)
    layer.set_weights([gamma, beta])
    mean, variance = image.mean((1, 2), keepdims=True), image.var((1, 2), keepdims=True)
    np.testing.assert_allclose(
        layer(image), gamma * (image - mean) / np.sqrt(variance + 1e-5) + beta, rtol=1e-3, atol=1e-4
    )


def conditional(rng, shapes):
    layer = ConditionalInstanceNormalization()
    layer.build(shapes)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def test_conditional_normalization_scales_and_shifts_by_the_code_of_each_image(rng):
    features, codes = rng.normal(3, 2, (2, 6, 7, 3)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)
    layer = conditional(rng, [features.shape, codes.shape])
    kernel, bias = layer.get_weights()
    normalized = (features - features.mean((1, 2), keepdims=True)) / features.std((1, 2), keepdims=True)
    scale, offset = np.split((codes @ kernel + bias)[:, None, None], 2, axis=-1)
    np.testing.assert_allclose(layer([features, codes]), (1 + scale) * normalized + offset, rtol=1e-3, atol=1e-4)


def test_conditional_normalization_is_the_plain_one_at_scale_and_offset_of_a_code(rng):
    features, codes = rng.normal(3, 2, (1, 6, 7, 3)).astype(np.float32), rng.normal(size=(1, 5)).astype(np.float32)
    layer = conditional(rng, [features.shape, codes.shape])
    plain = instance_normalization()
    plain.build(features.shape)
    plain.set_weights([np.asarray(part)[0] for part in layer.scale_and_offset(codes)])
    np.testing.assert_allclose(layer([features, codes]), plain(features), rtol=1e-4, atol=1e-5)


def test_bilinear_upsampling_and_convolution_are_those_of_two_steps(rng):
    image = rng.normal(size=(2, 5, 8, 3)).astype(np.float32)
    layer = BilinearUpsampledConvolution2D(4)
    result = layer(image)
    assert result.shape == layer.compute_output_shape(image.shape) == (2, 10, 16, 4)
    upsampled = keras.ops.image.resize(image, (10, 16), interpolation="bilinear")
    bordered = np.pad(upsampled, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    expected = keras.ops.conv(bordered, layer.kernel, padding="valid") + layer.bias
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
