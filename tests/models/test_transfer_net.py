import keras
import numpy as np
import pytest
from reference import transfer_net as reference
from reference.nets import randomized

from keras_nst.models.transfer_net import transfer_net

TINY = {"filters": (4, 4, 8), "residual_blocks": 1}


@pytest.fixture
def net(rng):
    return randomized(transfer_net(**TINY), rng)


def parameters(filters, blocks):
    """Kernel, bias, scale and offset of each convolution in Liu et al. 2019, figure 4; the last has only two."""
    full, half, quarter = filters
    convolutions = [(9, 3, full), (3, full, half), (3, half, quarter), *[(3, quarter, quarter)] * 2 * blocks]
    convolutions += [(3, quarter, half), (3, half, full)]
    return sum(k * k * inputs * outputs + 3 * outputs for k, inputs, outputs in convolutions) + 9 * 9 * full * 3 + 3


def test_it_has_the_published_number_of_parameters():
    # TransformerNet of pytorch/examples (fast_neural_style), the same architecture, also has 1,679,235.
    assert transfer_net().count_params() == 1_679_235


@pytest.mark.parametrize(("filters", "blocks"), [((4, 4, 8), 1), ((8, 16, 32), 3)])
def test_its_size_follows_its_arguments(filters, blocks):
    assert transfer_net(filters, blocks).count_params() == parameters(filters, blocks)


@pytest.mark.parametrize(("size", "blocks", "kernel"), [((16, 24), 1, 9), ((20, 16), 2, 9), ((16, 20), 1, 5)])
def test_it_is_figure_4_of_the_paper(rng, size, blocks, kernel):
    net = randomized(transfer_net((4, 5, 6), blocks, kernel), rng)
    images = rng.uniform(size=(2, *size, 3)).astype(np.float32)
    expected = [reference.transfer_net(image, net.get_weights(), blocks) for image in images]
    np.testing.assert_allclose(net(images), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(17, 22), (31, 33)])
def test_other_sizes_are_mirrored_up_to_a_multiple_of_4_and_cropped(net, rng, size):
    image = rng.uniform(size=(*size, 3)).astype(np.float32)
    padded = np.pad(image, (*((0, -side % 4) for side in size), (0, 0)), mode="reflect")
    expected = reference.transfer_net(padded, net.get_weights(), TINY["residual_blocks"])[: size[0], : size[1]]
    np.testing.assert_allclose(net(image[None])[0], expected, atol=1e-4)


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


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (61, 47)])
def test_a_flat_image_gets_neither_frame_nor_grid(rng, size):
    # If padding or up-sampling showed the net the place of a pixel, pixels would differ. In double precision, since
    # normalization amplifies rounding errors of zeros.
    net = randomized(transfer_net(**TINY, dtype="float64"), rng)
    stylized = np.asarray(net(np.full((1, *size, 3), 0.4)))
    np.testing.assert_allclose(stylized, np.broadcast_to(stylized[:, :1, :1], stylized.shape), atol=1e-5)


def test_a_saved_net_loads_in_safe_mode_and_stylizes_alike(net, rng, tmp_path):
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    image = rng.uniform(size=(2, 18, 23, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(image), net(image))


@pytest.mark.parametrize(("dtype", "resolution"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_half_precision_comes_out_as_float32_and_close(net, rng, dtype, resolution):
    half = transfer_net(**TINY, dtype=f"mixed_{dtype}")
    half.set_weights(net.get_weights())
    image = rng.uniform(size=(1, 20, 24, 3)).astype(np.float32)
    stylized = half(image)
    assert keras.backend.standardize_dtype(stylized.dtype) == half.output.dtype == "float32"
    assert {variable.dtype for variable in half.variables} == {"float32"}
    assert {layer.compute_dtype for layer in half.layers if isinstance(layer, keras.layers.Conv2D)} == {dtype}
    assert 0 < np.abs(stylized - net(image)).mean() < 4 * resolution


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_ends_before_colors_are_made(rng, dtype):
    # 256 levels of a color are finer than the steps of bfloat16.
    net = randomized(transfer_net(**TINY, dtype=f"mixed_{dtype}"), rng)
    tanh = 2 * net(rng.uniform(size=(1, 16, 16, 3)).astype(np.float32)) - 1
    rounded = keras.ops.cast(keras.ops.cast(tanh, dtype), "float32")
    assert np.abs(tanh - rounded).max() > 1e-5
