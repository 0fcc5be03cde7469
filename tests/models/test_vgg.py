import keras
import numpy as np
import pytest
import skimage.data

from keras_nst.errors import InputError
from keras_nst.models.vgg import stride, tap, vgg
from keras_nst.models.weights import kernel_shapes, vgg_weights

EMBEDDED_TAPS = [tap(layer) for layer in kernel_shapes("vgg16")][:11]


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()[None, 100:164, 200:248].astype(np.float32) / 255


def application(weights, photograph):
    """The features of keras.applications' VGG16 with these weights, by layer."""
    network = keras.applications.VGG16(include_top=False, weights=None)
    for layer, arrays in weights.items():
        network.get_layer(layer).set_weights(arrays)
    probed = keras.Model(network.input, {layer: network.get_layer(layer).output for layer in weights})
    return probed(keras.applications.vgg16.preprocess_input(255 * photograph))


def relative_error(values, expected):
    return np.linalg.norm(np.subtract(values, expected)) / np.linalg.norm(expected)


def test_taps_have_the_names_of_the_papers():
    # Simonyan & Zisserman 2015, table 1: the second convolution of the fourth block, after its ReLU.
    assert tap("block4_conv2") == "relu4_2"
    blocks = ("relu1_1 relu1_2", "relu2_1 relu2_2", "relu3_1 relu3_2 relu3_3", "relu4_1 relu4_2 relu4_3", "relu5_1")
    assert " ".join(blocks) == " ".join(EMBEDDED_TAPS)


def test_every_tap_is_the_layer_of_keras_applications(photograph):
    expected = application(vgg_weights(), photograph)
    features = vgg(padding="zero")(photograph)
    assert list(features) == EMBEDDED_TAPS
    for layer, values in expected.items():
        assert features[tap(layer)].shape == values.shape
        assert relative_error(features[tap(layer)], values) < 1e-5


@pytest.mark.weights
def test_embedded_weights_give_the_features_of_the_full_precision_file(photograph, full_precision_vgg16):
    exact = dict(list(vgg_weights(source=full_precision_vgg16).items())[:11])
    expected = application(exact, photograph)
    features = vgg(padding="zero", convolutions=vgg_weights())(photograph)
    errors = {layer: relative_error(features[tap(layer)], values) for layer, values in expected.items()}
    assert len(errors) == 11
    assert max(errors.values()) < 1e-3, errors


@pytest.mark.weights
def test_the_full_precision_file_reaches_the_deepest_tap(photograph, full_precision_vgg16):
    weights = vgg_weights(source=full_precision_vgg16)
    expected = application(weights, photograph)["block5_conv3"]
    features = vgg(["relu5_3"], padding="zero", convolutions=weights)(photograph)
    assert relative_error(features["relu5_3"], expected) < 1e-5


@pytest.mark.parametrize(("taps", "deepest"), [(["relu1_1"], "block1_conv1"), (["relu3_1", "relu2_2"], "block3_conv1")])
def test_it_is_only_as_deep_as_asked(taps, deepest):
    model = vgg(taps)
    assert [layer.name for layer in model.layers if layer.weights][-1] == deepest
    assert model.layers[-1].name == deepest
    assert list(model.output) == taps


def test_it_is_frozen():
    model = vgg(["relu2_1"])
    assert model.trainable_variables == []
    assert len(model.non_trainable_variables) == 2 * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"taps": ["relu6_1"]}, "Unknown tap of vgg16: 'relu6_1'. Did you mean 'relu"),
        ({"taps": ["relu3_3", "relu33"]}, "Unknown tap of vgg16: 'relu33'. Did you mean 'relu3_3'"),
        ({"padding": "zeros"}, "Unknown `padding`: 'zeros'. Did you mean 'zero'?"),
        ({"pooling": "mean"}, "Unknown `pooling`: 'mean'. Known: average, max."),
        ({"backbone": "vgg-16"}, "Unknown `backbone`: 'vgg-16'. Did you mean 'vgg16'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(arguments, message):
    with pytest.raises(InputError) as error:
        vgg(**arguments)
    assert str(error.value).startswith(message)


def passing_on(channels=3):
    """A VGG with two blocks whose convolutions change nothing, to test the pooling alone."""
    kernel = np.zeros((3, 3, channels, channels), np.float32)
    kernel[1, 1] = np.eye(channels)
    return dict.fromkeys(("block1_conv1", "block2_conv1"), (kernel, np.zeros(channels, np.float32)))


@pytest.mark.parametrize(("pooling", "numpy", "gain"), [("max", np.max, 1.0), ("average", np.mean, 1.4)])
def test_pooling_is_over_two_by_two_pixels(rng, pooling, numpy, gain):
    image = rng.uniform(size=(2, 6, 8, 3)).astype(np.float32)
    features = vgg(convolutions=passing_on(), pooling=pooling)(image)
    rectified = np.maximum(keras.applications.vgg16.preprocess_input(255 * image), 0)
    np.testing.assert_allclose(features["relu1_1"], rectified, atol=1e-4)
    blocks = rectified.reshape(2, 3, 2, 4, 2, 3)
    np.testing.assert_allclose(features["relu2_1"], gain * numpy(blocks, axis=(2, 4)), atol=1e-4)


def test_average_pooling_changes_what_lies_behind_a_pool_but_not_its_size():
    photograph = skimage.data.astronaut()[None, ::2, ::2].astype(np.float32) / 255
    behind = ["relu2_1", "relu3_1", "relu4_1", "relu4_3", "relu5_1"]
    of_max, of_average = (vgg(["relu1_2", *behind], pooling=pooling)(photograph) for pooling in ("max", "average"))
    np.testing.assert_array_equal(of_max["relu1_2"], of_average["relu1_2"])
    for layer in behind:
        assert relative_error(of_average[layer], of_max[layer]) > 0.01
        assert 2 / 3 < np.linalg.norm(of_average[layer]) / np.linalg.norm(of_max[layer]) < 3 / 2


def test_replicate_padding_gives_a_flat_image_no_frame():
    gray = np.full((1, 9, 12, 3), 0.8, np.float32)
    framed = np.asarray(vgg(["relu1_1"], padding="zero")(gray)["relu1_1"])
    flat = np.asarray(vgg(["relu1_1"])(gray)["relu1_1"])
    np.testing.assert_allclose(flat, np.broadcast_to(flat[:, :1, :1], flat.shape), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(flat[:, 1:-1, 1:-1], framed[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-4)
    assert relative_error(framed[:, 0], flat[:, 0]) > 0.1


@pytest.mark.parametrize("size", [(16, 16), (33, 50)])
def test_features_shrink_by_half_in_each_block(size):
    features = vgg(["relu1_2", "relu2_2", "relu3_3"])(np.zeros((1, *size, 3), np.float32))
    for depth, values in enumerate(features.values()):
        assert values.shape == (1, size[0] // 2**depth, size[1] // 2**depth, 64 * 2**depth)


def test_half_precision_is_close_to_single(photograph):
    single, half = (vgg(["relu3_3"], dtype=dtype)(photograph)["relu3_3"] for dtype in ("float32", "mixed_float16"))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"
    assert 0 < relative_error(np.asarray(half, np.float32), single) < 0.01


@pytest.mark.parametrize("name", ["relu1_2", "relu2_1", "relu3_3", "relu4_1", "relu5_1"])
def test_a_position_of_a_tap_stands_for_so_many_pixels(photograph, name):
    rows, columns = vgg([name])(photograph)[name].shape[1:3]
    assert (rows * stride(name), columns * stride(name)) == photograph.shape[1:3]
