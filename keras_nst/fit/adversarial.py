"""Keras model that trains a generator and a saliency net against a discriminator."""

import keras
from keras import ops

from keras_nst.fit.game import JUDGED, GameTrainer
from keras_nst.models.sdp_gan import MAP, PICTURE, part


class AdversarialTrainer(GameTrainer):
    """Trains a generator, with its saliency net if it has one, and a discriminator at once on each batch.

    Call `fit` with batches (photographs, references, pictures, blurred): photographs (batch, height, width, 3), their
    reference saliency maps (batch, height, width, 1), pictures of the style (batch, height, width, 3), and the same
    pictures with blurred edges; all float32 in [0, 1].

    Args:
        net: Built by `keras_nst.models.sdp_gan.generator`.
        discriminator: Built by `keras_nst.models.sdp_gan.discriminator`.
        objective: Minimized by the generator and the saliency net. Its observer runs "vgg", and the net itself as
            "saliency". The role "output", the stylized photograph, also has "discriminator/logits" and "map", the
            saliency net's map of the photograph; "content", the photograph, has this map as "saliency/map", or the
            reference map if there is no saliency net; "style" is all pictures together; "reference" has the reference
            "map".
        discrimination: Minimized by the discriminator. Reads "real/logits", "blurred/logits", "generated/logits".
        factors: See `GameTrainer`.
        decay: See `Trainer`.

    Source: Li et al. 2020, eqs. (1) to (3) and (9).
    Differs from the source: both sides learn from the same forward pass instead of taking turns, so the networks run
    only once.
    """

    facts = ("accuracy", "content_weight")

    @property
    def trained(self) -> keras.Model:
        """The trained generator, from photographs to pictures."""
        return part(super().trained, PICTURE)

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

        blurred = self.discriminator(blurred)["logits"]
        against = self.judged({"real": real, "blurred": blurred, "generated": generated})
        content_weight = factors["content"] * self.objective.loss.weights.get("content", 0.0)
        self.log({"total": total, **raw, "content_weight": content_weight})
        return [total, factors["adversarial"] * against]

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
