"""What rows of its input a row of a layer's output depends on."""

from typing import NamedTuple

import keras
from keras import layers

from keras_nst.infer.fold import FusedInstanceNormalization, ReflectedConvolution2D
from keras_nst.models.layers import (
    BilinearUpsampledConvolution2D,
    CropLike2D,
    NearestUpsampling2D,
    PadToMultiple2D,
    ReflectionPadding2D,
    ReplicationPadding2D,
    UpsampledConvolution2D,
)


class UncuttableError(ValueError):
    """A net cannot be computed in bands; the message says why, as the end of a sentence."""


class Extent(NamedTuple):
    """Where the rows of a map are.

    Attributes:
        stride: Rows of the picture for each of its rows.
        beside: Rows above and below what lies over the picture.
        multiple: Rows of the picture that its height is a multiple of.
    """

    stride: int = 1
    beside: int = 0
    multiple: int = 1


class Kernel(NamedTuple):
    """What a layer reads of its input: it repeats rows, reads rows on each side of one, and leaves one of several."""

    up: int = 1
    reach: int = 0
    down: int = 1


# Each value depends on those of its place alone, when nothing is trained.
_POINTWISE = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.ELU,
    layers.Identity,
    layers.Rescaling,
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    FusedInstanceNormalization,  # By moments that are given.
)
_JOINING = (
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
)


def followed(layer: keras.layers.Layer, extents: list[Extent]) -> tuple[Extent, Kernel]:
    """Where a layer's output is, and what it reads for it.

    Args:
        layer: As `keras_nst.infer.fold.fold` leaves it, channels last.
        extents: Of its inputs.

    Raises:
        UncuttableError: It reads the whole picture, changes the size in another way than by strides and up-sampling by
            whole numbers, or is not known here.
    """
    extent, *others = extents
    if _is_channels_last(layer):
        # The special kinds before those that they are.
        if isinstance(layer, _POINTWISE) or _is_of_channels(layer, layers.BatchNormalization):
            return extent, Kernel()
        if isinstance(layer, _JOINING) or _is_of_channels(layer, layers.Concatenate):
            if all(other == extent for other in others):
                return extent, Kernel()
        elif isinstance(layer, CropLike2D):
            (like,) = others
            if (extent.stride, extent.beside, 0) == (like.stride, 0, like.beside):
                return like, Kernel()
        elif isinstance(layer, PadToMultiple2D):
            if not extent.beside:
                return extent._replace(multiple=layer.multiple * extent.stride), Kernel()
        elif isinstance(layer, ReflectedConvolution2D):
            return extent, Kernel(reach=1)
        elif isinstance(layer, UpsampledConvolution2D):
            reach = 2 if isinstance(layer, BilinearUpsampledConvolution2D) else 1
            return _finer(layer, extent, 2), Kernel(up=2, reach=reach)
        elif isinstance(layer, NearestUpsampling2D):
            return _finer(layer, extent, 2), Kernel(up=2)
        elif isinstance(layer, layers.UpSampling2D) and layer.interpolation == "nearest":
            return _finer(layer, extent, layer.size[0]), Kernel(up=layer.size[0])
        elif (padding := _padding(layer)) is not None:
            return extent._replace(beside=extent.beside + padding), Kernel()
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
            taps = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
            return _coarser(layer, extent, taps, layer.strides[0])
        elif isinstance(layer, layers.AveragePooling2D | layers.MaxPooling2D):
            return _coarser(layer, extent, layer.pool_size[0], layer.strides[0])
    raise _unknown(layer)


def _is_channels_last(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "data_format", None) in (None, "channels_last")


def _is_of_channels(layer: keras.layers.Layer, kind: type) -> bool:
    return isinstance(layer, kind) and layer.axis in (-1, 3)


def _padding(layer: keras.layers.Layer) -> int | None:
    """Rows that a layer pads above and below."""
    if isinstance(layer, ReflectionPadding2D):
        return layer.padding
    if isinstance(layer, ReplicationPadding2D):
        return 1
    if isinstance(layer, layers.ZeroPadding2D) and layer.padding[0][0] == layer.padding[0][1]:
        return layer.padding[0][0]
    return None


def _finer(layer: keras.layers.Layer, extent: Extent, up: int) -> Extent:
    if extent.beside or extent.stride % up:
        raise _unknown(layer)
    return extent._replace(stride=extent.stride // up)


def _coarser(layer: keras.layers.Layer, extent: Extent, taps: int, down: int) -> tuple[Extent, Kernel]:
    """After a kernel of so many taps, put on every `down`th row."""
    missing = max(taps - down, 0)
    if layer.padding == "same":
        above, left, fits = missing // 2, 0, extent.beside == 0
    elif down == 1:
        above = (taps - 1) // 2
        left, fits = extent.beside - above, taps % 2 == 1 and extent.beside >= above
    else:
        above, left, fits = extent.beside, 0, taps - down <= 2 * extent.beside < taps
    if not fits or extent.multiple % (extent.stride * down):
        raise _unknown(layer)
    reach = max(above, taps - 1 - above)
    return extent._replace(stride=extent.stride * down, beside=left), Kernel(reach=reach, down=down)


def _unknown(layer: keras.layers.Layer) -> UncuttableError:
    return UncuttableError(
        f"what a row after the layer {layer.name!r} ({type(layer).__name__}) depends on is not known"
    )
