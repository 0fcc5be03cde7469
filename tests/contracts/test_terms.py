"""The contract of every term. A new term is tested by adding a row to TERMS."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from keras import tree
from reference import losses as reference

from keras_nst import losses
from keras_nst.losses.functional import absolute_variation
from keras_nst.losses.statistics import gaussian, high_order

BATCH = 2


def random(shape, seed):
    return np.random.default_rng(seed).uniform(0.1, 1, shape).astype(np.float32)


def all_different(shape, seed):
    """Values that differ by more than the step of a difference quotient."""
    values = np.random.default_rng(seed).permutation(np.prod(shape))
    return (values.reshape(shape) / values.size).astype(np.float32)


def same_as_target(scene, against):
    return {**scene, "output": {probe: scene[against][probe] for probe in scene["output"]}}


def surrounded_by_its_own(scene, _):
    """The patches that are given are the output's."""
    given = {}
    for probe in scene["style"]:
        features = scene["output"][probe.replace("patches", "vgg")]
        height, width = features.shape[1:3]
        padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        shifts = [padded[:, down : down + height, right : right + width] for down, right in np.ndindex(3, 3)]
        given[probe] = np.concatenate(shifts, axis=-1)
    return {**scene, "style": given}


def of_one_match(scene, _):
    """All places match one, and have its features."""
    column = scene["match"]["mean"][0] + 2 * scene["match"]["columns"][0]
    output, begin = dict(scene["output"]), 0
    for probe in filter(lambda probe: not is_weight(probe), output):
        channels = output[probe].shape[-1]
        output[probe] = np.zeros_like(output[probe]) + column[begin : begin + channels]
        begin += channels
    return {"output": output, "match": {**scene["match"], "places": np.zeros_like(scene["match"]["places"])}}


def constant(scene, _):
    return {**scene, "output": {**scene["output"], "image": np.full_like(scene["output"]["image"], 0.3)}}


def sure(real):
    """Logits so far on the correct side that a loss is zero."""
    return lambda scene, _: {
        "output": {probe: np.full_like(v, 40 if real else -40) for probe, v in scene["output"].items()}
    }


def saying(value):
    """Constant logits."""
    return lambda scene, _: {"output": {probe: np.full_like(v, value) for probe, v in scene["output"].items()}}


def certain(scene, against):
    logits = scene[against]["cam/logits"]
    return {**scene, "output": {"cam/logits": 100 * (logits == logits.max(axis=-1, keepdims=True)).astype("f")}}


@dataclasses.dataclass(frozen=True)
class Row:
    """A term and what its contract needs.

    Attributes:
        loss: The loss with this one term.
        scene: Random values of exactly what the term reads.
        reference: The same term in NumPy, as a function of the scene.
        zero: Function from a scene to one where the term is zero.
        rounding: Tolerance of that zero.
    """

    loss: losses.Loss
    scene: dict[str, dict[str, np.ndarray]]
    reference: Callable[[Mapping], float]
    zero: Callable = same_as_target
    rounding: float = 1e-10

    @property
    def term(self):
        return self.loss.terms[0][1]


_LAYERS = {"relu1_2": (5, 4, 3), "relu2_2": (3, 2, 6)}
_WIDE = {"relu1_2": (5, 4, 3), "relu2_2": (6, 5, 4)}  # More positions than channels, for covariances of full rank.


def _features(seed, batch=BATCH, layers=_LAYERS):
    return {f"vgg/{layer}": random((batch, *shape), seed) for layer, shape in layers.items()}


def _first(seed):
    return _features(seed, layers={"relu1_2": _LAYERS["relu1_2"]})


def _weights(region, seed, batch=BATCH, layers=_LAYERS):
    maps = {f"region{region}/{layer}": random((batch, *shape[:2], 1), seed) for layer, shape in layers.items()}
    return {probe: weights / weights.sum((1, 2, 3), keepdims=True) for probe, weights in maps.items()}


def _region(region, seed, batch=BATCH):
    return {**_features(seed, batch), **_weights(region, seed, batch)}


_DEPTHS = {"relu1_2": (8, 9, 2), "relu2_2": (4, 4, 3), "relu4_1": (1, 1, 2)}


_GRID = {"relu1_2": (16, 24, 2), "relu2_2": (8, 12, 3), "relu4_1": (2, 3, 2)}


def _half(seed):
    """Features of a picture of half the size."""
    sizes = {"relu1_2": (8, 16, 2), "relu2_2": (4, 8, 3), "relu4_1": (1, 2, 2)}
    return {f"{probe}@2": features for probe, features in _features(seed, layers=sizes).items()}


def _matches(seed):
    """Matches for a grid of 2 by 2 places, of which both of the two that are used are a column."""
    columns = random((3, 7), seed) - 0.5
    places = np.array([0, 1, 1, 0], np.int32).reshape(1, 2, 2, 1)
    return {
        "places": places,
        "columns": columns / np.linalg.norm(columns, axis=1, keepdims=True),
        "mean": random((1, 7), seed),
    }


TERMS = {
    "content": Row(
        losses.content("relu1_2", "relu2_2"), {"output": _features(1), "content": _features(2)}, reference.content
    ),
    "style": Row(
        losses.style("relu1_2", "relu2_2"), {"output": _features(1), "style": _features(2, batch=1)}, reference.style
    ),
    "content, region 0": Row(
        losses.content("relu1_2", "relu2_2", region=0),
        {"output": _region(0, 1), "content": _region(0, 2)},
        partial(reference.content, region=0),
    ),
    "content, not relative": Row(
        losses.content("relu1_2", "relu2_2", relative=False),
        {"output": _features(1), "content": _features(2)},
        partial(reference.content, relative=False),
    ),
    "content, normalized": Row(
        losses.content("relu1_2", "relu2_2", normalized=True),
        {"output": _features(1), "content": _features(2)},
        reference.normalized_content,
    ),
    "style, region 0": Row(
        losses.style("relu1_2", "relu2_2", region=0),
        {"output": _region(0, 1), "style": _region(0, 2, batch=1)},
        partial(reference.style, region=0),
    ),
    "style2, region 2": Row(
        losses.style("relu1_2", "relu2_2", region=2),
        {"output": _region(2, 1), "style2": _region(2, 2, batch=1)},
        partial(reference.style, region=2),
    ),
    "style, high order": Row(
        losses.style("relu1_2", "relu2_2", statistic=high_order()),
        {"output": _features(1), "style": _features(2, batch=1)},
        partial(reference.style, distance=reference.mean_high_order, statistic=reference.high_order),
    ),
    "style1, high order, region 1": Row(
        losses.style("relu1_2", "relu2_2", statistic=high_order(), region=1),
        {"output": _region(1, 1), "style1": _region(1, 2, batch=1)},
        partial(reference.style, distance=reference.mean_high_order, statistic=reference.high_order, region=1),
    ),
    "style, gaussian": Row(
        losses.style("relu1_2", "relu2_2", statistic=gaussian()),
        {"output": _features(1, layers=_WIDE), "style": _features(2, batch=1, layers=_WIDE)},
        partial(reference.style, distance=reference.wasserstein, statistic=reference.gaussian),
        rounding=1e-6,
    ),
    "style1, gaussian, region 1": Row(
        losses.style("relu1_2", "relu2_2", statistic=gaussian(), region=1),
        {
            "output": {**_features(1, layers=_WIDE), **_weights(1, 1, layers=_WIDE)},
            "style1": {**_features(2, batch=1, layers=_WIDE), **_weights(1, 2, batch=1, layers=_WIDE)},
        },
        partial(reference.style, distance=reference.wasserstein, statistic=reference.gaussian, region=1),
        rounding=1e-6,
    ),
    "cam": Row(
        losses.cam(),
        {
            "output": {"cam/maps": random((BATCH, 2, 3, 4), 1)},
            "content": {"cam/maps": random((BATCH, 2, 3, 4), 2), "cam/logits": random((BATCH, 4), 2)},
        },
        reference.cam,
    ),
    "cam, each picture's own class": Row(
        losses.cam(own_class=True),
        {
            "output": {"cam/maps": random((BATCH, 2, 3, 4), 1), "cam/logits": random((BATCH, 4), 1)},
            "content": {"cam/maps": random((BATCH, 2, 3, 4), 2), "cam/logits": random((BATCH, 4), 2)},
        },
        partial(reference.cam, own_class=True),
    ),
    "category": Row(
        losses.category(),
        {"output": {"cam/logits": random((BATCH, 5), 1)}, "content": {"cam/logits": random((BATCH, 5), 2)}},
        reference.category,
        zero=certain,
    ),
    "edge": Row(
        losses.edge(),
        {"output": {"image": random((BATCH, 9, 8, 3), 1)}, "content": {"image": random((BATCH, 9, 8, 3), 2)}},
        reference.edge,
    ),
    "color": Row(
        losses.color(),
        {
            "output": {"image": random((BATCH, 18, 16, 3), 1) ** 3},
            "content": {"image": random((BATCH, 18, 16, 3), 2)},
        },
        reference.color,
    ),
    "color, with brightness": Row(
        losses.color(brightness=True),
        {
            "output": {"image": random((BATCH, 18, 16, 3), 1) ** 3},
            "content": {"image": random((BATCH, 18, 16, 3), 2)},
        },
        partial(reference.color, of=np.asarray),
    ),
    "light": Row(
        losses.light(),
        {
            "output": {"image": random((BATCH, 34, 16, 3), 1) ** 3},
            "content": {"image": random((BATCH, 34, 16, 3), 2)},
        },
        reference.light,
    ),
    "style, patch by patch": Row(
        losses.patch_style("relu1_2", "relu2_2"),
        {
            "output": _region(0, 1),
            "style": {
                f"patches/{layer}": random((BATCH, *shape[:2], 9 * shape[2]), 2) for layer, shape in _LAYERS.items()
            },
        },
        partial(reference.patch_style, side=3),
        zero=surrounded_by_its_own,
        rounding=1e-6,
    ),
    "match": Row(
        losses.match(*_DEPTHS),
        {"output": _features(1, layers=_DEPTHS), "match": _matches(2)},
        reference.match,
        zero=of_one_match,
        rounding=1e-6,
    ),
    "match, region 0": Row(
        losses.match(*_DEPTHS, region=0),
        {
            "output": {**_features(1, layers=_DEPTHS), **_weights(0, 1, layers={"relu3_1": (2, 2)})},
            "match": _matches(2),
        },
        partial(reference.match, region=0),
        zero=of_one_match,
        rounding=1e-6,
    ),
    "transport": Row(
        losses.transport(*_GRID),
        {"output": _features(1, layers=_GRID), "style": _features(2, layers=_GRID)},
        reference.transport,
        rounding=1e-6,
    ),
    "transport, at two sizes": Row(
        losses.transport(*_GRID, sizes=(1, 2)),
        {"output": {**_features(1, layers=_GRID), **_half(1)}, "style": {**_features(2, layers=_GRID), **_half(2)}},
        lambda scene: np.mean([reference.transport(scene, size) for size in ("", "@2")]),
        rounding=1e-6,
    ),
    "tv": Row(
        losses.total_variation(),
        {"output": {"image": random((BATCH, 5, 4, 3), 1)}},
        reference.total_variation,
        zero=constant,
    ),
    "tv, region 0": Row(
        losses.total_variation(region=0),
        {"output": {"image": random((BATCH, 5, 4, 3), 1), **_weights(0, 1, layers={"image": (5, 4)})}},
        partial(reference.total_variation, region=0),
        zero=constant,
    ),
    "tv, absolute": Row(
        losses.total_variation(variation=absolute_variation),
        {"output": {"image": all_different((BATCH, 5, 4, 3), 1)}},
        partial(reference.total_variation, variation=reference.absolute_variation),
        zero=constant,
    ),
    "weave": Row(
        losses.weave(),
        {"output": {"image": random((BATCH, 14, 9, 3), 1)}},
        reference.weave,
        zero=constant,
    ),
    "content, absolute": Row(
        losses.absolute_content("relu1_2"), {"output": _first(1), "content": _first(2)}, reference.masked_content
    ),
    "salient": Row(
        losses.absolute_content("relu1_2", salient=True),
        {"output": _first(1), "content": {**_first(2), "saliency/map": random((BATCH, 10, 8, 1), 3)}},
        partial(reference.masked_content, weight=lambda saliency, like: reference.mask(saliency, like) - 1),
    ),
    "subject": Row(
        losses.subject(*_LAYERS),
        {"output": _features(1), "content": {**_features(2), "subject": random((BATCH, 10, 8, 1), 3)}},
        partial(reference.subject, layers=_LAYERS),
    ),
    "saliency_content": Row(
        losses.saliency_content(),
        {role: {"saliency/map": random((BATCH, 5, 4, 1), seed)} for seed, role in enumerate(("output", "content"))},
        partial(reference.absolute, role="content", probe="saliency/map"),
    ),
    "saliency": Row(
        losses.saliency(),
        {role: {"map": random((BATCH, 5, 4, 1), seed)} for seed, role in enumerate(("output", "reference"))},
        partial(reference.absolute, role="reference", probe="map"),
    ),
    "adversarial": Row(
        losses.adversarial(),
        {"output": {"discriminator/logits": random((BATCH, 3, 2, 1), 1)}},
        partial(reference.log_loss, probe="discriminator/logits", real=True),
        zero=sure(True),
    ),
    **{
        sample: Row(
            losses.discrimination(sample),
            {"output": {f"{sample}/logits": random((BATCH, 3, 2, 1), 1)}},
            partial(reference.log_loss, probe=f"{sample}/logits", real=sample == "real"),
            zero=sure(sample == "real"),
        )
        for sample in ("real", "blurred", "generated")
    },
    "adversarial, least squares": Row(
        losses.adversarial("least-squares"),
        {"output": {"discriminator/logits": random((BATCH, 3, 2, 1), 1)}},
        partial(reference.least_squares, probe="discriminator/logits", real=True),
        zero=saying(1.0),
    ),
    **{
        f"{sample}, least squares": Row(
            losses.discrimination(sample, "least-squares"),
            {"output": {f"{sample}/logits": random((BATCH, 3, 2, 1), 1)}},
            partial(reference.least_squares, probe=f"{sample}/logits", real=sample == "real"),
            zero=saying(1.0 if sample == "real" else -1.0),
        )
        for sample in ("real", "generated")
    },
    **{
        f"{sample}, hinge": Row(
            losses.discrimination(sample, "hinge"),
            {"output": {f"{sample}/logits": random((BATCH, 3, 2, 1), 1)}},
            partial(reference.hinge, probe=f"{sample}/logits", real=sample == "real"),
            zero=sure(sample == "real"),
        )
        for sample in ("real", "generated")
    },
    "adversarial, hinge": Row(
        losses.adversarial("hinge"),
        {"output": {"discriminator/logits": -random((BATCH, 3, 2, 1), 1)}},
        lambda scene: -scene["output"]["discriminator/logits"].astype(np.float64).mean(),
        zero=saying(0.0),
    ),
}


def is_weight(probe):
    """The weights of a region are constants of the scene."""
    return probe.startswith("region")


@pytest.fixture(params=TERMS)
def key(request):
    return request.param


@pytest.fixture
def name(key):
    return key.split(",")[0]


@pytest.fixture
def row(key):
    return TERMS[key]


def value(loss, scene):
    return float(loss(scene)[0])


def gradient(loss, scene):
    """The gradient of the total by each probe of the output."""
    with tf.GradientTape() as tape:
        output = {probe: tf.Variable(tensor) for probe, tensor in scene["output"].items() if not is_weight(probe)}
        total, _ = loss({**scene, "output": {**scene["output"], **output}})
    # A class that is the largest logit's has no gradient: the difference quotient must be zero as well.
    slopes = tape.gradient(total, output, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return {probe: slope.numpy() for probe, slope in slopes.items()}


def item(scene, i):
    return {
        role: {probe: tensor[i : i + 1] if len(tensor) == BATCH else tensor for probe, tensor in observed.items()}
        for role, observed in scene.items()
    }


def test_the_row_stands_under_the_name_of_its_term(name, row):
    assert list(row.loss.weights.items()) == [(name, 1.0)]


def test_it_is_a_finite_float32_scalar(name, row):
    total, raw = row.loss(row.scene)
    assert total.shape == raw[name].shape == ()
    assert total.dtype == tf.float32
    assert np.isfinite(total)
    assert float(total) == float(raw[name])


def test_it_equals_its_formula_in_numpy(row):
    assert value(row.loss, row.scene) == pytest.approx(row.reference(row.scene), rel=1e-5)


def test_it_is_zero_at_its_target_and_nowhere_below(row):
    scene = row.zero(row.scene, row.term.against)
    assert value(row.loss, scene) == pytest.approx(0, abs=row.rounding)
    assert value(row.loss, row.scene) > 1e-3
    assert all(np.isfinite(slope).all() for slope in gradient(row.loss, scene).values())


def test_a_batch_is_the_mean_of_its_items(row):
    items = [value(row.loss, item(row.scene, i)) for i in range(BATCH)]
    assert items[0] != pytest.approx(items[1])
    assert value(row.loss, row.scene) == pytest.approx(np.mean(items), rel=1e-5)


def test_binding_changes_neither_value_nor_gradient(row):
    targets = {role: observed for role, observed in row.scene.items() if role != "output"}
    bound, scene = row.loss.bind(targets), {"output": row.scene["output"]}
    assert value(bound, scene) == pytest.approx(value(row.loss, row.scene), rel=1e-6)
    slopes = gradient(row.loss, row.scene)
    for probe, slope in gradient(bound, scene).items():
        np.testing.assert_allclose(slope, slopes[probe], rtol=1e-5, atol=1e-8)


def test_the_gradient_equals_central_differences_of_the_formula(row):
    step = 1e-5  # The formula is float64, so the difference quotient is exact to about 1e-9.
    for probe, slope in gradient(row.loss, row.scene).items():
        quotient = np.empty(slope.shape)
        for place in np.ndindex(slope.shape):
            sides = []
            for sign in (1, -1):
                moved = row.scene["output"][probe].astype(np.float64)
                moved[place] += sign * step
                sides.append(row.reference({**row.scene, "output": {**row.scene["output"], probe: moved}}))
            quotient[place] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(slope, quotient, rtol=1e-4, atol=1e-5 * np.abs(quotient).max())


def test_the_target_receives_no_gradient(row):
    with tf.GradientTape() as tape:
        scene = tf.nest.map_structure(tf.constant, row.scene)
        tape.watch(scene)
        total, _ = row.loss(scene)
    targets = {role: observed for role, observed in scene.items() if role != "output"}
    assert all(slope is None for slope in tf.nest.flatten(tape.gradient(total, targets)))


class Recording(Mapping):
    """A mapping that records which keys are read."""

    def __init__(self, content, read, prefix=()):
        self.content, self.read, self.prefix = content, read, prefix

    def __getitem__(self, key):
        inner = self.content[key]
        if isinstance(inner, Mapping):
            return Recording(inner, self.read, (*self.prefix, key))
        self.read.add((*self.prefix, key))
        return inner

    def __iter__(self):
        raise AssertionError("a term reads probes by their names only")

    def __len__(self):
        return len(self.content)


def test_it_reads_exactly_what_it_declares(row):
    roles = {"output", "content", "style", *row.scene}
    declared = {(role, probe) for role in roles for probe in row.loss.probes(role)}
    assert declared == {(role, probe) for role, observed in row.scene.items() for probe in observed}
    decoys = {role: {**row.scene.get(role, {}), "unasked": np.nan} for role in roles}
    read = set()
    assert value(row.loss, Recording(decoys, read)) == value(row.loss, row.scene)
    assert read == declared


def test_compiled_it_equals_eager_and_is_traced_once(row):
    compiled = tf.function(lambda scene: row.loss(scene)[0], jit_compile=True)
    scenes = [
        {
            role: {probe: tf.constant(tensor) ** (1 if is_weight(probe) else power) for probe, tensor in seen.items()}
            for role, seen in row.scene.items()
        }
        for power in (1, 2)
    ]
    for scene in scenes:
        assert float(compiled(scene)) == pytest.approx(value(row.loss, scene), rel=1e-5)
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("key", [key for key, row in TERMS.items() if any(map(is_weight, row.scene["output"]))])
def test_parts_of_a_picture_add_up_to_the_whole(row):
    def part(columns):
        output = dict(row.scene["output"])
        for probe in filter(is_weight, output):
            chosen = np.arange(output[probe].shape[2]) % 2 == columns
            output[probe] = output[probe] * chosen[:, None].astype(np.float32)
        return {**row.scene, "output": output}

    gathered = tree.map_structure(lambda *parts: sum(parts), *(row.loss.gather(part(columns)) for columns in (0, 1)))
    whole, _ = row.loss.finish(gathered, row.scene)
    assert row.term.additive in ("statistic", "distance")
    assert float(whole) == pytest.approx(value(row.loss, row.scene), rel=1e-5)
