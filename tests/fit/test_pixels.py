import numpy as np
import pytest

from keras_nst import losses
from keras_nst.errors import InputError
from keras_nst.fit.pixels import Evaluation, PixelObjective, adam, lbfgs
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
    """A small VGG; average pooling, since which of two equal values is the maximum depends on rounding."""
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
    """All of it, the upper left, and a soft half."""
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
    """The whole picture at once, and in nine windows; each measured its own targets."""
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
    # Most of it random; a part of the gradient keeps the slope far from rounding.
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


IMAGE = (1, 6, 5, 3)


class Quadratic:
    """sum of curvature (x - target)^2, and all pictures that it was asked about."""

    def __init__(self, target, curvature=1.0):
        self.target, self.curvature, self.asked, self.values = target, curvature, [], []

    def __call__(self, image):
        self.asked.append(image.copy())
        away = image.astype(np.float64) - self.target
        self.values.append(float(np.sum(self.curvature * away**2)))
        terms = {"half": self.values[-1] / 2}
        return Evaluation(self.values[-1], terms, (2 * self.curvature * away).astype(np.float32))


@pytest.fixture
def start(rng):
    return rng.uniform(size=IMAGE).astype(np.float32)


@pytest.fixture
def quadratic(rng):
    """Of a condition number of 100, its unbounded minimum partly outside of what pixels can be."""
    return Quadratic(rng.uniform(-0.5, 1.5, IMAGE), 10 ** rng.uniform(-1, 1, IMAGE))


@pytest.fixture
def free():
    free = np.zeros((1, 6, 5, 1), bool)
    free[:, 1:4, 2:] = True
    return free


@pytest.fixture(params=[lbfgs, adam])
def minimize(request):
    return request.param


def test_lbfgs_reaches_the_minimum_within_the_bounds(quadratic, start):
    found = lbfgs(quadratic, start, iterations=100)
    np.testing.assert_allclose(found, np.clip(quadratic.target, 0, 1), atol=1e-3)


@pytest.mark.parametrize("factor", [1e-8, 1.0, 1e8])
def test_lbfgs_does_not_depend_on_the_unit_of_the_loss(quadratic, start, factor):
    def scaled(image):
        value, terms, gradient = quadratic(image)
        return Evaluation(factor * value, terms, np.float32(factor) * gradient)

    found = lbfgs(scaled, start, iterations=100)
    np.testing.assert_allclose(found, np.clip(quadratic.target, 0, 1), atol=1e-3)


def test_adam_reaches_the_minimum_within_the_bounds(quadratic, start):
    found = adam(quadratic, start, iterations=300)
    np.testing.assert_allclose(found, np.clip(quadratic.target, 0, 1), atol=0.02)


def test_what_is_evaluated_and_found_is_a_picture(minimize, quadratic, start):
    found = minimize(quadratic, start, iterations=30)
    for image in (*quadratic.asked, found):
        assert (image.shape, image.dtype) == (IMAGE, np.float32)
        assert 0 <= image.min() <= image.max() <= 1


def test_it_starts_at_the_given_picture_and_leaves_that_alone(minimize, quadratic, start):
    before = start.copy()
    minimize(quadratic, start, iterations=3)
    np.testing.assert_array_equal(quadratic.asked[0], before)
    np.testing.assert_array_equal(start, before)


def test_pixels_that_are_not_free_come_back_bit_for_bit(minimize, quadratic, start, free):
    pictures = []
    found = minimize(quadratic, start, free, iterations=200, progress=lambda now: pictures.append(now.image))
    fixed = ~np.broadcast_to(free, IMAGE)
    for image in (*quadratic.asked, *pictures, found):
        np.testing.assert_array_equal(image[fixed], start[fixed])
    np.testing.assert_allclose(found[~fixed], np.clip(quadratic.target, 0, 1)[~fixed], atol=0.02)


def test_it_takes_the_steps_that_it_is_asked_for(minimize, quadratic, start):
    seen = []
    minimize(quadratic, start, iterations=7, progress=seen.append)
    assert [now.iteration for now in seen] == [1, 2, 3, 4, 5, 6, 7]


def test_progress_tells_of_one_run(minimize, quadratic, start):
    seen = []
    found = minimize(quadratic, start, iterations=9, progress=seen.append)
    evaluations, seconds = ([getattr(now, name) for now in seen] for name in ("evaluations", "seconds"))
    assert all(np.diff(evaluations) > 0)
    assert evaluations[-1] == len(quadratic.asked)
    assert sorted(seconds) == seconds
    assert seconds[0] > 0
    for now in seen:
        assert now.value == quadratic.values[now.evaluations - 1]
        assert now.terms == {"half": now.value / 2}
    np.testing.assert_array_equal(seen[-1].image, found)


def test_lbfgs_lowers_the_loss_with_every_step(quadratic, start):
    seen = []
    lbfgs(quadratic, start, iterations=20, progress=seen.append)
    values = [quadratic.values[0], *(now.value for now in seen)]
    assert all(np.diff(values) < 0)
    for now in seen:
        assert quadratic(now.image).value == pytest.approx(now.value, rel=1e-5)


def test_lbfgs_stops_when_steps_gain_too_little(quadratic, start):
    def values(tolerance):
        seen = []
        lbfgs(quadratic, start, iterations=100, tolerance=tolerance, progress=seen.append)
        return np.array([now.value for now in seen])

    endless, stopped = values(0.0), values(0.05)
    assert 10 < len(stopped) < len(endless)
    np.testing.assert_array_equal(stopped, endless[: len(stopped)])
    gains = stopped[:-10] / stopped[10:] - 1
    assert gains[-1] < 0.05
    assert all(gains[:-1] >= 0.05)


@pytest.mark.parametrize("history", [1, 10])
def test_lbfgs_needs_fewer_steps_the_more_it_remembers(quadratic, start, history):
    seen = []
    lbfgs(quadratic, start, iterations=60, history=history, progress=seen.append)
    reached = [now.iteration for now in seen if now.value < 1e-4 + _least(quadratic)]
    assert (reached[0] < 30) == (history == 10)


def _least(quadratic):
    return float(np.sum(quadratic.curvature * (np.clip(quadratic.target, 0, 1) - quadratic.target) ** 2))


@pytest.mark.parametrize("broken", [True, False])
@pytest.mark.parametrize("first", [0, 3])
def test_a_loss_that_is_not_finite_is_one_line(minimize, start, broken, first):
    calls = []

    def objective(image):
        calls.append(image)
        value, gradient = float(np.sum(image**2)), 2 * image
        if len(calls) <= first:
            return Evaluation(value, {"content": value, "style": 0.0}, gradient)
        if broken:
            return Evaluation(np.nan, {"content": np.inf, "style": 0.0}, gradient)
        return Evaluation(value, {"content": value, "style": 0.0}, np.full_like(image, np.nan))

    start[0, 0, 0, 0] = 1
    with pytest.raises(InputError) as error:
        minimize(objective, start, iterations=50)
    message = str(error.value)
    assert f"not finite at evaluation {first + 1}: " in message
    assert ("'content': inf" in message) == broken
    assert "\n" not in message


def constant_slope(sign):
    return lambda image: Evaluation(1.0, {}, np.broadcast_to(sign, image.shape).astype(np.float32))


@pytest.mark.parametrize("size", [0.1, 1.0, 1e3])
def test_the_first_step_of_adam_is_its_learning_rate_downhill(rng, size):
    slopes = size * rng.choice([-1.0, 1.0], IMAGE) * rng.uniform(0.5, 2, IMAGE)
    start = np.full(IMAGE, 0.5, np.float32)
    found = adam(constant_slope(slopes), start, iterations=1, learning_rate=0.03)
    np.testing.assert_allclose(found, 0.5 - 0.03 * np.sign(slopes), rtol=1e-4)


def test_adam_stops_at_black_and_white():
    start = np.full(IMAGE, 0.5, np.float32)
    slopes = np.where(np.arange(30).reshape(1, 6, 5, 1) % 2, 1.0, -1.0)
    found = adam(constant_slope(slopes), start, iterations=40, learning_rate=0.02)
    np.testing.assert_array_equal(found, np.broadcast_to(slopes < 0, IMAGE).astype(np.float32))


@pytest.mark.parametrize("iterations", [1, 5, 40])
def test_averaged_adam_returns_the_mean_that_forgets_by_a_hundredth_a_step(iterations):
    """Under a constant slope Adam's steps are all the learning rate, so that the pictures are known."""
    pictures = 0.9 - 0.01 * np.arange(1, iterations + 1)
    forgetting = 0.99 ** np.arange(iterations)[::-1]
    seen = []
    found = adam(
        constant_slope(1.0),
        np.full(IMAGE, 0.9, np.float32),
        iterations=iterations,
        learning_rate=0.01,
        average=True,
        progress=seen.append,
    )
    np.testing.assert_allclose(found, np.full(IMAGE, np.average(pictures, weights=forgetting)), rtol=1e-4)
    np.testing.assert_allclose(seen[0].image, np.full(IMAGE, pictures[0]), rtol=1e-4)
    np.testing.assert_array_equal(seen[-1].image, found)


def test_averaging_does_not_change_the_way(quadratic, start):
    adam(quadratic, start, iterations=10)
    adam(quadratic, start, iterations=10, average=True)
    np.testing.assert_array_equal(quadratic.asked[:10], quadratic.asked[10:])
