"""Keras model that trains a generator and a saliency net against a discriminator."""

from collections.abc import Callable, Mapping

import keras
from keras import ops

from keras_nst.fit.checkpoints import named
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import Trainer
from keras_nst.losses import Loss
from keras_nst.models.sdp_gan import MAP, PICTURE, part

JUDGED = "discriminator/logits"


class AdversarialTrainer(Trainer):
    """Trains a generator, with its saliency net if it has one, and a discriminator at once on each batch.

    Call `fit` with batches (photographs, references, pictures, blurred): photographs (batch, height, width, 3), their
    reference saliency maps (batch, height, width, 1), pictures of the style (batch, height, width, 3), and the same
    pictures with blurred edges; all float32 in [0, 1]. Needs TensorFlow.

    Args:
        net: Built by `keras_nst.models.sdp_gan.generator`.
        discriminator: Built by `keras_nst.models.sdp_gan.discriminator`.
        objective: Minimized by the generator and the saliency net. Its observer runs "vgg", and the net itself as
            "saliency". The role "output", the stylized photograph, also has "discriminator/logits" and "map", the
            saliency net's map of the photograph; "content", the photograph, has this map as "saliency/map", or the
            reference map if there is no saliency net; "style" is all pictures together; "reference" has the reference
            "map".
        discrimination: Minimized by the discriminator. Reads "real/logits", "blurred/logits", "generated/logits".
        factors: Function from the step, a tensor, to factors of the objective's weights, by term name. While the
            factor of "adversarial" is 0, the discriminator does not learn either.
        decay: See `Trainer`.

    Source: Li et al. 2020, eqs. (1) to (3) and (9).
    Differs from the source: both sides learn from the same forward pass instead of taking turns, so the networks run
    only once.
    """

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
        super().__init__(
            net, (*objective.loss.weights, *discrimination.weights, "accuracy", "content_weight"), decay, **kwargs
        )
        self.discriminator = discriminator
        self.objective, self.discrimination, self.factors = objective, discrimination, factors

    def compile(self, optimizer, discriminator_optimizer, **kwargs):
        """Set the optimizer of each side and build both, so that checkpoints include their variables."""
        super().compile(optimizer=optimizer, **kwargs)
        self.discriminator_optimizer = discriminator_optimizer
        for side, variables in self.players:
            side.build(variables)

    @property
    def trained(self) -> keras.Model:
        """The trained generator, from photographs to pictures."""
        return part(super().trained, PICTURE)

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

    def losses_of(self, data) -> list:
        """The loss of each player on a batch; logs each term, and the accuracy of the discriminator."""
        photographs, references, pictures, blurred = data
        # This call is the first, and the only one with `training`: spectral normalization then updates the kernels.
        real = self.discriminator(pictures, training=True)["logits"]
        outputs = self.net(photographs, training=True)
        seen = outputs.get(MAP, references)
        generated = self.discriminator(outputs[PICTURE])["logits"]
        scene = {
            "output": {MAP: seen, JUDGED: generated, **self._observed("output", outputs[PICTURE], MAP, JUDGED)},
            "content": {f"saliency/{MAP}": seen, **self._observed("content", photographs, f"saliency/{MAP}")},
            "reference": {MAP: references},
        }
        factors = self.factors(self.step)
        loss = self.objective.loss.scaled(factors)
        # All pictures of the batch are one style.
        style = loss.collected([loss.targets("style", self._observed("style", pictures))])
        total, raw = loss.with_constants(style)(scene)

        samples = {"real": real, "blurred": self.discriminator(blurred)["logits"], "generated": generated}
        logits = {f"{name}/logits": said for name, said in samples.items()}
        against, judged = self.discrimination({"output": logits})
        right = [ops.mean(ops.cast((said > 0) == (name == "real/logits"), "float32")) for name, said in logits.items()]
        self.log({"total": total, **raw, **judged, "accuracy": sum(right) / len(right)})
        self.log({"content_weight": factors["content"] * self.objective.loss.weights.get("content", 0.0)})
        return [total, factors["adversarial"] * against]

    def after_step(self, skipped):
        """Like `Trainer.after_step`; also holds the discriminator's Adam at step 0 until the discriminator learns."""
        # Adam corrects the bias of its means by its step count, but during the initialization the means stay zero.
        counted = self.discriminator_optimizer.iterations
        counted.assign(counted * ops.cast(self.factors(self.step)["adversarial"], counted.dtype))
        return super().after_step(skipped)

    def preview(self, photograph) -> list:
        """The result for a photograph (1, height, width, 3); with a saliency net, also the saliency maps of both."""
        net = self.average
        outputs = net(photograph)
        if MAP not in outputs:
            return [outputs[PICTURE]]
        maps = [outputs[MAP], net(outputs[PICTURE])[MAP]]
        return [outputs[PICTURE], *(ops.repeat(found, 3, axis=-1) for found in maps)]

    def _observed(self, role: str, image, *known: str):
        """Observe the probes that the objective reads from an image, except those that are already known."""
        probes = (probe for probe in self.objective.loss.probes(role) if probe not in known)
        return self.objective.observer(image, probes)
