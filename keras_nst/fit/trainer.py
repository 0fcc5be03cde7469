"""Keras models that train a net: the steps around the gradients, and against an objective of photographs."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
from keras import ops

from keras_nst.fit.autodiff import GradientStep
from keras_nst.fit.checkpoints import named
from keras_nst.fit.objective import Objective
from keras_nst.images.grain import with_grain
from keras_nst.losses.algebra import Measurement


class Trainer(GradientStep, keras.Model):
    """Counts the steps, keeps an average of a net and logs; what is minimized is its subclasses'.

    With TensorFlow, a `train_step` of its own keeps `average`, an exponential moving average of the net's weights,
    which stylizes more evenly than the weights of the last step, and counts the steps that loss scaling skipped.

    A subclass has `players`, pairs of an optimizer and the variables that it changes, `losses_of(data)`, what each of
    them minimizes on a batch, which also logs, and `term_weights`, those of the terms now.

    Args:
        net: The net that is kept.
        terms: The names of what is logged.
        decay: Of the average, reached after a warm-up: at step t it is min(decay, (1 + t) / (10 + t)), so that a short
            training is not an average of its own beginning.
    """

    def __init__(self, net: keras.Model, terms: Iterable[str], decay: float = 0.999, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.average = keras.models.clone_model(net)
        self.average.trainable = False
        self.average.set_weights(net.get_weights())
        self.decay = decay
        # A variable, so that a checkpoint holds it together with the weights it belongs to.
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
        """The net to keep: the average where it is formed, else the net itself."""
        return self.average if self.averages else self.net

    @property
    def steps_taken(self) -> int:
        """The step as a number, whatever devices it is on."""
        return int(self.step.numpy())

    @property
    def state(self) -> dict[str, keras.Variable]:
        """All that a training needs to go on, by names, once the optimizers are built."""
        groups = {"net": self.net.variables, "average": self.average.variables, "optimizer": self.optimizer.variables}
        return {"step": self.step, **named(**groups)}

    def scheduled(self, schedule: Callable) -> Callable:
        """A learning rate for an optimizer that follows the trainer's step, whatever the optimizer itself counts."""
        return lambda: schedule(self.step)

    def preview(self, photograph) -> list:
        """What the net to keep makes of a photograph (1, height, width, 3), as pictures to be shown below it."""
        return [self.trained(photograph)]

    def log(self, values: Mapping[str, object]) -> None:
        """Take values of this step into the means of the epoch, by their names."""
        for name, value in values.items():
            self._means[name].update_state(value)

    def update_average(self) -> None:
        """Take the net's weights into the average, once for all replicas."""
        time = ops.cast(self.step, "float32")
        decay = ops.minimum(self.decay, (1.0 + time) / (10.0 + time))
        for average, weight in zip(self.average.variables, self.net.variables, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight)

    def after_step(self, skipped):
        """What is done once the optimizers have been applied; returns the logs."""
        self.step.assign_add(1)
        self._skipped.update_state(skipped)
        return {metric.name: metric.result() for metric in (*self._means.values(), self._skipped)}


class StyleTrainer(Trainer):
    """Trains a net so that its output minimizes an objective; `fit` it on batches of photographs.

    A batch is a dict: "content", the photographs (batch, height, width, 3) in [0, 1]; "image", what the net sees of
    them, the same where it is missing; and for a net that learns many styles "style", the paintings (k, h, w, 3), each
    of them for batch / k photographs in a row.

    The loss stands in `compute_loss`, so any Keras backend can train it.

    Args:
        net: Model from photographs (batch, height, width, 3) in [0, 1] to stylized ones; or, with a condition, from
            {"image": these, "statistics": (batch, n)}.
        objective: What is minimized over the roles "output", "content" and, with a condition, "style"; others are
            bound.
        condition: What is measured of the paintings for the net to know the style by; None for a net of one style.
        shown: With a condition, the paintings (1, h, w, 3) that a preview shows the styles of.
        decay: See `Trainer`.
    """

    def __init__(
        self,
        net: keras.Model,
        objective: Objective,
        condition: Measurement | None = None,
        shown: Sequence = (),
        decay: float = 0.999,
        **kwargs,
    ):
        super().__init__(net, objective.loss.weights, decay, **kwargs)
        self.objective = objective
        self.condition = condition
        self._roles = ("content", "style") if condition else ("content",)
        self._shown = [self._statistics(self._observed({"style": painting})) for painting in shown]

    @property
    def term_weights(self) -> dict[str, float]:
        """The weights of the terms by their names."""
        return self.objective.loss.weights

    @property
    def players(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """The optimizer and the net's variables."""
        return [(self.optimizer, self.trainable_variables)]

    def preview(self, photograph) -> list:
        """What the net to keep makes of a photograph (1, height, width, 3), for one style or each that is shown."""
        photograph = ops.convert_to_tensor(with_grain(photograph))
        if not self.condition:
            return [self.trained(photograph)]
        return [self.trained({"image": photograph, "statistics": statistics}) for statistics in self._shown]

    def losses_of(self, data) -> list:
        """The objective on a batch."""
        batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
        seen = self._observed(batch)
        return [self._compared(self.net(self._inputs(batch, seen), training=True), seen)]

    def validate(self, data):
        """The objective of the net to keep on a batch, and its terms; the logs of `evaluate`."""
        batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
        seen = self._observed(batch)
        self._compared(self.trained(self._inputs(batch, seen), training=False), seen)
        return {name: mean.result() for name, mean in self._means.items()}

    def call(self, batch, training=None):
        """The net's output, (batch, height, width, 3) in [0, 1]."""
        return self.net(self._inputs(batch, self._observed(batch)), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The objective of the stylized photographs `y_pred` of the batch `x`; logs each term."""
        return self._compared(y_pred, self._observed(x))

    def _observed(self, batch: Mapping) -> dict:
        """What loss and condition read of photographs and paintings."""
        images = {role: batch[role] for role in self._roles if role in batch}
        return self.objective.observe(images, {"style": self.condition.probes} if self.condition else None)

    def _statistics(self, seen: Mapping):
        (statistics,) = self.condition(seen["style"])
        return statistics

    def _inputs(self, batch: Mapping, seen: Mapping):
        image = batch.get("image", batch["content"])
        if not self.condition:
            return image
        statistics = self._statistics(seen)
        each = image.shape[0] // statistics.shape[0]
        return {"image": image, "statistics": ops.repeat(statistics, each, axis=0)}

    def _compared(self, output, seen: Mapping):
        total, raw = self.objective.loss({**seen, **self.objective.observe({"output": output})})
        self.log({"total": total, **raw})
        return total
