import h5py
import keras
import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.models import weights
from keras_nst.models.weights import ENVIRONMENT, kernel_shapes, read_keras_h5, vgg_weights

# The places of a layer's kernel and bias: in keras.applications' file of 2016, and in files of Keras 2.
LAYOUTS = {
    "Keras 1": ("{layer}/{layer}_W_1:0", "{layer}/{layer}_b_1:0"),
    "Keras 2": ("{layer}/{layer}/kernel:0", "{layer}/{layer}/bias:0"),
}


@pytest.fixture
def written(tmp_path, rng):
    """Write the first layers of a VGG in some layout; returns the path and the arrays."""

    def write(layout="Keras 2", layers=("block1_conv1", "block1_conv2"), shapes=None):
        shapes = shapes or kernel_shapes("vgg16")
        arrays = {layer: (rng.normal(size=shapes[layer]), rng.normal(size=shapes[layer][-1])) for layer in layers}
        with h5py.File(tmp_path / "vgg.h5", "w") as file:
            for layer, pair in arrays.items():
                for name, array in zip(LAYOUTS[layout], pair, strict=True):
                    file[name.format(layer=layer)] = array.astype(np.float32)
        return tmp_path / "vgg.h5", arrays

    return write


def test_vgg16_has_the_kernels_of_configuration_d():
    # Simonyan & Zisserman 2015, table 1; 14,714,688 is the count keras.applications prints without the classifier.
    shapes = kernel_shapes("vgg16")
    assert [shape[3] for shape in shapes.values()] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert sum(np.prod(shape) + shape[3] for shape in shapes.values()) == 14_714_688
    assert list(shapes.items())[2] == ("block2_conv1", (3, 3, 64, 128))


def test_vgg19_has_three_convolutions_more():
    # 20,024,384 is the count keras.applications prints without the classifier.
    shapes = kernel_shapes("vgg19")
    assert set(shapes) - set(kernel_shapes("vgg16")) == {"block3_conv4", "block4_conv4", "block5_conv4"}
    assert sum(np.prod(shape) + shape[3] for shape in shapes.values()) == 20_024_384


def test_an_unknown_backbone_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"Unknown `backbone`: 'vgg-16'\. Did you mean 'vgg16'"):
        kernel_shapes("vgg-16")


def test_the_package_carries_vgg16_up_to_block5_conv1():
    embedded = vgg_weights()
    assert list(embedded) == list(kernel_shapes("vgg16"))[:11]
    for layer, (kernel, bias) in embedded.items():
        assert kernel.shape == kernel_shapes("vgg16")[layer]
        assert bias.shape == kernel.shape[3:]
        assert kernel.dtype == bias.dtype == np.float32


@pytest.mark.weights
def test_the_embedded_weights_are_the_published_ones_rounded_to_float16(full_precision_vgg16):
    published = vgg_weights(source=full_precision_vgg16)
    for layer, arrays in vgg_weights().items():
        for embedded, exact in zip(arrays, published[layer], strict=True):
            # Half a unit in the last of 11 bits; below 6e-5 float16 has a fixed step of 6e-8.
            np.testing.assert_allclose(embedded, exact, rtol=2**-11, atol=2**-25)


def test_damaged_embedded_weights_are_refused(monkeypatch):
    monkeypatch.setitem(weights.SHA256, "vgg16", "0" * 64)
    weights.embedded.cache_clear()
    with pytest.raises(InputError, match=r"embedded weights .*vgg16\.npz are damaged: .* Install keras_nst again"):
        vgg_weights()
    weights.embedded.cache_clear()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_reads_the_files_of_every_keras(written, layout):
    path, arrays = written(layout)
    read = read_keras_h5(path, "vgg16", through="block1_conv2")
    assert list(read) == list(arrays)
    for layer in arrays:
        for found, expected in zip(read[layer], arrays[layer], strict=True):
            np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_the_environment_names_a_file_and_an_argument_takes_precedence(written, monkeypatch, tmp_path):
    path, _ = written()
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "elsewhere.h5"))
    with pytest.raises(InputError, match=r"elsewhere\.h5"):
        vgg_weights()
    with pytest.raises(InputError, match=r"vgg\.h5"):
        vgg_weights(source=path)


def test_imagenet_asks_keras_applications(monkeypatch):
    network = keras.applications.VGG16(include_top=False, weights=None)
    monkeypatch.setattr(
        keras.applications, "VGG16", lambda include_top, weights: {(False, "imagenet"): network}[include_top, weights]
    )
    downloaded = vgg_weights(source="imagenet")
    assert list(downloaded) == list(kernel_shapes("vgg16"))
    for layer, arrays in downloaded.items():
        for found, expected in zip(arrays, network.get_layer(layer).weights, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_download_that_fails_says_what_to_do_instead(monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure: None -- no route to host")

    monkeypatch.setattr(keras.applications, "VGG19", fail)
    with pytest.raises(InputError, match=f"Cannot download vgg19's weights: URL fetch failure.*{ENVIRONMENT}"):
        vgg_weights("vgg19")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"No VGG weights at .*gone\.h5\. Expected the HDF5 weights"):
        vgg_weights(source=tmp_path / "gone.h5")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="No VGG weights at"):
        vgg_weights(source=tmp_path)


def not_hdf5(path):
    path.write_bytes(b"PK\x03\x04 not HDF5")


def empty(path):
    h5py.File(path, "w").close()


def other_network(path):
    with h5py.File(path, "w") as file:
        file["conv1_conv/conv1_conv/kernel:0"] = np.zeros((7, 7, 3, 64))


def other_shapes(path):
    with h5py.File(path, "w") as file:
        file["block1_conv1/block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 32))
        file["block1_conv1/block1_conv1/bias:0"] = np.zeros(32)


def no_bias(path):
    with h5py.File(path, "w") as file:
        file["block1_conv1/block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64))


def array_for_group(path):
    with h5py.File(path, "w") as file:
        file["block1_conv1"] = np.zeros((3, 3, 3, 64))


@pytest.mark.parametrize("content", [not_hdf5, empty, other_network, other_shapes, no_bias, array_for_group])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    content(tmp_path / "other.h5")
    with pytest.raises(
        InputError, match=r"other\.h5 does not hold the weights of vgg16 .*Expected the HDF5 weights of"
    ):
        vgg_weights(source=tmp_path / "other.h5")


def test_a_file_that_ends_too_early_is_refused(written):
    path, _ = written(layers=("block1_conv1", "block1_conv2"))
    with pytest.raises(InputError, match="block2_conv1"):
        read_keras_h5(path, "vgg16")


def test_a_file_of_vgg16_is_no_vgg19_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not weights.at_hand("vgg19")
    for backbone in ("vgg16", "vgg19"):
        with h5py.File(tmp_path / f"{backbone}.h5", "w") as file:
            for layer, shape in weights.kernel_shapes(backbone).items():
                file[f"{layer}/kernel:0"], file[f"{layer}/bias:0"] = np.zeros(shape, "f2"), np.zeros(shape[-1], "f2")
    monkeypatch.setenv(weights.ENVIRONMENT, str(tmp_path / "vgg16.h5"))
    assert not weights.at_hand("vgg19")
    assert weights.at_hand("vgg19", tmp_path / "vgg19.h5")
    assert weights.at_hand("vgg19", "imagenet")
