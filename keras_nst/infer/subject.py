"""Find the subject of a photograph, by saliency or by a classifier."""

import functools

import numpy as np

from keras_nst.images.masks import filled, subject
from keras_nst.images.picture import Picture, resize
from keras_nst.images.saliency import WORKING_SIDE, saliency, saliency_map

MASKS = {"saliency": "mean", "cam": "cam"}
"""Names of subject masks, with the methods that find them."""


def subject_mask(picture: Picture, source: str) -> np.ndarray:
    """Compute the mask of the subject.

    Args:
        picture: The photograph.
        source: A name of `MASKS`.

    Returns:
        (1, h, w, 1) float32 in [0, 1], without holes; zeros where nothing stands out.
    """
    return filled(subject(find(picture, MASKS[source])))


def find(picture: Picture, method: str) -> np.ndarray:
    """Compute how much each pixel of a photograph belongs to its subject.

    Args:
        picture: The photograph; colors that transparency hides do not matter.
        method: A method of `saliency`, or "cam" for the class activation map of the predicted class.

    Returns:
        (1, h, w, 1) float32 in [0, 1], high for the subject.

    Raises:
        InputError: There is no such method.
    """
    rgb = picture.rgb
    return _activation(rgb) if method == "cam" else saliency(rgb, method)


def _activation(rgb: np.ndarray) -> np.ndarray:
    """The class activation map of the predicted class, (1, h, w, 1) in [0, 1]."""
    seen = _classifier()(resize(Picture(rgb), WORKING_SIDE).rgb, training=False)
    (maps,), (logits,) = np.asarray(seen["maps"]), np.asarray(seen["logits"])
    return saliency_map(maps[..., logits.argmax()], *rgb.shape[1:3])


@functools.cache
def _classifier():
    from keras_nst.models.cam import gap_classifier

    return gap_classifier()
