"""Regions against the network itself: changing a pixel shows which positions see it."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from keras_nst.errors import InputError
from keras_nst.models.regions import RULES, region_weights
from keras_nst.models.vgg import receptive_field, tap, vgg
from keras_nst.models.weights import BLOCKS, kernel_shapes

BACKBONES = list(BLOCKS)
HEIGHT, WIDTH = 43, 58


def taps(backbone):
    return [tap(layer) for layer in kernel_shapes(backbone)]


@cache
def network(backbone, pooling="average"):
    """A linear VGG with two filters per layer: every pixel changes the features of the positions that see it."""
    rng, convolutions, channels = np.random.default_rng(0), {}, 3
    for layer in kernel_shapes(backbone):
        kernel = rng.uniform(0.5, 1.5, (3, 3, channels, 2)) / (9 * channels)
        convolutions[layer] = kernel.astype(np.float32), np.full(2, 300, np.float32)
        channels = 2
    return vgg(backbone=backbone, convolutions=convolutions, pooling=pooling)


@pytest.fixture(params=BACKBONES)
def backbone(request):
    return request.param


@pytest.fixture
def mask(rng):
    """A rectangle, a corner, and a single pixel."""
    mask = np.zeros((1, HEIGHT, WIDTH, 1), np.float32)
    mask[:, 5:38, 8:50] = mask[:, 40:, 55:] = mask[:, 2, 30] = 1
    return mask


def changed(network, where, rng):
    """The positions of each tap that change when pixels change by more than rounding."""
    image = rng.uniform(size=(*where.shape[:3], 3)).astype(np.float32)
    disturbed = image + 1e25 * where.astype(np.float32)
    before, after = network(image), network(disturbed)
    return {name: np.any(np.not_equal(before[name], after[name]), axis=-1)[0] for name in before}


def support(mask, backbone, rule, layers=None, **kwargs):
    weights = region_weights(mask, layers or taps(backbone), backbone=backbone, rule=rule, **kwargs)
    return {layer: weights[0, ..., 0] > 0 for layer, weights in weights.items()}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_weights_sum_to_one_and_have_the_size_of_the_features(backbone, rule, pooling):
    mask = np.zeros((1, 99, 147, 1), np.float32)
    mask[:, :, :140] = 1
    weights = region_weights(mask, ["image", *taps(backbone)], backbone=backbone, pooling=pooling, rule=rule)
    features = network(backbone)(np.zeros((1, 99, 147, 3), np.float32))
    assert weights["image"].shape == (1, 99, 147, 1)
    for layer, values in weights.items():
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
        assert layer == "image" or values.shape[:3] == features[layer].shape[:3]


@pytest.mark.parametrize("rule", RULES)
def test_of_a_full_mask_all_positions_count_alike(backbone, rule):
    full = np.ones((1, HEIGHT, WIDTH, 1), np.float32)
    for values in region_weights(full, ["image", *taps(backbone)], backbone=backbone, rule=rule).values():
        np.testing.assert_allclose(values, 1 / values.size, rtol=1e-5)


def test_on_pixels_a_region_is_its_mask(rng):
    mask = rng.uniform(size=(1, 7, 9, 1)).astype(np.float32).repeat(3, 1).repeat(3, 2)
    np.testing.assert_allclose(region_weights(mask, ["image"])["image"], mask / mask.sum(), rtol=1e-5)


def test_inside_is_what_nothing_around_the_region_changes(rng, backbone, mask):
    outside = changed(network(backbone), mask == 0, rng)
    kept = [layer for layer in taps(backbone) if not outside[layer].all()]
    assert len(kept) > 4
    for layer, inside in support(mask, backbone, "inside", kept).items():
        np.testing.assert_array_equal(inside, ~outside[layer], err_msg=layer)


def test_all_is_what_the_region_changes(rng, backbone, mask):
    touched = changed(network(backbone), mask == 1, rng)
    for layer, everything in support(mask, backbone, "all").items():
        np.testing.assert_array_equal(everything, touched[layer], err_msg=layer)


def test_with_maximum_pooling_inside_leaks_nothing_and_all_misses_nothing(rng, backbone, mask):
    pooled = network(backbone, "max")
    outside, touched = changed(pooled, mask == 0, rng), changed(pooled, mask == 1, rng)
    kept = [layer for layer in taps(backbone) if layer[:5] in ("relu1", "relu2")]
    for layer, inside in support(mask, backbone, "inside", kept).items():
        assert inside.any()
        assert not (inside & outside[layer]).any(), layer
    for layer, everything in support(mask, backbone, "all").items():
        assert not (touched[layer] & ~everything).any(), layer


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_simple_lies_between(backbone, mask, pooling):
    rules, layers = ("inside", "simple", "all"), taps(backbone)[:6]
    inside, simple, everything = (support(mask, backbone, rule, layers, pooling=pooling) for rule in rules)
    for layer in inside:
        assert not (inside[layer] & ~simple[layer]).any(), layer
        assert not (simple[layer] & ~everything[layer]).any(), layer
        assert inside[layer].sum() < simple[layer].sum(), layer


@pytest.mark.parametrize(("pooling", "numpy"), [("max", np.max), ("average", np.mean)])
def test_pooled_only_poolings_change_the_mask(rng, pooling, numpy):
    # Zhou, section 3.3.1: at each pooling it is pooled with the same method.
    mask = rng.uniform(size=(1, 48, 64, 1)).astype(np.float32)
    weights = region_weights(mask, ["relu1_2", "relu3_3"], pooling=pooling, rule="pooled")
    expected = numpy(mask.reshape(12, 4, 16, 4), axis=(1, 3))
    np.testing.assert_allclose(weights["relu1_2"], mask / mask.sum(), rtol=1e-5)
    np.testing.assert_allclose(weights["relu3_3"][0, ..., 0], expected / expected.sum(), rtol=1e-5)


def test_simple_averages_over_the_nine_that_a_convolution_sees():
    mask = np.zeros((1, 32, 32, 1), np.float32)
    mask[:, 10, 11] = 1
    expected = np.zeros((32, 32))
    expected[9:12, 10:13] = 1 / 9
    np.testing.assert_allclose(region_weights(mask, ["relu1_1"])["relu1_1"][0, ..., 0], expected, atol=1e-7)


@pytest.mark.parametrize(("pooling", "numpy"), [("max", np.max), ("average", np.mean)])
def test_a_mask_is_pooled_as_the_network_pools(pooling, numpy):
    mask = np.zeros((1, 32, 32, 1), np.float32)
    mask[:, :, :9] = 1
    row = np.r_[1, 1, mask[0, 0, :, 0], 0, 0]
    for _ in range(2):
        row = np.convolve(row, np.full(3, 1 / 3), "valid")
    pooled = numpy(row.reshape(16, 2), axis=1)
    expected = np.convolve(np.r_[1, pooled, 0], np.full(3, 1 / 3), "valid")
    found = region_weights(mask, ["relu2_1"], pooling=pooling)["relu2_1"]
    np.testing.assert_allclose(
        found[0, :, :, 0], np.tile(expected / expected.sum() / 16, (16, 1)), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "insides"}, "Unknown `rule`: 'insides'. Did you mean 'inside'?"),
        ({"pooling": "mean"}, "Unknown `pooling`: 'mean'. Known: average, max."),
        ({"layers": ["relu3_4"]}, "Unknown layer: 'relu3_4'. Did you mean 'relu"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(arguments, message):
    with pytest.raises(InputError) as error:
        region_weights(np.ones((1, 32, 32, 1), np.float32), **{"layers": ["relu1_1"], **arguments})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("rule", RULES)
def test_a_region_of_a_pixel_has_positions_that_see_it_at_each_layer(rng, backbone, pooling, rule):
    mask = np.zeros((1, HEIGHT, WIDTH, 1), np.float32)
    mask[:, -1, 30] = 1  # In a row that the first pooling leaves out.
    touched = changed(network(backbone, pooling), mask == 1, rng)
    for layer, kept in support(mask, backbone, rule, pooling=pooling).items():
        assert kept.any()
        assert not (kept & ~touched[layer]).any(), layer


def test_where_a_rule_leaves_nothing_positions_count_by_how_much_of_the_region_they_see():
    mask = np.zeros((1, 64, 96, 1), np.float32)
    mask[:, 20:44, 40:64] = 1
    inside, simple = (region_weights(mask, taps("vgg16"), rule=rule) for rule in ("inside", "simple"))
    # Each convolution takes a position from each side, and each pooling half of them: two are left at the third.
    kept = {"relu1_1": 22**2, "relu1_2": 20**2, "relu2_1": 8**2, "relu2_2": 6**2}
    for layer, weights in inside.items():
        if layer in kept:
            assert np.count_nonzero(weights) == kept[layer], layer
        else:
            np.testing.assert_array_equal(weights, simple[layer])


@pytest.mark.parametrize("rule", RULES)
def test_an_empty_region_is_refused(rule):
    with pytest.raises(InputError, match="The layer relu2_1 has no position in a picture of 48 x 32 pixels"):
        region_weights(np.zeros((1, 32, 48, 1), np.float32), ["relu2_1"], rule=rule)


def test_a_small_picture_has_shallow_layers():
    weights = region_weights(np.ones((1, 9, 8, 1), np.float32), ["relu1_2", "relu3_3"])
    assert [values.shape for values in weights.values()] == [(1, 9, 8, 1), (1, 2, 2, 1)]
    with pytest.raises(InputError, match=r"The layer relu5_1 has no position in a picture of 8 x 9 pixels"):
        region_weights(np.ones((1, 9, 8, 1), np.float32), ["relu5_1"])


@pytest.mark.parametrize(
    ("backbone", "layer", "field"),
    [("vgg16", "relu3_3", 40), ("vgg16", "relu4_3", 92), ("vgg19", "relu4_1", 68), ("vgg19", "relu5_1", 156)],
)
def test_receptive_fields_are_the_published_ones(backbone, layer, field):
    assert receptive_field(layer, backbone) == field


def test_a_position_depends_on_as_many_columns_as_its_receptive_field_is_wide(backbone):
    image = tf.zeros((1, 16, 512, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        features = network(backbone)(image)
        middles = {name: values[:, :, values.shape[2] // 2] for name, values in features.items()}
    for name, middle in middles.items():
        seen = np.any(tape.gradient(middle, image) != 0, axis=(0, 1, 3))
        assert seen.sum() == receptive_field(name, backbone), name


def test_an_unknown_tap_has_no_receptive_field():
    with pytest.raises(InputError, match=r"Unknown tap of vgg16: 'relu3_4'. Did you mean 'relu"):
        receptive_field("relu3_4")


def test_weights_of_a_soft_mask_are_not_negative_and_exactly_0_where_nothing_is_seen(rng):
    mask = np.zeros((1, 96, 128, 1), np.float32)
    mask[:, 20:60, 30:70] = rng.random((40, 40, 1)) ** 8
    for weights in region_weights(mask, ["relu1_1", "relu2_1", "relu3_1"]).values():
        assert weights.min() == 0
        positions = weights[0, ..., 0] > 0
        assert positions.mean() < 0.4
        assert weights[0, positions].min() > 1e-15
