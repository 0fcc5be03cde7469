import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import sdp_gan as reference
from reference.nets import randomized

from keras_nst.models.sdp_gan import MAP, PICTURE, discriminator, generator, part

TINY = {"filters": (4, 5, 6), "residual_blocks": 1, "saliency_filters": (3, 4, 5, 6)}


@pytest.fixture
def net(rng):
    return randomized(generator(**TINY), rng)


def paths(model):
    return {variable.path for variable in model.variables}


def test_the_saliency_net_has_a_ninth_of_the_generators_parameters():
    net = generator()
    saliency = part(net, MAP)
    assert saliency.count_params() / (net.count_params() - saliency.count_params()) == pytest.approx(0.11, abs=0.005)


def test_without_it_the_generator_is_cartoongans():
    # 7x7 to 64, strided 3x3 to 128 and 256, eight residual blocks, 3x3 to 128 and 64, 7x7 to RGB.
    convolutions = [(7, 3, 64), (3, 64, 128), (3, 128, 256), *[(3, 256, 256)] * 16, (3, 256, 128), (3, 128, 64)]
    expected = sum(k * k * inputs * outputs + 3 * outputs for k, inputs, outputs in convolutions) + 7 * 7 * 64 * 3 + 3
    net = generator(saliency_filters=None)
    assert net.count_params() == expected
    assert set(net.output) == {PICTURE}


def test_it_is_its_formula_in_numpy(net, rng):
    weights = {layer.name: [np.float64(w) for w in layer.get_weights()] for layer in net.layers if layer.weights}
    images = rng.uniform(size=(2, 24, 32, 3)).astype(np.float32)
    found = net(images)
    for index, image in enumerate(images):
        picture, saliency = reference.networks(image, weights, 1)
        np.testing.assert_allclose(found[PICTURE][index], picture, atol=1e-4)
        np.testing.assert_allclose(found[MAP][index], saliency, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (61, 47)])
def test_both_outputs_have_the_size_of_the_input_and_are_in_range(net, rng, size):
    found = net(rng.uniform(size=(1, *size, 3)).astype(np.float32))
    assert found[PICTURE].shape == (1, *size, 3)
    assert found[MAP].shape == (1, *size, 1)
    for output in found.values():
        assert 0 <= np.min(output) < np.max(output) <= 1


@pytest.mark.parametrize("size", [(16, 16), (61, 47)])
def test_a_flat_image_gets_neither_frame_nor_grid(rng, size):
    # In double precision, since normalization amplifies rounding errors of zeros.
    net = randomized(generator(**TINY, dtype="float64"), rng)
    for output in net(np.full((1, *size, 3), 0.4)).values():
        np.testing.assert_allclose(output, np.broadcast_to(output[:, :1, :1], output.shape), atol=1e-3)


def test_the_picture_is_made_with_the_encoder_of_the_saliency_net_and_not_its_decoder(net):
    shared = paths(part(net, PICTURE)) & paths(part(net, MAP))
    assert shared == {path for path in paths(net) if path.startswith(("saliency1", "saliency2", "saliency3"))}
    apart = generator(**TINY, concatenated=False)
    assert not paths(part(apart, PICTURE)) & paths(part(apart, MAP))


def gradients(net, loss):
    with tf.GradientTape() as tape:
        value = loss(net(np.random.default_rng(1).uniform(size=(1, 16, 16, 3)).astype(np.float32)))
    found = tape.gradient(value, net.trainable_variables)
    return {v.path for v, slope in zip(net.trainable_variables, found, strict=True) if slope is not None}


def test_each_output_trains_its_own_part_and_both_the_shared_encoder(net):
    for output in (PICTURE, MAP):
        reached = gradients(net, lambda outputs, output=output: keras.ops.mean(keras.ops.square(outputs[output])))
        assert reached == paths(part(net, output))


def test_a_saved_picture_part_loads_and_paints_alike(net, rng, tmp_path):
    painter = part(net, PICTURE)
    painter.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras", safe_mode=True)
    image = rng.uniform(size=(1, 18, 23, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(image), net(image)[PICTURE])


def test_half_precision_comes_out_as_float32_and_close(net, rng):
    half = generator(**TINY, dtype="mixed_float16")
    half.set_weights(net.get_weights())
    image = rng.uniform(size=(1, 20, 24, 3)).astype(np.float32)
    exact = net(image)
    for output, found in half(image).items():
        assert found.dtype == "float32"
        assert 0 < np.abs(found - exact[output]).mean() < 1e-2


@pytest.mark.parametrize(("size", "places"), [((16, 16), (4, 4)), ((18, 33), (5, 9))])
def test_the_discriminator_judges_every_fourth_pixel(size, places):
    logits = discriminator((4, 4, 4))(np.zeros((2, *size, 3), np.float32))["logits"]
    assert logits.shape == (2, *places, 1)
    assert logits.dtype == "float32"


def test_the_discriminator_sees_37_pixels_around_a_place(rng):
    """Without normalization, which depends on the whole picture."""
    net = discriminator((2, 2, 2))
    for layer in net.layers:
        if layer.name.endswith("_norm"):
            layer.call = lambda inputs: inputs
    image = tf.Variable(rng.normal(size=(1, 80, 80, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        logit = net(image)["logits"][0, 10, 10, 0]
    reached = np.abs(tape.gradient(logit, image)).sum((0, 3)) > 0
    rows, columns = np.flatnonzero(reached.any(1)), np.flatnonzero(reached.any(0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (37, 37)


def test_with_spectral_normalization_no_convolution_stretches_by_more_than_one():
    net = discriminator((4, 4, 4), spectral=True)
    image = np.random.default_rng(0).uniform(size=(1, 16, 16, 3)).astype(np.float32)
    for _ in range(50):  # Each makes a step of the power iteration.
        net(image, training=True)
    wrappers = [layer for layer in net.layers if isinstance(layer, keras.layers.SpectralNormalization)]
    assert len(wrappers) == 7
    for wrapper in wrappers:
        kernel = np.array(wrapper.layer.kernel)
        largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=0.01)


def test_without_training_spectral_normalization_changes_nothing():
    net = discriminator((4, 4, 4), spectral=True)
    before = [np.array(weight) for weight in net.weights]
    net(np.zeros((1, 16, 16, 3), np.float32))
    for weight, old in zip(net.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
