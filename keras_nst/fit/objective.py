"""A loss together with the observer that measures its scene: a function of images."""

import dataclasses
from collections.abc import Iterable, Mapping

from keras_nst.losses import Loss
from keras_nst.losses.algebra import Scene, Tensor
from keras_nst.models.observer import Observer


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimized, as a function of images.

    It is deliberately no Keras object: the frozen networks inside are not part of the model that is trained, neither of
    its variables nor of its checkpoints.

    Attributes:
        loss: A loss.
        observer: What measures the images.
    """

    loss: Loss
    observer: Observer

    def bind(self, **images: Tensor) -> "Objective":
        """The objective with images that never change observed once.

        Args:
            **images: Role ("style", "content") and image (batch, height, width, 3) in [0, 1].
        """
        return dataclasses.replace(self, loss=self.loss.bind(self.observe(images)))

    def __call__(self, **images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate on images of the roles that are not bound.

        Args:
            **images: Role and image (batch, height, width, 3) in [0, 1]; "output" always.

        Returns:
            The weighted sum, a scalar, and the raw value of each term by its name.
        """
        return self.loss(self.observe(images))

    def observe(self, images: Mapping[str, Tensor], others: Mapping[str, Iterable[str]] | None = None) -> Scene:
        """What the loss reads of images.

        Args:
            images: By their roles, (batch, height, width, 3) in [0, 1] each.
            others: More probes, by roles.
        """
        probes = {role: {*self.loss.probes(role), *(others or {}).get(role, ())} for role in images}
        return {role: self.observer(image, sorted(probes[role])) for role, image in images.items()}
