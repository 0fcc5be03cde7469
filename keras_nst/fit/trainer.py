"""Keras models that train a net: the base class, and the training of a net on photographs."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_nst.fit.autodiff import GradientStep
from keras_nst.fit.checkpoints import named
from keras_nst.fit.objective import Objective
from keras_nst.losses.algebra import Measurement
from keras_nst.pictures.grain import with_grain


class Trainer(GradientStep, keras.Model):
    """Base class: counts steps, averages the net's weights and logs. Subclasses define the losses.

    `average` is an exponential moving average of the net's weights, which stylizes more evenly than the weights of the
    last step. The steps that loss scaling skips are counted.

    A subclass defines `players`, pairs of an optimizer and its variables; `losses_of(data)`, the loss of each player
    on a batch, which also logs; and `term_weights`, the current weights of the terms.

    Args:
        net: The net to train.
        terms: Names of the logged values.
        decay: Decay of the average, reached after a warm-up: at step t it is min(decay, (1 + t) / (10 + t)), so that
            after a short training the average is not dominated by the first steps.
    """

    def __init__(self, net: keras.Model, terms: Iterable[str], decay: float = 0.999, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.average = keras.models.clone_model(net)
        self.average.trainable = False
        self.average.set_weights(net.get_weights())
        self.decay = decay
        # A variable, so that a checkpoint stores it together with the weights.
        self.step = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )
        self._means = {name: keras.metrics.Mean(name=name) for name in ("total", *terms)}
        self._skipped = keras.metrics.Sum(name="skipped")
        self.built = True

    @property
    def trained(self) -> keras.Model:
        """The trained net: the average."""
        return self.average

    @property
    def steps_taken(self) -> int:
        """The step as a Python integer."""
        return int(self.step.numpy())

    @property
    def state(self) -> dict[str, keras.Variable]:
        """All variables that a checkpoint needs, by name. The optimizers must be built."""
        groups = {"net": self.net.variables, "average": self.average.variables, "optimizer": self.optimizer.variables}
        return {"step": self.step, **named(**groups)}

    def scheduled(self, schedule: Callable) -> Callable:
        """Make a learning rate that follows the trainer's step, not the optimizer's own count."""
        return lambda: schedule(self.step)

    def preview(self, photograph) -> list:
        """The pictures to show below a photograph (1, height, width, 3): the trained net's results."""
        return [self.trained(photograph)]

    def log(self, values: Mapping[str, object]) -> None:
        """Add this step's values to the epoch's means, by name."""
        for name, value in values.items():
            self._means[name].update_state(value)

    def update_average(self) -> None:
        """Add the net's weights to the average, once for all replicas."""
        time = ops.cast(self.step, "float32")
        decay = ops.minimum(self.decay, (1.0 + time) / (10.0 + time))
        for average, weight in zip(self.average.variables, self.net.variables, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight)

    def after_step(self, skipped):
        """Finish a step after the optimizers have been applied; returns the logs."""
        self.step.assign_add(1)
        self._skipped.update_state(skipped)
        return {metric.name: metric.result() for metric in (*self._means.values(), self._skipped)}


class _Style(NamedTuple):
    """What a batch needs to know of its paintings.

    Attributes:
        statistics: What the net is told of them, (k, n).
        targets: What the loss compares with, by term.
    """

    statistics: Any
    targets: dict[str, Any]


def _table(styles: Sequence[_Style]) -> Callable[[Any], _Style]:
    """Function from numbers (k,) to the styles of these numbers."""
    stacked = tree.map_structure(lambda *parts: ops.concatenate(parts, axis=0), *styles)
    return lambda numbers: tree.map_structure(lambda part: ops.take(part, numbers, axis=0), stacked)


class StyleTrainer(Trainer):
    """Trains a net so that its output minimizes an objective. Call `fit` with batches of photographs.

    A batch is a dict: "content", the photographs (batch, height, width, 3) in [0, 1]; "image", the net's input, which
    defaults to "content"; "subject", the maps (batch, height, width, 1) in [0, 1] of their subjects, if the objective
    keeps these; and for a net of many styles "style", the paintings (k, h, w, 3), or the numbers of known
    ones (k,), each of which serves batch / k consecutive photographs.

    Args:
        net: Model from photographs (batch, height, width, 3) in [0, 1] to stylized ones; or, with a condition, from
            {"image": photographs, "statistics": (batch, n)}.
        objective: The objective. The roles "output", "content" and, with a condition, "style" are free; all others
            must be bound.
        condition: Measurement of the paintings that tells the net the style; None for a net of one style.
        known: With a condition, paintings (1, h, w, 3) that are observed once, here; none if each batch brings its own.
        shown: With a condition, the paintings (1, h, w, 3) whose styles a preview shows.
        decay: See `Trainer`.
    """

    def __init__(
        self,
        net: keras.Model,
        objective: Objective,
        condition: Measurement | None = None,
        known: Sequence = (),
        shown: Sequence = (),
        decay: float = 0.999,
        **kwargs,
    ):
        super().__init__(net, objective.loss.weights, decay, **kwargs)
        self.objective = objective
        self.condition = condition
        self._known = _table([self._measured(painting) for painting in known]) if known else None
        self._shown = [self._measured(painting).statistics for painting in shown]

    @property
    def term_weights(self) -> dict[str, float]:
        """The weights of the terms, by name."""
        return self.objective.loss.weights

    @property
    def players(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """The optimizer and the net's variables."""
        return [(self.optimizer, self.trainable_variables)]

    def preview(self, photograph) -> list:
        """The trained net's results for a photograph (1, height, width, 3), one for each style that is shown."""
        photograph = ops.convert_to_tensor(with_grain(photograph))
        if not self.condition:
            return [self.trained(photograph)]
        return [self.trained({"image": photograph, "statistics": statistics}) for statistics in self._shown]

    def losses_of(self, data) -> list:
        """The objective on a batch."""
        batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
        style = self._style(batch)
        return [self._compared(self.net(self._inputs(batch, style), training=True), batch, style)]

    def validate(self, data):
        """The trained net's objective and its terms on a batch: the logs of `evaluate`."""
        batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
        style = self._style(batch)
        self._compared(self.trained(self._inputs(batch, style), training=False), batch, style)
        return {name: mean.result() for name, mean in self._means.items()}

    def _style(self, batch: Mapping) -> _Style | None:
        """The styles of a batch's paintings, or of those whose numbers it holds."""
        if not self.condition:
            return None
        return (self._known or self._measured)(batch["style"])

    def _measured(self, paintings) -> _Style:
        seen = self.objective.observe({"style": paintings}, {"style": self.condition.probes})["style"]
        (statistics,) = self.condition(seen)
        return _Style(statistics, self.objective.loss.targets("style", seen))

    def _inputs(self, batch: Mapping, style: _Style | None):
        image = batch.get("image", batch["content"])
        if style is None:
            return image
        each = image.shape[0] // style.statistics.shape[0]
        return {"image": image, "statistics": ops.repeat(style.statistics, each, axis=0)}

    def _compared(self, output, batch: Mapping, style: _Style | None):
        objective = self.objective
        if style is not None:
            objective = dataclasses.replace(objective, loss=objective.loss.with_constants(style.targets))
        given = {"content": {"subject": batch["subject"]}} if "subject" in batch else {}
        total, raw = objective(given, output=output, content=batch["content"])
        self.log({"total": total, **raw})
        return total
