"""Where the subject of a photograph is: what stands out in it, or what a classifier recognizes."""

import functools

import numpy as np

from keras_nst.images.masks import filled, subject
from keras_nst.images.picture import Picture, resize
from keras_nst.images.saliency import WORKING_SIDE, saliency, saliency_map

MASKS = {"saliency": "mean", "cam": "cam"}
"""Names of masks of the subject, and the methods that they are found by."""


def subject_mask(picture: Picture, source: str) -> np.ndarray:
    """The mask of the subject.

    Args:
        picture: The photograph.
        source: A name of `MASKS`.

    Returns:
        (1, h, w, 1) float32 in [0, 1], without holes; zeros where nothing stands out.
    """
    return filled(subject(find(picture, MASKS[source])))


def find(picture: Picture, method: str) -> np.ndarray:
    """How much each pixel of a photograph belongs to its subject.

    Args:
        picture: The photograph; what is transparent in it is not looked at.
        method: One of `saliency`'s, or "cam" for the activation map of the class that it is taken for.

    Returns:
        (1, h, w, 1) float32 in [0, 1], the subject bright.

    Raises:
        InputError: There is no such method.
    """
    rgb = picture.rgb
    return _activation(rgb) if method == "cam" else saliency(rgb, method)


def _activation(rgb: np.ndarray) -> np.ndarray:
    """The activation map of the class that the photograph is taken for, (1, h, w, 1) in [0, 1]."""
    seen = _classifier()(resize(Picture(rgb), WORKING_SIDE).rgb, training=False)
    (maps,), (logits,) = np.asarray(seen["maps"]), np.asarray(seen["logits"])
    return saliency_map(maps[..., logits.argmax()], *rgb.shape[1:3])


@functools.cache
def _classifier():
    from keras_nst.models.cam import gap_classifier

    return gap_classifier()
