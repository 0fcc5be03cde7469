import keras
import numpy as np
import pytest

from keras_nst.models.transfer_net import transfer_net

TINY = {"filters": (4, 4, 8), "residual_blocks": 1}


def randomized(net, rng):
    """The net with every weight drawn anew, offsets and scales too, as if trained."""
    for variable in net.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape) + (1 if variable.name == "gamma" else 0))
    return net


@pytest.fixture
def net(rng):
    return randomized(transfer_net(**TINY), rng)


def parameters(filters, blocks):
    """Kernel, bias, scale and offset of each convolution in Liu et al. 2019, figure 4; the last has no normalization."""
    full, half, quarter = filters
    convolutions = [(9, 3, full), (3, full, half), (3, half, quarter), *[(3, quarter, quarter)] * 2 * blocks]
    convolutions += [(3, quarter, half), (3, half, full)]
    return sum(k * k * inputs * outputs + 3 * outputs for k, inputs, outputs in convolutions) + 9 * 9 * full * 3 + 3


def test_it_has_the_published_number_of_parameters():
    # TransformerNet of pytorch/examples (fast_neural_style), the same architecture, counts 1,679,235 as well.
    assert transfer_net().count_params() == 1_679_235


@pytest.mark.parametrize(("filters", "blocks"), [((4, 4, 8), 1), ((8, 16, 32), 3)])
def test_its_size_follows_its_arguments(filters, blocks):
    assert transfer_net(filters, blocks).count_params() == parameters(filters, blocks)


@pytest.mark.parametrize("size", [(16, 16), (16, 320), (17, 33), (18, 16), (19, 21), (61, 47), (64, 64)])
def test_the_output_has_the_size_and_range_of_the_input(net, rng, size):
    image = rng.uniform(size=(1, *size, 3)).astype(np.float32)
    stylized = np.asarray(net(image))
    assert stylized.shape == image.shape
    assert stylized.min() >= 0
    assert stylized.max() <= 1
    assert stylized.std() > 0.01


def test_it_reaches_both_ends_of_the_range_and_not_beyond(net, rng):
    last = [variable for variable in net.trainable_variables if variable.name == "kernel"][-1]
    last.assign(1e3 * last)
    stylized = np.asarray(net(rng.uniform(size=(1, 16, 16, 3)).astype(np.float32)))
    assert (stylized.min(), stylized.max()) == (0, 1)


def test_images_of_a_batch_do_not_touch_each_other(net, rng):
    images = rng.uniform(size=(3, 20, 16, 3)).astype(np.float32) ** np.reshape([1, 2, 4], (3, 1, 1, 1))
    apart = [np.asarray(net(image[None]))[0] for image in images]
    np.testing.assert_allclose(net(images), apart, atol=1e-4)


def test_height_and_width_are_treated_alike(net, rng):
    image = rng.uniform(size=(1, 16, 22, 3)).astype(np.float32)
    stylized = np.asarray(net(image))
    for variable in net.variables:
        if variable.name == "kernel":
            variable.assign(np.asarray(variable).transpose(1, 0, 2, 3))
    np.testing.assert_allclose(np.asarray(net(image.transpose(0, 2, 1, 3))), stylized.transpose(0, 2, 1, 3), atol=1e-3)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (61, 47)])
def test_a_flat_image_gets_neither_frame_nor_grid(net, size):
    # Wherever padding or up-sampling tells the net the place of a pixel, pixels differ.
    stylized = np.asarray(net(np.full((1, *size, 3), 0.4, np.float32)))
    np.testing.assert_allclose(stylized, np.broadcast_to(stylized[:, :1, :1], stylized.shape), atol=1e-3)


def test_a_saved_net_loads_in_safe_mode_and_stylizes_alike(net, rng, tmp_path):
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    image = rng.uniform(size=(2, 18, 23, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(image), net(image))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_comes_out_as_float32_and_close(rng, dtype):
    single = transfer_net(**TINY)
    half = transfer_net(**TINY, dtype=dtype)
    half.set_weights(single.get_weights())
    image = rng.uniform(size=(1, 20, 24, 3)).astype(np.float32)
    stylized = half(image)
    assert keras.backend.standardize_dtype(stylized.dtype) == half.output.dtype == "float32"
    assert {variable.dtype for variable in half.variables} == {"float32"}
    assert {layer.compute_dtype for layer in half.layers if isinstance(layer, keras.layers.Conv2D)} == {dtype[6:]}
    tolerance = {"mixed_float16": 0.01, "mixed_bfloat16": 0.05}[dtype]
    assert 0 < np.abs(stylized - single(image)).max() < tolerance
