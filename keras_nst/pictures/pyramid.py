"""Coarse to fine: the sizes of a picture, and the steps between them."""

from collections.abc import Mapping

import cv2
import numpy as np

from keras_nst.pictures.color import luma

_WINDOW = 9  # Pixels.
_LEAST_VARIANCE = 1e-4  # Below, noise.


def sizes(end: int, start: int) -> list[int]:
    """Longest sides from coarse to fine, each half of the next, none below `start`.

    From any of them as `start`, the rest are the same.
    """
    found = [end]
    while (coarser := round(end / 2 ** len(found))) >= start:
        found.append(coarser)
    return found[::-1]


def finished(plan: Mapping[int, int], side: int, steps: int) -> float:
    """The share of the work that is done. A step takes as long as its picture has pixels.

    Args:
        plan: Longest side and number of steps of each scale, from coarse to fine.
        side: The scale that is worked at.
        steps: Its steps that are done.
    """
    work = {of: planned * of**2 for of, planned in plan.items()}
    return (sum(work[of] for of in plan if of < side) + steps * side**2) / sum(work.values())


def fit(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Resize a picture or mask (1, h, w, channels) in [0, 1] to the size of another."""
    height, width = like.shape[1:3]
    interpolation = cv2.INTER_AREA if height < image.shape[1] else cv2.INTER_CUBIC
    sized = cv2.resize(image[0], (width, height), interpolation=interpolation)
    return np.clip(sized, 0, 1, out=sized).reshape(1, height, width, image.shape[3])


class Enlarged:
    """A painted picture at a larger size, with the edges of the photograph.

    The painted picture is enlarged. To its brightness, the detail of the photograph that is lost in the smaller one is
    added, as strongly as both agree around a pixel: where a stroke follows an edge, the edge is sharp; where strokes
    ignore what is in the photograph, so does the result.

    Args:
        painted: The smaller picture, painted, (1, h, w, 3) float32 in [0, 1].
        photograph: The smaller photograph, of the same shape.
        full: The photograph, (1, H, W, 3).

    Source: He & Sun 2015, "Fast Guided Filter".
    Differs from the source: only the detail is guided; strokes that the photograph does not explain stay.
    """

    def __init__(self, painted: np.ndarray, photograph: np.ndarray, full: np.ndarray):
        self._painted, self._full = painted[0], full[0]
        self._small = luma(photograph)[0, ..., 0]
        paint = luma(painted)[0, ..., 0]
        side = (_WINDOW, _WINDOW)
        means = cv2.blur(self._small, side), cv2.blur(paint, side)
        covariance = cv2.blur(self._small * paint, side) - means[0] * means[1]
        variance = cv2.blur(self._small**2, side) - means[0] ** 2
        self._gain = cv2.blur(np.clip(covariance / np.maximum(variance, _LEAST_VARIANCE), 0, 1), side)

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Rows of the result, (1, end - begin, W, 3)."""
        height, width = self._full.shape[:2]
        across, down = self._small.shape[1] / width, self._small.shape[0] / height
        # From a pixel of these rows to its place in the smaller picture; pixels are counted by their centers.
        to_small = np.float32([[across, 0, across / 2 - 0.5], [0, down, (begin + 0.5) * down - 0.5]])

        def enlarged(values: np.ndarray, interpolation: int) -> np.ndarray:
            flags = interpolation | cv2.WARP_INVERSE_MAP
            return cv2.warpAffine(values, to_small, (width, end - begin), flags=flags, borderMode=cv2.BORDER_REPLICATE)

        detail = luma(self._full[begin:end])[..., 0] - enlarged(self._small, cv2.INTER_CUBIC)
        detail *= enlarged(self._gain, cv2.INTER_LINEAR)
        return np.clip(enlarged(self._painted, cv2.INTER_CUBIC) + detail[..., None], 0, 1)[None]


def finer(image: np.ndarray, coarser: np.ndarray, sized: np.ndarray) -> np.ndarray:
    """Enlarge the result of one scale, and add the photograph's detail that is new at the next scale.

    Args:
        image: The result, (1, h, w, 3) in [0, 1].
        coarser: The photograph at the result's scale.
        sized: The photograph at the next scale, (1, H, W, 3).

    Returns:
        (1, H, W, 3) in [0, 1].
    """
    result = fit(image, sized)  # In place from here on, to save memory.
    result += sized
    result -= fit(coarser, sized)
    return np.clip(result, 0, 1, out=result)
