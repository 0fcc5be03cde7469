"""A trained style, ready to be applied to pictures."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_nst.images.color import fill_transparent, keep_color
from keras_nst.images.picture import Picture
from keras_nst.models.styles import load_net


class Stylizer:
    """Applies one style to pictures of any size.

    Args:
        style: Name of a style, or the path of its folder.

    Raises:
        InputError: No such style, or one that cannot be loaded.
    """

    def __init__(self, style: str | Path):
        net = load_net(style)
        # A graph frees each intermediate result as soon as the next has been computed; calling the model itself keeps
        # them all, which at 4096x4096 no machine has the memory for. With open sizes it is traced once.
        self._stylize = tf.function(
            lambda image: net(image, training=False), input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)]
        )

    def __call__(self, picture: Picture, *, strength: float = 1.0, color: str = "style") -> Picture:
        """Stylize a picture.

        Args:
            picture: From 16x16 pixels.
            strength: From 0, the picture itself, to 1, the full style; a mixture of both between.
            color: "style", or "keep" for the brightness of the result in the colors of the picture.

        Returns:
            A picture of the same size, with the same alpha.
        """
        opaque = picture.rgb if picture.alpha is None else fill_transparent(picture.rgb, picture.alpha)
        stylized = self._stylize(opaque).numpy()
        if color == "keep":
            stylized = keep_color(stylized, opaque)
        if strength < 1:
            stylized = np.float32(strength) * stylized + np.float32(1 - strength) * opaque
        return Picture(stylized, picture.alpha)
