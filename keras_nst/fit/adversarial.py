"""A Keras model that trains a generator and a saliency net against a discriminator."""

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
    """Trains a generator, and its saliency net if it has one, against a discriminator, both at once on each batch.

    `fit` it on batches (photographs, references, pictures, blurred): photographs and pictures of the style (batch,
    height, width, 3), the photographs' saliency (batch, height, width, 1), and the pictures of the style with their
    edges blurred, all float32 in [0, 1]. It needs TensorFlow.

    Args:
        net: As `keras_nst.models.sdp_gan.generator` builds it.
        discriminator: As `keras_nst.models.sdp_gan.discriminator` builds it.
        objective: What generator and saliency net minimize, its observer with "vgg" and, for the net itself,
            "saliency". The role "output" is the stylized photograph, with "discriminator/logits" and "map", what the
            net sees in the photograph; "content" the photograph, "saliency/map" there the same map, or the reference
            where the net has no saliency net; "reference" has its "map".
        discrimination: What the discriminator minimizes; it reads "real/logits", "blurred/logits", "generated/logits".
        factors: From the step, a tensor, to factors of the objective's weights by the names of their terms. While that
            of "adversarial" is 0, the discriminator does not learn either.
        decay: See `Trainer`.

    Source: Li et al. 2020, eqs. (1) to (3) and (9). Differs from the source: both sides learn from the same pass in
    place of taking turns, which runs the networks once.
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
        """Take an optimizer for each side, and build them, so that a checkpoint finds their variables."""
        super().compile(optimizer=optimizer, **kwargs)
        self.discriminator_optimizer = discriminator_optimizer
        for side, variables in self.players:
            side.build(variables)

    @property
    def trained(self) -> keras.Model:
        """The generator to keep, from photographs to pictures."""
        return part(super().trained, PICTURE)

    @property
    def state(self) -> dict[str, keras.Variable]:
        """As `Trainer.state`, with the discriminator and its optimizer."""
        own, optimizer = self.discriminator.variables, self.discriminator_optimizer.variables
        return {**super().state, **named(discriminator=own, optimizer_of_discriminator=optimizer)}

    @property
    def players(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """Generator with saliency net, and discriminator."""
        return [
            (self.optimizer, self.net.trainable_variables),
            (self.discriminator_optimizer, self.discriminator.trainable_variables),
        ]

    @property
    def term_weights(self) -> dict[str, float]:
        """The weights of the generator's terms by their names, at the last step."""
        scaled = self.objective.loss.scaled(self.factors(self.step - 1))
        return {name: float(weight) for name, weight in scaled.weights.items()}

    def losses_of(self, data) -> list:
        """What each player minimizes on a batch; logs each term, and how often the discriminator is right."""
        photographs, references, pictures, blurred = data
        # First, and once: a discriminator with spectral normalization takes a step of it, and has other kernels then.
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
        total, raw = self.objective.loss.scaled(factors)(scene)

        samples = {"real": real, "blurred": self.discriminator(blurred)["logits"], "generated": generated}
        logits = {f"{name}/logits": said for name, said in samples.items()}
        against, judged = self.discrimination({"output": logits})
        right = [ops.mean(ops.cast((said > 0) == (name == "real/logits"), "float32")) for name, said in logits.items()]
        self.log({"total": total, **raw, **judged, "accuracy": sum(right) / len(right)})
        self.log({"content_weight": factors["content"] * self.objective.loss.weights.get("content", 0.0)})
        return [total, factors["adversarial"] * against]

    def after_step(self, skipped):
        """As `Trainer.after_step`, with the discriminator's Adam at its first step until there is a game."""
        # Adam corrects its means by the steps it has counted, but in the initialization they stay zero.
        counted = self.discriminator_optimizer.iterations
        counted.assign(counted * ops.cast(self.factors(self.step)["adversarial"], counted.dtype))
        return super().after_step(skipped)

    def preview(self, photograph) -> list:
        """The result for a photograph (1, height, width, 3); with a saliency net, also the maps of both."""
        net = self.average
        outputs = net(photograph)
        if MAP not in outputs:
            return [outputs[PICTURE]]
        maps = [outputs[MAP], net(outputs[PICTURE])[MAP]]
        return [outputs[PICTURE], *(ops.repeat(found, 3, axis=-1) for found in maps)]

    def _observed(self, role: str, image, *known: str):
        """What the objective reads of an image but for what is known."""
        probes = (probe for probe in self.objective.loss.probes(role) if probe not in known)
        return self.objective.observer(image, probes)
