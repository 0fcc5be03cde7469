"""Apply a trained style to pictures."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_nst.fit.precision import painting_policy
from keras_nst.infer.bands import Bandwise, Rows
from keras_nst.infer.extent import UncuttableError
from keras_nst.infer.fold import fold, for_this_machine
from keras_nst.memory import check_memory
from keras_nst.models.rewrite import bake
from keras_nst.models.saved import CODE
from keras_nst.models.styles import find_painter, find_style, load_conditional, load_net, read_code
from keras_nst.pictures.color import with_colors
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.grain import steady_grain, with_grain
from keras_nst.pictures.io import MIN_SIDE
from keras_nst.pictures.picture import Picture, longest_side, resize
from keras_nst.pictures.pyramid import Enlarged

WHOLE_PIXELS, WHOLE_BYTES = 2**21, 2**10
"""Pictures with more pixels are stylized in bands; approximate memory per pixel if they are not."""

SMALL_PIXELS = 2**20
"""A single picture of at most so many pixels is painted sooner by a net as it is."""

_ROWS = 256  # Of an enlarged picture at a time.


class Stylizer:
    """Applies one style to pictures of any size.

    Args:
        style: Name of a style, the path of its folder, or the file of a painting.
        fast: Whether to use the style's fast net, which a few styles have.
        mixed_precision: "off" for float32, "bfloat16", or "auto" for bfloat16 where the processor has matrix
            instructions for it: it takes less than half the time, and a picture differs by 0.4/255 in the mean.
            Pictures in bands are painted in float32.

    Raises:
        InputError: No such style or fast net, or one that cannot be loaded.

    >>> stylizer = keras_nst.Stylizer("starry_night", fast=True)
    >>> stylizer("sample:coffee", strength=0.8).rgb.shape
    (1, 400, 600, 3)
    """

    def __init__(self, style: str | Path, *, fast: bool = False, mixed_precision: str = "auto"):
        self._style, folder = style, find_style(style, fast=fast)
        self._dtype = painting_policy(mixed_precision)
        self._shared, self._code = None, None
        if (folder / CODE).is_file():
            self._shared = load_conditional(find_painter(folder))
            self._code = read_code(folder, self._shared)[None]
        else:
            self._net = load_net(folder)

    def __call__(
        self,
        picture: Any,
        *,
        strength: float | np.ndarray = 1.0,
        color: str = "style",
        grain: bool | np.ndarray = True,
        painted_size: int | None = None,
        alone: bool = False,
    ) -> Picture:
        """Stylize a picture.

        Args:
            picture: A picture of at least 16x16 pixels, in any form that `keras_nst.pictures.given.as_picture` takes.
            strength: From 0, the picture itself, to 1, the full style. A number, or a map of the picture's size,
                (1, H, W, 1).
            color: "style", "keep" or "only"; see `keras_nst.pictures.color.with_colors`.
            grain: Whether to add grain to the net's input, as in its training; it is the same for each picture of a
                width. Or grain of the picture's size, (1, H, W, 3).
            painted_size: Longest side in pixels at which a larger picture is painted, which sets the size of its
                strokes; the result is enlarged, see `keras_nst.pictures.pyramid.Enlarged`. None for any size.
            alone: Whether no other picture will follow soon. A net is usually made faster first, which takes as long as
                it saves on several small pictures.

        Returns:
            A picture of the same size, with the same alpha.

        Raises:
            InputError: The net cannot be computed in bands, and there is not enough memory for the whole picture.
        """
        picture = as_picture(picture)
        opaque = picture.rgb
        height, width = opaque.shape[1:3]
        strength = np.broadcast_to(np.float32(strength), (1, height, width, 1))

        result = np.empty_like(opaque)
        for begin, stylized in self._painted(opaque, grain, painted_size, alone):
            rows = slice(begin, begin + stylized.shape[1])
            stylized = with_colors(stylized, opaque[:, rows], color)
            result[:, rows] = blend(opaque[:, rows], stylized, strength[:, rows])
        return Picture(result, picture.alpha)

    def _painted(
        self, rgb: np.ndarray, grain: bool | np.ndarray, painted_size: int | None, alone: bool
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Bands of the picture in the full style, each with its first row."""
        height, width = rgb.shape[1:3]
        if painted_size and max(height, width) > painted_size:
            small = resize(Picture(rgb), max(painted_size, longest_side((height, width), MIN_SIDE))).rgb
            painted = np.concatenate([band for _, band in self._painted(small, grain, None, alone)], axis=1)
            enlarged = Enlarged(painted, small, rgb)
            for begin in range(0, height, _ROWS):
                yield begin, enlarged.rows(begin, min(height, begin + _ROWS))
            return

        def grained(begin: int, end: int) -> np.ndarray:
            if grain is False:
                return rgb[:, begin:end]
            added = steady_grain(begin, end, width) if grain is True else grain[:, begin:end]
            return np.clip(rgb[:, begin:end] + added, 0, 1)

        yield from self._bands(grained, (height, width), alone)

    def glimpse(self, picture: Picture) -> Picture:
        """A small picture in the full style. Of a net of one style, the first one comes sooner, later ones do not.

        Args:
            picture: Up to some hundred pixels wide.
        """
        paint = self._graph if self._shared else functools.partial(self._net, training=False)
        return Picture(paint(with_grain(picture.rgb)).numpy(), picture.alpha)

    @functools.cached_property
    def _net(self) -> keras.Model:
        return bake(self._shared, self._code[0])

    @functools.cached_property
    def _graph(self) -> Callable[[np.ndarray], tf.Tensor]:
        """The net, as fast as on this machine it can be.

        A graph frees intermediate results as soon as possible; a call of the model would keep them all. It is traced
        only once, for any size: a `tf.function` would warn of retracing from the fifth style on.
        """
        if self._shared:
            graph = _graph_of_codes(self._shared, self._dtype)
            return lambda image: graph(image, self._code)
        net = fold(self._net, self._dtype)

        def stylize(image):
            with for_this_machine():
                return net(image, training=False)

        return _traced(stylize)

    @functools.cached_property
    def _plain_graph(self) -> Callable[[np.ndarray], tf.Tensor]:
        """The net as it is, which is soon ready."""
        return self._graph if self._shared else _traced(functools.partial(self._net, training=False))

    @functools.cached_property
    def _bandwise(self) -> Bandwise:
        return Bandwise(self._net)

    def _bands(self, rows: Rows, size: tuple[int, int], alone: bool) -> Iterator[tuple[int, np.ndarray]]:
        height, width = size
        if height * width > WHOLE_PIXELS:
            try:
                return self._bandwise(rows, size)
            except UncuttableError as error:
                reason = f"The net of {self._style} cannot be computed in bands: {error}."
                check_memory(size, height * width * WHOLE_BYTES, lambda _: f"{reason} Take a smaller `max_size`.")
        soon = alone and height * width <= SMALL_PIXELS and "_graph" not in vars(self)
        paint = self._plain_graph if soon else self._graph
        return iter([(0, paint(rows(0, height)).numpy())])


def _traced(stylize: Callable) -> Callable[[np.ndarray], tf.Tensor]:
    """The graph of a function of a picture of any size."""
    anywhere = [tf.TensorSpec((1, None, None, 3), tf.float32)]
    return tf.function(stylize, input_signature=anywhere, autograph=False).get_concrete_function()


@functools.lru_cache(2)
def _graph_of_codes(net: keras.Model, dtype: str) -> Callable[[np.ndarray, np.ndarray], tf.Tensor]:
    """A net of many styles as a function of a picture and a code, which all of its styles share."""
    if dtype != "float32":  # In float32 it is soon ready as it is, and little slower.
        net = fold(net, dtype)
    signature = [tf.TensorSpec((1, None, None, 3)), tf.TensorSpec((1, net.input["code"].shape[-1]))]

    def stylize(image, code):
        return net({"image": image, "code": code}, training=False)

    return tf.function(stylize, input_signature=signature, autograph=False).get_concrete_function()


class Blend:
    """Applies several styles to a picture and averages the results.

    Args:
        styles: Names of styles, or paths of their folders.
        shares: Weight of each style, positive; None for equal weights.
        mixed_precision: As in `Stylizer`.

    Raises:
        InputError: No such style, or one that cannot be loaded.
    """

    def __init__(
        self, styles: Sequence[str | Path], shares: Sequence[float] | None = None, *, mixed_precision: str = "auto"
    ):
        self._stylizers = [Stylizer(style, mixed_precision=mixed_precision) for style in styles]
        self._shares = np.float32(shares or [1.0] * len(styles))
        self._shares /= self._shares.sum()

    def __call__(self, picture: Any, **how) -> Picture:
        """Stylize a picture. Arguments and result are those of `Stylizer`."""
        picture = as_picture(picture)
        results = (stylizer(picture, **how).straight for stylizer in self._stylizers)
        return Picture(
            sum(share * straight for share, straight in zip(self._shares, results, strict=True)), picture.alpha
        )
