"""A trained style, ready to be applied to pictures."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_nst.images.color import fill_transparent, keep_color
from keras_nst.images.picture import Picture
from keras_nst.infer.fold import fold
from keras_nst.models.styles import load_net

GRAIN = 0.02
"""Standard deviation of the grain that a picture is given before it is stylized, in units of its range of 1.

Where a picture is exactly flat, as a page or a cut-out product is, a net has nothing to hang a stroke on and paints one
plain color up to a halo around the next edge. Film has grain, and so had the photographs that it was trained on.
"""


class Stylizer:
    """Applies one style to pictures of any size.

    Args:
        style: Name of a style, or the path of its folder.

    Raises:
        InputError: No such style, or one that cannot be loaded.
    """

    def __init__(self, style: str | Path):
        net = fold(load_net(style))
        # A graph frees each intermediate result as soon as the next has been computed; calling the model itself keeps
        # them all, which at 4096x4096 no machine has the memory for. With open sizes it is traced once.
        self._stylize = tf.function(
            lambda image: net(image, training=False), input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)]
        )

    def __call__(
        self, picture: Picture, *, strength: float = 1.0, color: str = "style", grain: float = GRAIN
    ) -> Picture:
        """Stylize a picture.

        Args:
            picture: From 16x16 pixels.
            strength: From 0, the picture itself, to 1, the full style; a mixture of both between.
            color: "style", or "keep" for the brightness of the result in the colors of the picture.
            grain: See `GRAIN`; the same for all pictures of one size. 0 gives what the net makes of the picture itself.

        Returns:
            A picture of the same size, with the same alpha.
        """
        opaque = picture.rgb if picture.alpha is None else fill_transparent(picture.rgb, picture.alpha)
        noise = np.random.default_rng(0).standard_normal(opaque.shape, np.float32)
        stylized = self._stylize(np.clip(opaque + np.float32(grain) * noise, 0, 1)).numpy()
        if color == "keep":
            stylized = keep_color(stylized, opaque)
        if strength < 1:
            stylized = np.float32(strength) * stylized + np.float32(1 - strength) * opaque
        return Picture(stylized, picture.alpha)
