"""A loss as a function of images: the loss together with the observer that measures them."""

import dataclasses
from collections.abc import Iterable, Mapping

from keras_nst.losses import Loss
from keras_nst.losses.algebra import Scene, Tensor
from keras_nst.models.observer import Observer


@dataclasses.dataclass(frozen=True)
class Objective:
    """The function of images that a training minimizes.

    It is deliberately not a Keras object, so that its frozen networks are not part of the trained model's variables and
    checkpoints.

    Attributes:
        loss: The loss.
        observer: Measures the images.
    """

    loss: Loss
    observer: Observer

    def bind(self, **images: Tensor) -> "Objective":
        """Return the objective with these images measured once, as constants.

        Args:
            **images: An image (batch, height, width, 3) in [0, 1] for each role, such as "style" or "content".
        """
        return dataclasses.replace(self, loss=self.loss.bind(self.observe(images)))

    def bind_collection(self, role: str, images: Iterable[Tensor]) -> "Objective":
        """Return the objective with one target for a role, measured once on several images of one size.

        Args:
            role: The role, such as "style".
            images: Images (1, height, width, 3) in [0, 1]. They are observed one after the other.
        """
        targets = [self.loss.targets(role, self.observe({role: image})[role]) for image in images]
        return dataclasses.replace(self, loss=self.loss.with_constants(self.loss.collected(targets)))

    def __call__(self, given: Scene | None = None, **images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate on images.

        Args:
            given: As in `observe`.
            **images: An image (batch, height, width, 3) in [0, 1] for each role that is not bound, always "output".

        Returns:
            The weighted sum, a scalar, and the unweighted value of each term, by name.
        """
        return self.loss(self.observe(images, given=given))

    def observe(
        self,
        images: Mapping[str, Tensor],
        others: Mapping[str, Iterable[str]] | None = None,
        given: Scene | None = None,
    ) -> Scene:
        """Observe the probes that the loss reads.

        Args:
            images: An image (batch, height, width, 3) in [0, 1] for each role.
            others: Additional probes for some roles.
            given: Probes of some roles that are known, and not observed.
        """
        scene = {}
        for role, image in images.items():
            known = (given or {}).get(role, {})
            probes = {*self.loss.probes(role), *(others or {}).get(role, ())} - known.keys()
            scene[role] = {**known, **self.observer(image, sorted(probes))}
        return scene
