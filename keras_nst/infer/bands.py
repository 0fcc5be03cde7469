"""Apply a net to a picture of any size in bounded memory, band by band.

Instance normalization needs the mean and variance of the whole picture, in fifteen layers or more. So there is one pass
over all bands for each normalization on the longest path through the net. Between passes, feature maps at a quarter of
the picture's size or smaller, with at most a sixteenth of the positions, are kept whole; larger ones are computed
again. A band is computed with all surrounding rows that it depends on, so the result has no seams.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_nst.infer.extent import Extent, Kernel, UncuttableError, propagated
from keras_nst.infer.fold import FusedInstanceNormalization, fold, for_this_machine

BAND_PIXELS = 3 * 2**17
KEPT = np.float16
KEPT_STRIDE = 4

Rows = Callable[[int, int], np.ndarray]
"""Function from the first row, and the row after the last, to the rows of a picture or map, (1, rows, width, n)."""


class _Step(NamedTuple):
    """A layer of a net; a step is identified by its number.

    Attributes:
        layer: The layer.
        inputs: Numbers of the steps whose outputs the layer takes, nested like its arguments.
        extent: Extent of the output.
        kernel: Kernel on the input.
        normalized: Number of normalizations on the longest path from the picture, including this layer.
    """

    layer: keras.layers.Layer
    inputs: object
    extent: Extent
    kernel: Kernel
    normalized: int

    @property
    def reads(self) -> list[int]:
        """Numbers of the input steps."""
        return keras.tree.flatten(self.inputs)

    @property
    def is_normalization(self) -> bool:
        return isinstance(self.layer, FusedInstanceNormalization)

    def is_worth_keeping(self, found: int) -> bool:
        """Whether the map is small, and `found` normalizations suffice to compute it."""
        return self.normalized <= found and self.extent.stride >= KEPT_STRIDE and not self.extent.padding


def _steps(net: keras.Model) -> list[_Step]:
    """The layers of a folded net, each after its inputs: first the picture, last the result."""
    if len(net.inputs) != 1 or len(net.outputs) != 1:
        raise UncuttableError("it has several inputs or outputs")
    calls = {layer["name"]: len(layer["inbound_nodes"]) for layer in net.get_config()["layers"]}
    steps, numbers = [], {}
    for layer in net.operations:  # The inputs of a layer come before it.
        if isinstance(layer, keras.layers.InputLayer):
            numbers[net.inputs[0]] = 0
            steps.append(_Step(layer, [], Extent(), Kernel(), 0))
            continue
        if calls[layer.name] > 1:
            raise UncuttableError(f"the layer {layer.name!r} is called several times")
        given, made = layer.input, layer.output
        inputs = keras.tree.map_structure(numbers.get, given)
        before = [steps[number] for number in keras.tree.flatten(inputs)]
        extent, kernel = propagated(layer, [step.extent for step in before])
        is_normalization = isinstance(layer, FusedInstanceNormalization)
        if is_normalization and extent.padding:
            raise UncuttableError(f"the layer {layer.name!r} normalizes a padded map")
        numbers[made] = len(steps)
        steps.append(_Step(layer, inputs, extent, kernel, max(step.normalized for step in before) + is_normalization))
    if steps[-1].extent != Extent() or numbers.get(net.outputs[0]) != len(steps) - 1:
        raise UncuttableError("its result does not have the picture's size")
    return steps


@dataclasses.dataclass
class _Pass:
    """One pass over all bands. Its lists hold numbers of steps.

    Attributes:
        steps: All steps of the net.
        unit: Rows of the picture in a unit; bands are multiples of it.
        given: Steps whose maps are read: the picture, and maps that are kept.
        kept: Steps whose maps are kept from this pass on.
        dropped: Steps whose maps are not needed after this pass.
        measured: Steps whose moments are measured: inputs of normalizations.
        computed: Steps that are computed.
    """

    steps: Sequence[_Step]
    unit: int
    given: list[int]
    kept: list[int]
    dropped: list[int]
    measured: list[int]
    computed: list[int]

    @functools.cached_property
    def known(self) -> list[int]:
        """Steps whose moments are needed."""
        normalizations = (self.steps[number] for number in self.computed if self.steps[number].is_normalization)
        return sorted({step.reads[0] for step in normalizations})

    @functools.cached_property
    def reach(self) -> int:
        """Number of units above and below a band that its results depend on."""
        rows, farthest = dict.fromkeys(self.given, 0), 0
        for number in self.computed:
            step = self.steps[number]
            up, reach, down = step.kernel
            rows[number] = -(-(up * max(rows[one] for one in step.reads) + reach) // down)
            farthest = max(farthest, rows[number] * step.extent.stride)
        return -(-farthest // self.unit)

    @functools.cached_property
    def compute(self) -> Callable:
        """The function that computes a band.

        It takes the given maps, the known moments (mean and variance of the whole map, (2, channels)), the number of
        units above the band, and that of units in it. It returns the maps to keep, the moments of the band (number of
        positions, mean and variance, (3, channels)), and in the last pass the result, else None.
        """

        def channels(number: int) -> int:
            return self.steps[number].layer.output.shape[-1]

        seen = [
            tf.TensorSpec((1, None, None, channels(number)), KEPT if number else np.float32) for number in self.given
        ]
        known = [tf.TensorSpec((2, channels(number)), np.float32) for number in self.known]
        scalar = tf.TensorSpec((), tf.int32)

        def compute(seen, known, above, count):
            values = dict(zip(self.given, [tf.cast(values, tf.float32) for values in seen], strict=True))
            moments = dict(zip(self.known, known, strict=True))

            def value(number: int):
                if number not in values:
                    step = self.steps[number]
                    own = {"moments": moments[step.reads[0]]} if step.is_normalization else {}
                    values[number] = step.layer(keras.tree.map_structure(value, step.inputs), **own)
                return values[number]

            def band(number: int):
                rows = self.unit // self.steps[number].extent.stride
                return value(number)[:, rows * above : rows * (above + count)]

            with for_this_machine():
                kept = [tf.cast(band(number), KEPT) for number in self.kept]
                found = [_moments(band(number)) for number in self.measured]
                return kept, found, None if self.measured else band(len(self.steps) - 1)

        # Traced only once, here: a `tf.function` might warn of retracing from the fifth style on.
        traced = tf.function(compute, input_signature=[seen, known, scalar, scalar], autograph=False)
        return traced.get_concrete_function()


def _moments(values):
    ones = tf.ones_like(values[0, 0, 0])
    # The fastest operation for them in TensorFlow. It returns the variance of a sample.
    _, mean, variance = tf.compat.v1.nn.fused_batch_norm(values, ones, ones)
    count = tf.cast(tf.size(values[..., 0]), tf.float32)
    return tf.stack([count * ones, mean, (1 - 1 / count) * variance])


def _of_all(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Mean and variance of a whole map from the counts, means and variances of its parts.

    Source: Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    counts, means, variances = np.stack(parts, axis=1).astype(np.float64)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    return np.float32([mean, (shares * (variances + (means - mean) ** 2)).sum(0)])


class Bandwise:
    """Applies a net to large pictures. Several threads may call it.

    Args:
        net: Model from (batch, height, width, 3) in [0, 1] to the same.

    Raises:
        UncuttableError: It is not known which rows a row of the result depends on, or these are all rows for another
            reason than instance normalization.
    """

    def __init__(self, net: keras.Model):
        self._steps = _steps(fold(net))
        # Bands begin at multiples of the unit, so that padding and strides are the same as in the whole picture.
        self._unit = math.lcm(*(step.extent.multiple for step in self._steps))
        self._passes = list(self._planned())

    def __call__(self, rows: Rows, size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
        """Stylize a picture.

        Args:
            rows: The picture's rows, in [0, 1]; each is read several times.
            size: Height and width.

        Yields:
            The first row of each band, and the band (1, rows, width, 3) float32, from top to bottom.
        """
        height, width = size
        unit = self._unit
        count = -(-height // unit)
        per_band = max(1, BAND_PIXELS // (unit * (width + -width % unit)))
        begins = range(0, count, per_band)
        maps: dict[int, Rows] = {0: lambda begin, end: rows(unit * begin, min(unit * end, height))}
        moments = {}
        for one in self._passes:
            maps |= {number: _Map(unit // self._steps[number].extent.stride) for number in one.kept}
            parts = []
            for begin in begins:
                end = min(begin + per_band, count)
                first, after = max(0, begin - one.reach), min(count, end + one.reach)
                seen = [tf.constant(maps[number](first, after)) for number in one.given]
                for number in one.dropped:
                    maps[number].drop(end - one.reach)
                known = [tf.constant(moments[number]) for number in one.known]
                kept, found, result = one.compute(seen, known, tf.constant(begin - first), tf.constant(end - begin))
                for number, values in zip(one.kept, kept, strict=True):
                    maps[number].append(values.numpy())
                parts.append([values.numpy() for values in found])
                if result is not None:
                    yield unit * begin, result.numpy()
            for number, of_bands in zip(one.measured, zip(*parts, strict=True), strict=True):
                moments[number] = _of_all(of_bands)
            for number in one.dropped:
                del maps[number]

    def _planned(self) -> Iterator[_Pass]:
        result = len(self._steps) - 1
        before, longest = set(), self._steps[result].normalized
        for found in range(longest + 1):  # Number of normalizations whose moments are known.
            after = {number for number, step in enumerate(self._steps) if step.is_worth_keeping(found)}
            after = after & set(self._between([result], after)) if found < longest else set()
            measured = {step.reads[0] for step in self._steps if step.is_normalization and step.normalized == found + 1}
            between = list(self._between(measured | (after - before) or {result}, before))
            given = [number for number in between if number in before or not number]
            yield _Pass(
                steps=self._steps,
                unit=self._unit,
                given=given,
                kept=sorted(after - before),
                dropped=sorted(before - after),
                measured=sorted(measured),
                computed=[number for number in between[::-1] if number not in given],
            )
            before = after

    def _between(self, targets: Iterable[int], ends: Container[int]) -> Iterator[int]:
        """The steps on all paths back from the targets, each path up to its first end; later steps first."""
        met = set(targets)
        for number in range(max(met), -1, -1):
            if number in met:
                yield number
                met.update(() if number in ends else self._steps[number].reads)


class _Map:
    """A feature map that is kept whole, as a list of bands.

    Args:
        scale: Rows of the map in a unit.
    """

    def __init__(self, scale: int):
        self._scale, self._bands, self._end = scale, [], 0

    def __call__(self, begin: int, end: int) -> np.ndarray:
        begin, end = self._scale * begin, self._scale * end
        parts = [
            band[:, max(0, begin - first) : end - first]
            for first, band in self._bands
            if first < end and first + band.shape[1] > begin
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def append(self, band: np.ndarray) -> None:
        """Add the next rows."""
        self._bands.append((self._end, band))
        self._end += band.shape[1]

    def drop(self, before: int) -> None:
        """Free the bands that end before this unit."""
        self._bands = [(first, band) for first, band in self._bands if first + band.shape[1] > self._scale * before]
