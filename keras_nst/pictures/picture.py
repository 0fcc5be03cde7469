"""The form of a picture in memory."""

import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from keras_nst.pictures.compositing import fill_transparent


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    Files may hold any color under transparent pixels. `rgb` is what is visible; only code that writes, resizes or
    pastes a picture with its alpha uses `straight`.

    Attributes:
        straight: sRGB, (1, H, W, 3) float32 in [0, 1], not premultiplied.
        alpha: Opacity, (1, H, W, 1) float32 in [0, 1]; None for an opaque picture.
    """

    straight: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def rgb(self) -> np.ndarray:
        """The visible colors, (1, H, W, 3) float32 in [0, 1]: `straight` on a plain ground."""
        return self.straight if self.alpha is None else fill_transparent(self.straight, self.alpha)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """For `np.asarray`: uint8, (H, W, 3), or (H, W, 4) with alpha."""
        values = self.straight if self.alpha is None else np.concatenate([self.straight, self.alpha], axis=-1)
        return np.rint(255 * np.clip(values[0], 0, 1)).astype(dtype or np.uint8)

    def to_pil(self) -> Image.Image:
        """A PIL image, RGB or RGBA."""
        return Image.fromarray(np.asarray(self))

    def _repr_png_(self) -> bytes:
        """The PNG that a notebook displays."""
        file = io.BytesIO()
        self.to_pil().save(file, "PNG")
        return file.getvalue()


def resize(picture: Picture, max_size: int) -> Picture:
    """Shrink a picture to at most `max_size` pixels on its longest side, with its aspect ratio.

    Each new pixel is the mean of the area it covers, weighted by alpha: there is no aliasing or overshoot, and colors
    under transparent pixels do not bleed.

    Args:
        picture: The picture.
        max_size: Longest side in pixels, at least 1.

    Returns:
        The smaller picture, or `picture` itself if it is small enough.
    """
    height, width = picture.straight.shape[1:3]
    if max(height, width) <= max_size:
        return picture
    scale = max_size / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def shrink(values: np.ndarray) -> np.ndarray:
        return cv2.resize(values[0], size, interpolation=cv2.INTER_AREA).reshape(1, size[1], size[0], -1)

    if picture.alpha is None:
        return Picture(shrink(picture.straight))
    alpha = shrink(picture.alpha)
    premultiplied = shrink(picture.straight * picture.alpha)
    straight = np.divide(premultiplied, alpha, out=shrink(picture.straight), where=alpha > 0)
    return Picture(np.minimum(straight, 1), alpha)


def longest_side(size: tuple[int, int], shorter: int) -> int:
    """The least longest side of a picture, in pixels, at which its shorter side has at least `shorter` pixels.

    Args:
        size: Height and width, which give its shape.
        shorter: In pixels.
    """
    return math.ceil(shorter * max(size) / min(size))


def fit_short_side(rgb: np.ndarray, side: int) -> np.ndarray:
    """Resize a picture so that its shorter side has `side` pixels, with its aspect ratio.

    Args:
        rgb: (1, h, w, 3) float32 in [0, 1]. A smaller picture is enlarged.
        side: Shorter side in pixels, at least 1.

    Returns:
        (1, H, W, 3) float32 in [0, 1].
    """
    height, width = rgb.shape[1:3]
    scale = side / min(height, width)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(rgb[0], (round(width * scale), round(height * scale)), interpolation=interpolation)
    return np.clip(sized, 0, 1)[None]  # Cubic interpolation overshoots at edges.
