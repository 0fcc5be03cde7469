"""Which rows of a layer's input a row of its output depends on."""

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
    """Position of a map's rows relative to the picture's.

    Attributes:
        stride: Rows of the picture per row of the map.
        padding: Rows of padding above, and below, the picture.
        multiple: The picture's height is padded to a multiple of this.
    """

    stride: int = 1
    padding: int = 0
    multiple: int = 1


class Kernel(NamedTuple):
    """How a layer reads the rows of its input.

    Attributes:
        up: Factor of an up-sampling before the kernel.
        reach: Rows that the kernel reads above, and below, its center.
        down: Stride of the kernel.
    """

    up: int = 1
    reach: int = 0
    down: int = 1


# At inference, a value depends only on the inputs at the same position.
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
    FusedInstanceNormalization,  # With given moments.
)
_JOINING = (
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
)


def propagated(layer: keras.layers.Layer, extents: list[Extent]) -> tuple[Extent, Kernel]:
    """The extent of a layer's output, and the kernel that computes it.

    Args:
        layer: A layer of a net from `keras_nst.infer.fold.fold`.
        extents: Extents of the inputs.

    Raises:
        UncuttableError: The layer reads the whole picture, changes the size by anything other than integer strides or
            up-sampling, is not channels-last, or is unknown.
    """
    extent, *others = extents
    if _is_channels_last(layer):
        # Subclasses are tested before their base classes.
        if isinstance(layer, _POINTWISE) or _is_of_channels(layer, layers.BatchNormalization):
            return extent, Kernel()
        if isinstance(layer, _JOINING) or _is_of_channels(layer, layers.Concatenate):
            if all(other == extent for other in others):
                return extent, Kernel()
        elif isinstance(layer, CropLike2D):
            (like,) = others
            if (extent.stride, extent.padding, 0) == (like.stride, 0, like.padding):
                return like, Kernel()
        elif isinstance(layer, PadToMultiple2D):
            if not extent.padding:
                return extent._replace(multiple=layer.multiple * extent.stride), Kernel()
        elif isinstance(layer, ReflectedConvolution2D):
            return extent, Kernel(reach=1)
        elif isinstance(layer, UpsampledConvolution2D):
            reach = 2 if isinstance(layer, BilinearUpsampledConvolution2D) else 1
            return _upsampled(layer, extent, 2), Kernel(up=2, reach=reach)
        elif isinstance(layer, NearestUpsampling2D):
            return _upsampled(layer, extent, 2), Kernel(up=2)
        elif isinstance(layer, layers.UpSampling2D) and layer.interpolation == "nearest":
            return _upsampled(layer, extent, layer.size[0]), Kernel(up=layer.size[0])
        elif (padding := _padding(layer)) is not None:
            return extent._replace(padding=extent.padding + padding), Kernel()
        elif isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
            taps = (layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1
            return _strided(layer, extent, taps, layer.strides[0])
        elif isinstance(layer, layers.AveragePooling2D | layers.MaxPooling2D):
            return _strided(layer, extent, layer.pool_size[0], layer.strides[0])
    raise _unknown(layer)


def _is_channels_last(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "data_format", None) in (None, "channels_last")


def _is_of_channels(layer: keras.layers.Layer, kind: type) -> bool:
    return isinstance(layer, kind) and layer.axis in (-1, 3)


def _padding(layer: keras.layers.Layer) -> int | None:
    """Rows that a padding layer adds above, and below; None for other layers."""
    if isinstance(layer, ReflectionPadding2D):
        return layer.padding
    if isinstance(layer, ReplicationPadding2D):
        return 1
    if isinstance(layer, layers.ZeroPadding2D) and layer.padding[0][0] == layer.padding[0][1]:
        return layer.padding[0][0]
    return None


def _upsampled(layer: keras.layers.Layer, extent: Extent, up: int) -> Extent:
    if extent.padding or extent.stride % up:
        raise _unknown(layer)
    return extent._replace(stride=extent.stride // up)


def _strided(layer: keras.layers.Layer, extent: Extent, taps: int, down: int) -> tuple[Extent, Kernel]:
    """The extent after a kernel with this number of taps and stride `down`."""
    missing = max(taps - down, 0)
    if layer.padding == "same":
        above, remaining, fits = missing // 2, 0, extent.padding == 0
    elif down == 1:
        above = (taps - 1) // 2
        remaining, fits = extent.padding - above, taps % 2 == 1 and extent.padding >= above
    else:
        above, remaining, fits = extent.padding, 0, taps - down <= 2 * extent.padding < taps
    if not fits or extent.multiple % (extent.stride * down):
        raise _unknown(layer)
    reach = max(above, taps - 1 - above)
    return extent._replace(stride=extent.stride * down, padding=remaining), Kernel(reach=reach, down=down)


def _unknown(layer: keras.layers.Layer) -> UncuttableError:
    return UncuttableError(f"the receptive field of the layer {layer.name!r} ({type(layer).__name__}) is not known")
