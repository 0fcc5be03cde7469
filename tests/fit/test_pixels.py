import numpy as np
import pytest

from keras_nst import losses
from keras_nst.errors import InputError
from keras_nst.fit.pixels import PixelObjective
from keras_nst.losses.statistics import gaussian, high_order
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import receptive_field, vgg
from keras_nst.models.weights import kernel_shapes

LAYERS = ("relu1_2", "relu2_1")
SIZE = (90, 70)
LOSS = (
    0.5 * losses.content("relu2_1", region=0)
    + 2.0 * losses.style(*LAYERS, region=0)
    + 1.0 * losses.style("relu2_1", region=1, statistic=high_order())
    + 3.0 * losses.style("relu2_1", region=2, statistic=gaussian(steps=5))
    + 10.0 * losses.total_variation(region=0)
)


@pytest.fixture(scope="module")
def observer():
    """A small VGG with average pooling, since rounding decides between equal maxima."""
    rng, convolutions, channels = np.random.default_rng(0), {}, 3
    for layer in list(kernel_shapes("vgg16"))[:3]:
        kernel = rng.normal(size=(3, 3, channels, 4)) / np.sqrt(9 * channels)
        convolutions[layer] = kernel.astype(np.float32), np.full(4, 20, np.float32)
        channels = 4
    return Observer(vgg=vgg(LAYERS, convolutions=convolutions, pooling="average"))


def smooth(rng, height, width):
    rough = rng.uniform(size=(1, height // 5, width // 5, 3)).repeat(5, 1).repeat(5, 2)
    return (0.7 * rough + 0.3 * rng.uniform(size=rough.shape)).astype(np.float32)


def masks(height, width):
    """Everything, the upper left, and a soft half."""
    left = np.zeros((1, height, width, 1), np.float32)
    left[:, : height // 2, : width // 2] = 1
    fading = np.linspace(0, 1, width, dtype=np.float32)[None, None, :, None].repeat(height, 1)
    return {0: np.ones_like(left), 1: left, 2: fading}


def weights(regions, height, width):
    return {
        f"region{region}/{layer}": values
        for region in regions
        for layer, values in region_weights(masks(height, width)[region], ["image", *LAYERS], pooling="average").items()
    }


@pytest.fixture(scope="module")
def objectives(observer):
    """For the whole picture at once, and for nine windows; each has measured its own targets."""
    rng = np.random.default_rng(1)
    content = smooth(rng, *SIZE)
    styles = {"style": smooth(rng, 50, 40), "style1": smooth(rng, 75, 100), "style2": smooth(rng, 40, 85)}
    built = []
    for tile in (None, 64):
        objective = PixelObjective(
            LOSS,
            observer,
            SIZE,
            weights((0, 1, 2), *SIZE),
            tile=tile,
            halo=receptive_field("relu2_1") // 2,
        )
        targets = objective.targets("content", content, weights((0,), *SIZE))
        for region, (role, image) in enumerate(styles.items()):
            targets |= objective.targets(role, image, weights((region,), *image.shape[1:3]))
        objective.bind(targets)
        built.append(objective)
    return built


@pytest.fixture(scope="module")
def evaluations(objectives):
    image = smooth(np.random.default_rng(2), *SIZE)
    return image, *(objective(image) for objective in objectives)


def test_tiles_do_not_change_the_targets(objectives):
    whole, tiled = (objective.loss.constants for objective in objectives)
    assert whole.keys() == tiled.keys() == {"content", "style", "style1", "style2"}
    for name in whole:
        for ours, theirs in zip(flat(tiled[name]), flat(whole[name]), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def flat(nest):
    return [leaf for part in nest for leaf in flat(part)] if isinstance(nest, tuple) else [np.asarray(nest)]


def test_tiles_do_not_change_value_and_terms(evaluations):
    _, whole, tiled = evaluations
    assert tiled.value == pytest.approx(whole.value, rel=1e-4)
    assert tiled.terms == pytest.approx(whole.terms, rel=1e-4)
    assert tiled.terms.keys() == LOSS.weights.keys()


def test_the_value_is_the_weighted_sum_of_the_terms(evaluations):
    for evaluation in evaluations[1:]:
        total = sum(weight * evaluation.terms[name] for name, weight in LOSS.weights.items())
        assert evaluation.value == pytest.approx(total, rel=1e-5)


def test_tiles_do_not_change_the_gradient(evaluations):
    image, whole, tiled = evaluations
    assert whole.gradient.shape == tiled.gradient.shape == image.shape
    error = np.linalg.norm(tiled.gradient - whole.gradient) / np.linalg.norm(whole.gradient)
    assert error < 1e-4
    np.testing.assert_allclose(tiled.gradient, whole.gradient, atol=1e-3 * np.abs(whole.gradient).max())


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_slope_along_any_direction(objectives, evaluations, seed):
    image, whole, _ = evaluations
    step = 1e-3
    # Mostly random; a part along the gradient keeps the slope well above rounding.
    direction = np.random.default_rng(seed).normal(size=image.shape)
    slope = whole.gradient.astype(np.float64)
    direction = direction / np.linalg.norm(direction) + 0.5 * slope / np.linalg.norm(slope)
    direction *= np.sqrt(image.size)
    ahead, behind = (objectives[0]((image + sign * step * direction).astype(np.float32)).value for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(np.sum(slope * direction), rel=0.01)


def test_the_same_picture_in_all_roles_leaves_only_its_variation(observer, rng):
    image = smooth(rng, 40, 35)
    loss = losses.content("relu2_1") + losses.style(*LAYERS) + losses.total_variation()
    objective = PixelObjective(loss, observer, (40, 35))
    objective.bind({**objective.targets("content", image), **objective.targets("style", image)})
    terms = objective(image).terms
    assert terms["content"] == pytest.approx(0, abs=1e-10)
    assert terms["style"] == pytest.approx(0, abs=1e-10)
    steps = sum(np.sum(np.diff(image.astype(np.float64), axis=axis) ** 2) for axis in (1, 2))
    assert terms["tv"] == pytest.approx(steps / image.size, rel=1e-4)


def test_targets_can_be_exchanged(observer, rng):
    loss = losses.style(*LAYERS)
    objective = PixelObjective(loss, observer, (40, 35))
    output, *paintings = (smooth(rng, 40, 35) for _ in range(3))
    values = []
    for painting, targets in [(painting, objective.targets("style", painting)) for painting in paintings]:
        objective.bind(targets)
        values.append(objective(output).value)
        scene = {"output": observer(output, loss.probes("output")), "style": observer(painting, loss.probes("style"))}
        assert values[-1] == pytest.approx(float(loss(scene)[0]), rel=1e-4)
    assert values[0] != pytest.approx(values[1], rel=1e-2)


def test_a_tile_that_is_too_small_is_refused(observer):
    with pytest.raises(InputError, match="Tiles of 40 pixels are too small"):
        PixelObjective(LOSS, observer, SIZE, tile=40, halo=16)


@pytest.mark.parametrize("term", [losses.total_variation(), losses.color(), losses.style("relu1_2")])
def test_a_term_that_does_not_add_up_is_refused_in_tiles(observer, term):
    PixelObjective(term, observer, (32, 32))
    with pytest.raises(InputError, match="cannot be measured in tiles"):
        PixelObjective(term, observer, (64, 64), tile=32)


def test_targets_can_be_measured_again_once_bound(observer, rng):
    objective = PixelObjective(losses.style("relu1_2"), observer, (16, 16))
    first, second = rng.random((2, 1, 16, 16, 3), np.float32)
    objective.bind(objective.targets("style", first))
    objective.bind(objective.targets("style", second))
    assert objective(second).value == pytest.approx(0, abs=1e-6)
    assert objective(first).value > 1e-4
