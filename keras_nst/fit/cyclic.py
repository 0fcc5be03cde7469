"""Keras model that trains two generators, each the way back of the other, against two discriminators."""

import keras

from keras_nst.fit.game import JUDGED, GameTrainer
from keras_nst.losses.cyclegan import GIVEN, RESTORED, SAME
from keras_nst.models.cyclegan import PHOTOGRAPH, painter
from keras_nst.models.sdp_gan import PICTURE


class CyclicTrainer(GameTrainer):
    """Trains a generator for each direction, and their discriminators. A batch is that of `AdversarialTrainer`.

    Args:
        net: Built by `keras_nst.models.cyclegan.generators`.
        discriminator: Built by `keras_nst.models.cyclegan.discriminators`.
        objective: Minimized by each generator. The role "output" has "discriminator/logits", what is said of what it
            made; "restored", its pictures led back and forth; and "same", what it made of pictures of its own kind.
            "content" has these pictures as "image".
        discrimination: Minimized by each discriminator. Reads "real/logits" and "generated/logits".
        factors: See `GameTrainer`.
        decay: See `Trainer`.

    Source: Zhu et al. 2017, eqs. (1) to (3).
    """

    @property
    def trained(self) -> keras.Model:
        """The trained generator, from photographs to pictures."""
        return painter(super().trained)

    def losses_of(self, data) -> list:
        """The loss of each side on a batch, summed over both directions; logs the means of both."""
        photographs, _, pictures, _ = data
        given = {PHOTOGRAPH: photographs, PICTURE: pictures}
        real = self.discriminator(given, training=True)
        made = self.net(given, training=True)
        restored, same = self.net(made), self.net({PHOTOGRAPH: pictures, PICTURE: photographs})
        generated = self.discriminator(made)
        factors = self.factors(self.step)
        loss = self.objective.loss.scaled(factors)
        sides = []
        for kind, image in given.items():
            output = {JUDGED: generated[kind], RESTORED: restored[kind], SAME: same[kind]}
            total, raw = loss({"output": output, "content": {GIVEN: image}})
            self.log({"total": total, **raw})
            sides.append((total, self.judged({"real": real[kind], "generated": generated[kind]})))
        total, against = map(sum, zip(*sides, strict=True))
        return [total, factors["adversarial"] * against]
