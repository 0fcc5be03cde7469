"""Consecutive frames stylized with less flicker: what was painted moves along with what it was painted on.

A net paints each frame anew, and grain in the film or a shift by a pixel is enough for other strokes. Here optical flow
carries the previous result to where its picture has moved, and the new result is blended with it. Two mixed paintings
are smoother than either, so the blend is given back, band by band of detail, what the new one has of it.
"""

from collections.abc import Callable

import cv2
import numpy as np

STEADINESS = 0.6

_SMOOTHNESS = 60.0  # Of the flow; at OpenCV's own 20 it follows the grain of the film.
_REFINEMENTS = 10
# Going there and back again may miss by this many pixels, and by this share of the ways.
_MISS, _MISS_SHARE = 0.7, 0.1
_DIFFERENCE = 0.1  # Of the pictures around a pixel, in [0, 1], above which something else is seen there.
_BANDS = (0.6, 1.2, 2.4)  # Standard deviations in pixels that part the bands of detail.
_WINDOW = 15  # Side in pixels of what the strength of a band is measured in.
_GAIN = 3.0  # At most, where there is next to nothing to amplify.


class Steady:
    """Stylizes the frames of a clip, one call after another in their order.

    Args:
        stylize: From a frame, (1, H, W, 3) float32 in [0, 1], to its result.
        steadiness: How much of the previous frame is kept in the next, from 0, each frame for itself, to 1.

    Attributes:
        carried: What goes from frame to frame, to be saved and set: the frame as the net saw it and its result, both
            (H, W, 3) float32 in [0, 1]. None before the first.

    Differs from the usual temporal blending: the net, too, sees the frame blended with what it saw before, which takes
    out the grain; and detail is restored.
    """

    def __init__(self, stylize: Callable[[np.ndarray], np.ndarray], steadiness: float = STEADINESS):
        self.carried: tuple[np.ndarray, np.ndarray] | None = None
        self._stylize = stylize
        self._steadiness = np.float32(steadiness)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Stylize the next frame, (H, W, 3) float32 in [0, 1], into one of the same shape."""
        if self.carried is None or not self._steadiness:
            seen, result = frame, self._stylize(frame[None])[0]
        else:
            before, painted = self.carried
            flow, agrees = flow_back(frame, before)
            before = warp(before, flow)
            agrees &= cv2.blur(np.abs(before - frame).mean(-1), (5, 5)) < _DIFFERENCE
            # The outline of what is new is widened, and softened lest it shows.
            share = cv2.erode(agrees.astype(np.float32), np.ones((3, 3)))
            share = self._steadiness * cv2.GaussianBlur(share, (0, 0), 1)[..., None]
            seen = np.clip(frame + share * (before - frame), 0, 1)
            fresh = self._stylize(seen[None])[0]
            blend = fresh + share * (warp(painted, flow) - fresh)
            result = np.clip(_with_detail_of(fresh, blend), 0, 1)
        self.carried = seen, result
        return result


def flow_back(frame: np.ndarray, previous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where what a frame shows was in the previous one.

    Args:
        frame: (H, W, 3) float32 in [0, 1].
        previous: The same.

    Returns:
        For each pixel the way to where it was, (H, W, 2) in pixels to the right and down; and whether it was there,
        (H, W) bool: within the picture, and the flow from there leads back.
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
    """What is found at the end of each pixel's way, (H, W, C); beyond the border, what is there."""
    return cv2.remap(values, _places(flow), None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _places(flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    return flow + np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def _with_detail_of(sharp: np.ndarray, image: np.ndarray) -> np.ndarray:
    """An image with gradients in each band of its detail as strong, around each pixel, as those of a sharp one."""
    restored = 0
    for deviation in _BANDS:
        coarse, sharp_coarse = (cv2.GaussianBlur(values, (0, 0), deviation) for values in (image, sharp))
        gain = np.sqrt(_gradient(sharp - sharp_coarse) / np.maximum(_gradient(image - coarse), 1e-8))
        restored += np.clip(gain, 1, _GAIN)[..., None] * (image - coarse)
        image, sharp = coarse, sharp_coarse
    return restored + image


def _gradient(values: np.ndarray) -> np.ndarray:
    """Mean square of the steps between neighbors in the window around each pixel, (H, W)."""
    down = np.diff(values, axis=0, append=values[-1:])
    right = np.diff(values, axis=1, append=values[:, -1:])
    # The running sums of the filter leave less than nothing where a flat area begins.
    return np.maximum(cv2.blur((down * down + right * right).mean(-1), (_WINDOW, _WINDOW)), 0)
