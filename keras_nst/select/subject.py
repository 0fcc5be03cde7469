"""Find the subject of a photograph, by a net, by saliency or by a classifier."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from keras_nst.errors import InputError
from keras_nst.pictures.picture import Picture, resize
from keras_nst.select.masks import filled, is_transparent, likely, otsu
from keras_nst.select.matting import matte
from keras_nst.select.paste import cut_object

MASKS = {"subject": "subject", "saliency": "rbd+mbd", "cam": "cam"}
"""Names of subject masks, with the methods that find them."""

_SIDE = 320  # Side of the square that the net sees.
_ALIKE = 0.9  # Intersection over union of two masks of one object.


def subject_mask(picture: Picture, source: str = "subject") -> np.ndarray:
    """Compute the mask of the subject.

    Args:
        picture: The photograph.
        source: A name of `MASKS`.

    Returns:
        (1, h, w, 1) float32 in [0, 1]; all zeros if there is no subject. Masks by saliency and by the classifier have
        no holes.
    """
    found = find(picture, MASKS[source])
    return likely(found) if source == "subject" else filled(otsu(found))


def cut_out(picture: Picture, seeds: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Compute the mask of the object that a picture shows: the opaque part, or the subject of an opaque picture.

    `cut_object` gives more exact outlines on a plain background, but it mistakes some backgrounds for plain ones. So
    its mask is used if it agrees with the subject, or if there is no subject.

    Args:
        picture: Of any size.
        seeds: Column and row, counted from 0, of pixels in a plain background. With seeds, `cut_object` decides alone.

    Returns:
        The mask, (1, h, w, 1) float32 in [0, 1], soft at hair and fur.

    Raises:
        InputError: The picture is fully transparent, a seed is outside the picture, or there is neither a plain
            background nor a subject.
    """
    if seeds or is_transparent(picture):
        return cut_object(picture, seeds)
    found = subject_mask(picture)
    try:
        cut = cut_object(picture)
    except InputError:
        if not found.any():
            raise
        return matte(picture.rgb, found)
    alike = np.minimum(cut, found).sum() > _ALIKE * np.maximum(cut, found).sum()
    return cut if alike or not found.any() else matte(picture.rgb, found)


def find(picture: Picture, method: str = "subject") -> np.ndarray:
    """Compute how much each pixel of a photograph belongs to its subject.

    Args:
        picture: The photograph; colors that transparency hides do not matter.
        method: "subject" for U2-Netp, whose map is a probability; a method of `saliency`; or "cam" for the class
            activation map of the predicted class. All maps except U2-Netp's are stretched to [0, 1].

    Returns:
        (1, h, w, 1) float32 in [0, 1], high for the subject.

    Raises:
        InputError: There is no such method.
    """
    detectors = {"subject": subject_map, "cam": _activation}
    if method in detectors:
        return detectors[method](picture.rgb)
    from keras_nst.select.saliency import saliency  # Loads Numba, which takes half a second.

    return saliency(picture.rgb, method)


def subject_map(rgb: np.ndarray) -> np.ndarray:
    """Compute the probability that each pixel belongs to the subject.

    The photograph is resized to a square of 320 pixels, as in the training of the net, and the map is enlarged
    bilinearly.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].

    Returns:
        (1, h, w, 1) float32 in [0, 1]; low everywhere if there is no subject.
    """
    square = cv2.resize(rgb[0], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    (found,) = np.asarray(_net()(square[None]))
    return cv2.resize(found, rgb.shape[2:0:-1], interpolation=cv2.INTER_LINEAR)[None, ..., None]


@functools.cache
def _net():
    import keras

    from keras_nst.models.u2netp import u2netp

    net = u2netp()
    if keras.backend.backend() != "tensorflow":
        return lambda rgb: keras.ops.convert_to_numpy(net(rgb, training=False))
    import tensorflow as tf

    graph = tf.function(lambda rgb: net(rgb, training=False), autograph=False)
    return graph.get_concrete_function(tf.TensorSpec((1, _SIDE, _SIDE, 3), tf.float32))


def _activation(rgb: np.ndarray) -> np.ndarray:
    """The class activation map of the predicted class, (1, h, w, 1) in [0, 1]."""
    from keras_nst.select.saliency import WORKING_SIDE, saliency_map

    seen = _classifier()(resize(Picture(rgb), WORKING_SIDE).rgb, training=False)
    (maps,), (logits,) = np.asarray(seen["maps"]), np.asarray(seen["logits"])
    return saliency_map(maps[..., logits.argmax()], *rgb.shape[1:3])


@functools.cache
def _classifier():
    from keras_nst.models.cam import gap_classifier

    return gap_classifier()
