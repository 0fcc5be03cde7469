"""A Keras model that trains a transfer net against an objective."""

import keras
from keras import ops

from keras_nst.fit.autodiff import GradientStep
from keras_nst.fit.objective import Objective


class StyleTrainer(GradientStep, keras.Model):
    """Trains a net so that its output minimizes an objective; `fit` it on batches of photographs.

    The loss stands in `compute_loss`, so any Keras backend can train it. With TensorFlow, a `train_step` of its own
    also keeps `average`, an exponential moving average of the net's weights, which stylizes more evenly than the
    weights of the last step, and counts the steps that loss scaling skipped.

    Args:
        net: Model from photographs (batch, height, width, 3) in [0, 1] to stylized ones.
        objective: What is minimized over the roles "output" and "content"; other roles are bound.
        decay: Of the average, reached after a warm-up: at step t it is min(decay, (1 + t) / (10 + t)), so that a short
            training is not an average of its own beginning.
    """

    def __init__(self, net: keras.Model, objective: Objective, decay: float = 0.999, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.average = keras.models.clone_model(net)
        self.average.trainable = False
        self.average.set_weights(net.get_weights())
        self.objective = objective
        self.decay = decay
        # A variable, so that a checkpoint holds it together with the weights it belongs to.
        self.step = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="step")
        self._total = keras.metrics.Mean(name="total")
        self._raw = {name: keras.metrics.Mean(name=name) for name in objective.loss.weights}
        self._skipped = keras.metrics.Sum(name="skipped")
        self.built = True

    @property
    def trained(self) -> keras.Model:
        """The net to keep: the average where it is formed, else the net itself."""
        return self.average if self.averages else self.net

    @property
    def state(self) -> list[keras.Variable]:
        """All that a training needs to go on, in a fixed order, once the optimizer is built."""
        return [*self.net.variables, *self.average.variables, self.step, *self.optimizer.variables]

    def call(self, photographs, training=None):
        """The net's output, (batch, height, width, 3) in [0, 1]."""
        return self.net(photographs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The objective of the stylized photographs `y_pred` with the photographs `x` as content; logs each term."""
        total, raw = self.objective(output=y_pred, content=x)
        self._total.update_state(total)
        for name, value in raw.items():
            self._raw[name].update_state(value)
        return total

    def after_step(self, skipped):
        """What is done once the optimizer has been applied; returns the logs."""
        time = ops.cast(self.step, "float32")
        decay = ops.minimum(self.decay, (1.0 + time) / (10.0 + time))
        for average, weight in zip(self.average.variables, self.net.variables, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight)
        self.step.assign_add(1)
        self._skipped.update_state(skipped)
        return {metric.name: metric.result() for metric in (self._total, *self._raw.values(), self._skipped)}
