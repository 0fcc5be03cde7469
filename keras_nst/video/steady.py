"""Stylize consecutive frames with less flicker, by optical flow.

A net paints each frame from scratch: film grain or a shift by one pixel is enough to change the strokes. Here optical
flow warps the previous result to the new frame, and the new result is blended with it. A blend has less detail than
either result, so the detail of the new one is restored in each frequency band.
"""

from collections.abc import Callable

import cv2
import numpy as np

from keras_nst.pictures.grain import steady_grain

STEADINESS = 0.6

_SMOOTHNESS = 60.0  # Smoothness of the flow. With OpenCV's default of 20 it follows the film grain.
_REFINEMENTS = 10
# Maximum error of the flow back and forth: pixels, plus a fraction of the length of both.
_MISS, _MISS_SHARE = 0.7, 0.1
_DIFFERENCE = 0.1  # Mean difference around a pixel, in [0, 1], above which it shows something else.
_BANDS = (0.6, 1.2, 2.4)  # Standard deviations in pixels that separate the frequency bands.
_WINDOW = 15  # Side of the window, in pixels, in which the strength of a band is measured.
_GAIN = 3.0  # Maximum gain of a band.


class Steady:
    """Stylizes the frames of a clip, one per call and in order.

    Unlike usual temporal blending, the net's input is blended with the previous input as well, which removes the film's
    grain, and detail is restored. The grain that the net needs moves with the content. If it stayed in place, so would
    the strokes, like a pattern on a window.

    Args:
        stylize: Function from a frame, (1, H, W, 3) float32 in [0, 1], and grain of the same shape, to its result.
        steadiness: Weight of the previous frame in the next, from 0 (each frame by itself) to 1.

    Attributes:
        carried: State between two frames, to save and restore: the net's last input and the last result, both
            (H, W, 3) float32 in [0, 1], and the place of each pixel's grain in the grain of a still frame, (H, W, 2),
            column and row. None before the first frame.
    """

    def __init__(self, stylize: Callable[[np.ndarray, np.ndarray], np.ndarray], steadiness: float = STEADINESS):
        self.carried: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._stylize = stylize
        self._steadiness = np.float32(steadiness)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Stylize the next frame, (H, W, 3) float32 in [0, 1], into one of the same shape."""
        height, width = frame.shape[:2]
        grain = steady_grain(0, height, width)
        still = _places(np.zeros((height, width, 2), np.float32))
        if self.carried is None or not self._steadiness:
            seen, places, result = frame, still, self._stylize(frame[None], grain)[0]
        else:
            before, painted, places = self.carried
            flow, agrees = flow_back(frame, before)
            before = warp(before, flow)
            agrees &= cv2.blur(np.abs(before - frame).mean(-1), (5, 5)) < _DIFFERENCE
            # The area that is new is enlarged, and its outline softened so that it does not show.
            share = cv2.erode(agrees.astype(np.float32), np.ones((3, 3)))
            share = self._steadiness * cv2.GaussianBlur(share, (0, 0), 1)[..., None]
            seen = np.clip(frame + share * (before - frame), 0, 1)
            places = np.where(agrees[..., None], cv2.remap(places, _places(flow), None, cv2.INTER_LINEAR), still)
            moved = cv2.remap(grain[0], places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
            fresh = self._stylize(seen[None], moved[None])[0]
            blend = fresh + share * (warp(painted, flow) - fresh)
            result = np.clip(_with_detail_of(fresh, blend), 0, 1)
        self.carried = seen, result, places
        return result


def flow_back(frame: np.ndarray, previous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the optical flow from a frame back to the previous one.

    Args:
        frame: (H, W, 3) float32 in [0, 1].
        previous: (H, W, 3) float32 in [0, 1].

    Returns:
        The offset of each pixel's content in the previous frame, (H, W, 2), in pixels to the right and down; and
        whether it is reliable, (H, W) bool: it leads to a point inside the picture, from where the flow leads back.
    """
    now, then = (cv2.cvtColor(np.rint(rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for rgb in (frame, previous))
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setVariationalRefinementAlpha(_SMOOTHNESS)
    search.setVariationalRefinementIterations(_REFINEMENTS)
    back = search.calc(now, then, None)
    forth = warp(search.calc(then, now, None), back)
    miss = np.linalg.norm(back + forth, axis=-1)
    ways = np.linalg.norm(back, axis=-1) + np.linalg.norm(forth, axis=-1)
    x, y = np.moveaxis(_places(back), -1, 0)
    height, width = now.shape
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return back, inside & (miss < _MISS + _MISS_SHARE * ways)


def warp(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Read the values (H, W, C) at each pixel's offset; beyond the border, those at the border."""
    return cv2.remap(values, _places(flow), None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _places(flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    return flow + np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def _with_detail_of(sharp: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Amplify each frequency band of an image until its local gradients are as strong as those of a sharp image."""
    restored = 0
    for deviation in _BANDS:
        coarse, sharp_coarse = (cv2.GaussianBlur(values, (0, 0), deviation) for values in (image, sharp))
        gain = np.sqrt(_gradient(sharp - sharp_coarse) / np.maximum(_gradient(image - coarse), 1e-8))
        restored += np.clip(gain, 1, _GAIN)[..., None] * (image - coarse)
        image, sharp = coarse, sharp_coarse
    return restored + image


def _gradient(values: np.ndarray) -> np.ndarray:
    """Mean squared difference of neighbors in the window around each pixel, (H, W)."""
    down = np.diff(values, axis=0, append=values[-1:])
    right = np.diff(values, axis=1, append=values[:, -1:])
    # The filter's running sums can be slightly negative where a flat area begins.
    return np.maximum(cv2.blur((down * down + right * right).mean(-1), (_WINDOW, _WINDOW)), 0)
