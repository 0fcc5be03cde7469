import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from keras_nst.errors import InputError
from keras_nst.fit import optimizers
from keras_nst.fit.optimizers import SHORT_WAVES, _Smoothing, adam, lbfgs
from keras_nst.fit.pixels import Evaluation

IMAGE = (1, 6, 5, 3)


class Quadratic:
    """sum of curvature (x - target)^2; records all pictures that it was evaluated at."""

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
    """A condition number of 100; the unbounded minimum is partly outside [0, 1]."""
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


@pytest.mark.parametrize("smoothing", [0.0, 0.4])
def test_lbfgs_tells_of_the_picture_that_a_step_led_to(start, rng, smoothing):
    target, steepness = rng.uniform(0.2, 0.8, start.shape), 10 ** rng.uniform(0, 4, start.shape)

    def quartic(image):
        away = image - target
        value = float(np.sum(steepness * away**4))
        return Evaluation(value, {"": value}, np.float32(4 * steepness * away**3))

    told = []
    lbfgs(quartic, start, iterations=30, smoothing=smoothing, progress=told.append)
    assert told[-1].evaluations > 1 + len(told)  # Some line searches evaluate more points than the one they take.
    for now in told:
        assert quartic(now.image).value == pytest.approx(now.value, rel=1e-6)


def test_a_line_search_that_finds_nothing_at_all_is_told(quadratic, start, monkeypatch):
    failed = OptimizeResult(x=np.zeros(start.size), success=False, status=2, message="ABNORMAL")
    monkeypatch.setattr(optimizers, "minimize", lambda *_, **__: failed)
    with pytest.raises(InputError, match="does not fall along its gradient"):
        lbfgs(quadratic, start)


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
    lbfgs(quadratic, start, iterations=60, history=history, smoothing=0.0, progress=seen.append)
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
    """With a constant gradient, each step of Adam has the length of the learning rate, so the pictures are known."""
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


@pytest.mark.parametrize("last", [1, 3])
def test_it_ends_when_it_is_told_to(minimize, quadratic, start, last):
    seen = []

    def progress(now):
        seen.append(now)
        if len(seen) == last:
            raise StopIteration

    found = minimize(quadratic, start, iterations=20, progress=progress)
    assert len(seen) == last
    np.testing.assert_array_equal(found, seen[-1].image)


class Rough:
    """Mean squared difference of neighbors from a target's, plus a little of the pixels': steep for fine structures."""

    def __init__(self, target):
        self.target = target

    def __call__(self, image):
        away = image.astype(np.float64) - self.target
        value, gradient = 0.01 * np.sum(away**2), 0.02 * away
        for axis in (1, 2):
            steps = np.diff(away, axis=axis)
            value += np.sum(steps**2)
            padding = [(0, 0)] * 4
            padding[axis] = (1, 1)
            gradient -= 2 * np.diff(np.pad(steps, padding), axis=axis)
        return Evaluation(float(value), {}, gradient.astype(np.float32))


def test_smoothing_saves_evaluations_where_fine_detail_is_steep(rng):
    rough = Rough(rng.uniform(0.2, 0.8, (1, 40, 30, 3)))

    def evaluations(smoothing):
        seen = []
        lbfgs(rough, np.full((1, 40, 30, 3), 0.5, np.float32), smoothing=smoothing, progress=seen.append)
        return next(now.evaluations for now in seen if now.value < 1e-3)

    assert evaluations(0.8) < 0.6 * evaluations(0.0)


@pytest.mark.parametrize("power", [0.4, 1.0])
def test_smoothing_is_symmetric_so_that_a_gradient_can_pass_back_through_it(free, rng, power):
    free = np.broadcast_to(free, IMAGE)
    smoothed = _Smoothing(free, power)
    one, other = rng.normal(size=(2, free.sum()))
    assert smoothed(one) @ other == pytest.approx(one @ smoothed(other), rel=1e-5)


def test_smoothing_enlarges_waves_by_a_power_of_their_length():
    rows = np.arange(16) + 0.5
    smoothed = _Smoothing(np.ones((1, 16, 16, 1), bool), 0.5)
    for waves in (1, 4, 15):  # Half waves from top to bottom.
        picture = np.broadcast_to(np.cos(np.pi * waves * rows / 16)[:, None], (16, 16)).ravel()
        expected = np.sqrt(1 + (2 * 16 / waves) / SHORT_WAVES)
        np.testing.assert_allclose(smoothed(picture), expected * picture, atol=1e-5)
