"""Base class of the Keras models that train a net against a discriminator."""

from collections.abc import Callable, Mapping, Sequence

import keras
from keras import ops

from keras_nst.fit.checkpoints import named
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import Trainer
from keras_nst.losses import Loss

JUDGED = "discriminator/logits"


class GameTrainer(Trainer):
    """Trains a net and a discriminator at once on each batch. It does not run on JAX, whose step has one optimizer.

    Subclasses define `losses_of`, the losses of both sides on a batch.

    Args:
        net: The net.
        discriminator: Tells the pictures of the style from those of the net.
        objective: Minimized by the net. Its term "adversarial" is the game.
        discrimination: Minimized by the discriminator.
        factors: Function from the step, a tensor, to factors of the objective's weights, by term name. While the
            factor of "adversarial" is 0, the discriminator does not learn either.
        decay: See `Trainer`.

    Attributes:
        facts: Names of what a step logs besides the terms of both losses.
    """

    facts: Sequence[str] = ("accuracy",)

    def __init__(
        self,
        net: keras.Model,
        discriminator: keras.Model,
        objective: Objective,
        discrimination: Loss,
        factors: Callable[[object], Mapping[str, object]],
        decay: float = 0.999,
        **kwargs,
    ):
        super().__init__(net, (*objective.loss.weights, *discrimination.weights, *self.facts), decay, **kwargs)
        self.discriminator = discriminator
        self.objective, self.discrimination, self.factors = objective, discrimination, factors

    def compile(self, optimizer, discriminator_optimizer, **kwargs):
        """Set the optimizer of each side and build both, so that checkpoints include their variables."""
        super().compile(optimizer=optimizer, **kwargs)
        self.discriminator_optimizer = discriminator_optimizer
        for side, variables in self.players:
            side.build(variables)

    @property
    def state(self) -> dict[str, keras.Variable]:
        """Like `Trainer.state`, with the discriminator and its optimizer."""
        own, optimizer = self.discriminator.variables, self.discriminator_optimizer.variables
        return {**super().state, **named(discriminator=own, optimizer_of_discriminator=optimizer)}

    @property
    def players(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """Optimizer and variables of the generator with its saliency net, and of the discriminator."""
        return [
            (self.optimizer, self.net.trainable_variables),
            (self.discriminator_optimizer, self.discriminator.trainable_variables),
        ]

    @property
    def term_weights(self) -> dict[str, float]:
        """The weights of the generator's terms at the last step, by name."""
        scaled = self.objective.loss.scaled(self.factors(self.step - 1))
        return {name: float(weight) for name, weight in scaled.weights.items()}

    def after_step(self, skipped):
        """Like `Trainer.after_step`; also holds the discriminator's Adam at step 0 until the discriminator learns."""
        # Adam corrects the bias of its means by its step count, but during the initialization the means stay zero.
        counted = self.discriminator_optimizer.iterations
        counted.assign(counted * ops.cast(self.factors(self.step)["adversarial"], counted.dtype))
        return super().after_step(skipped)

    def judged(self, logits: Mapping[str, object]):
        """The discriminator's loss on the logits of each kind of sample; logs its terms and the accuracy."""
        total, raw = self.discrimination({"output": {f"{name}/logits": said for name, said in logits.items()}})
        right = [ops.mean(ops.cast((said > 0) == (name == "real"), "float32")) for name, said in logits.items()]
        self.log({**raw, "accuracy": sum(right) / len(right)})
        return total
