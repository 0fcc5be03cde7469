"""Convolutions, each computed in the form that is fastest on the device.

`layers` defines what a layer computes; `convolve` here is the only place that chooses how. Convolutions take nine
tenths of a training step. On a CPU, XLA already runs most of them at the speed of its matrix product. What can be saved
is multiplications, and time in the few shapes that XLA is slow at. Savings below are for a whole step with 4 images of
256x256 on 2 cores. Together with the gradient of the Gram matrix they reduce it from 4.6 s to 2.9 s.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar

import numpy as np
from keras import backend, ops

_COMPILED, _ONE_PICTURE = "compiled for a CPU", "one picture on a CPU"
_place = ContextVar("place", default=None)
_MIN_CHANNELS = 32  # With fewer channels, Winograd's transforms take the time that they save.


@contextlib.contextmanager
def _computed(place: str, active: bool) -> Iterator[None]:
    token = _place.set(place if active else None)
    try:
        yield
    finally:
        _place.reset(token)


def compiled_for_cpu(active: bool = True) -> contextlib.AbstractContextManager:
    """Context that tells layers that XLA compiles them for a CPU.

    A form of many small operations is only faster if the compiler fuses them: unfused, it is up to 2.5 times slower
    than the operation that it replaces. A layer cannot find out itself; the code that compiles it can tell.
    """
    return _computed(_COMPILED, active)


def of_one_picture(active: bool = True) -> contextlib.AbstractContextManager:
    """Context that tells layers that they run on a CPU, not compiled by XLA, and need no gradient.

    With a static batch size of 1, `convolve` then uses a faster form.
    """
    return _computed(_ONE_PICTURE, active)


def convolve(image, kernel, strides: tuple[int, int] = (1, 1), padding: str = "valid", upsampling: str | None = None):
    """Compute a convolution in the form that is fastest for these shapes on the device.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, filters); 3x3 with padding "reflect" or up-sampling.
        strides: Vertical and horizontal stride; 1 with padding "reflect" or up-sampling.
        padding: "valid", "same", or "reflect" by one pixel.
        upsampling: Up-sampling by two before the convolution: None, "nearest" or "bilinear". The up-sampled image is
            padded by repeating its border; `padding` is not used.
    """
    place, is_single = _place.get(), backend.standardize_dtype(image.dtype) == "float32"
    is_wide = is_single and min(kernel.shape[2:]) >= _MIN_CHANNELS
    suits_tiles = is_wide and place == _ONE_PICTURE and image.shape[0] == 1
    if upsampling:
        return (upsampled_winograd if suits_tiles else upsampled_convolution)(image, kernel, upsampling)
    if padding == "reflect":
        if suits_tiles:
            return reflected_winograd(image, kernel)
        image, padding = reflect(image, 1), "valid"
    if is_single and strides == (1, 1) and kernel.shape[3] <= 3 and padding == "valid":
        return sum_of_rows(image, kernel)
    if is_single and place == _COMPILED and None not in image.shape[1:3]:
        if strides == (1, 1) and kernel.shape[2] <= 3 and kernel.shape[0] > 1:
            return rows_as_channels(image, kernel, padding)
        if strides == (2, 2) and kernel.shape[:2] == (3, 3):
            return sum_of_phases(image, kernel, padding)
        height = image.shape[1] if padding == "same" else image.shape[1] - 2
        if is_wide and strides == (1, 1) and kernel.shape[:2] == (3, 3) and height % _OUTPUTS == 0:
            return winograd(image, kernel, padding)
    return ops.conv(image, kernel, strides, padding)


def reflect(image, width: int):
    """Pad by reflection, without repeating the border pixel, in the form that is fastest on the device.

    Args:
        image: (batch, height, width, channels).
        width: Pixels on each of the four sides.
    """
    around = (width, width)
    if _place.get() != _ONE_PICTURE:
        return ops.pad(image, ((0, 0), around, around, (0, 0)), mode="reflect")
    # Without a compiler, joining rows takes half the time of TensorFlow's padding.
    image = ops.concatenate([image[:, width:0:-1], image, image[:, -2 : -2 - width : -1]], axis=1)
    return ops.concatenate([image[:, :, width:0:-1], image, image[:, :, -2 : -2 - width : -1]], axis=2)


def convolve_depthwise(image, kernel, strides: tuple[int, int]):
    """Compute a depthwise convolution with "same" padding in the form that is fastest on the device.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, 1).
        strides: Vertical and horizontal stride, which must be equal.
    """
    if _place.get() == _COMPILED and None not in image.shape[1:3]:
        return sum_of_shifts(image, kernel, strides[0])
    return ops.depthwise_conv(image, kernel, strides, "same")


_OUTPUTS = 4  # Outputs of a tile, per side.
_POINTS = np.array([0.0, 1.0, -1.0, 2.0, -2.0])


def _transforms(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three matrices of Winograd's F(4, taps): they transform the inputs, the taps, and the products to 4 outputs.

    They are derived by the Toom-Cook construction, which finds a product of polynomials from its values at points.

    Source: Lavin & Gray 2016, section 4.
    """
    points = _POINTS[: _OUTPUTS + taps - 2]
    others = [np.delete(points, index) for index in range(len(points))]
    inputs = np.array([np.pad(np.poly(zeros), (len(points) - len(zeros), 0))[::-1] for zeros in (*others, points)])

    def powers(count: int) -> np.ndarray:
        """The powers of each point, and those of infinity."""
        return np.vstack([points[:, None] ** np.arange(count), np.eye(count)[-1]])

    norms = [np.prod(point - zeros) for point, zeros in zip(points, others, strict=True)]
    kernels = powers(taps) / np.array([*norms, 1.0])[:, None]
    return inputs.astype(np.float32), kernels.astype(np.float32), powers(_OUTPUTS).T.astype(np.float32)


def winograd(image, kernel, padding: str):
    """3x3 convolution with stride 1 in half the multiplications, by Winograd's algorithm along the height.

    Four rows of the output take six 1x3 convolutions, not twelve. Along both dimensions it would take a quarter of the
    multiplications but move more memory: it would be no faster, with five times the error. Saves 1.1 s of a step.

    Args:
        image: (batch, height, width, channels), with static height and width.
        kernel: (3, 3, channels, filters).
        padding: "valid" or "same"; the height of the output must be a multiple of 4.

    Returns:
        The convolution, with an error of at most 1e-6 of its largest value.

    Source: Lavin & Gray 2016.
    Differs from the source: along one dimension only.
    """
    if padding == "same":
        image = ops.pad(image, ((0, 0), (1, 1), (0, 0), (0, 0)))
    height = image.shape[1] - 2
    of_inputs, of_taps, to_outputs = _transforms(3)
    rows = _combinations(of_inputs, [image[:, row : row + height - 3 : 4] for row in range(6)])
    kernels = ops.tensordot(of_taps, kernel, axes=1)
    products = [ops.conv(row, kernels[index][None], padding=padding) for index, row in enumerate(rows)]
    interleaved = ops.stack(_combinations(to_outputs, products), axis=2)
    return ops.reshape(interleaved, (-1, height, *interleaved.shape[3:]))


def _combinations(matrix: np.ndarray, tensors: Sequence) -> list:
    """Multiply the matrix by the vector of tensors, skipping zeros."""
    return [
        sum(float(factor) * tensor for factor, tensor in zip(row, tensors, strict=True) if factor) for row in matrix
    ]


class _Tiles:
    """The tiles along one side of an image: each has four outputs of a convolution, and their inputs.

    Args:
        outputs: Number of outputs along this side.
        taps: Number of taps of the kernel along this side. Output 0 begins at input -1.
    """

    def __init__(self, outputs, taps: int):
        self.count = (outputs + _OUTPUTS - 1) // _OUTPUTS
        starts = _OUTPUTS * ops.arange(self.count) - 1
        self.inputs = starts + ops.arange(_OUTPUTS + taps - 1)[:, None]


def _winograd_on_tiles(image, kernel, sides: Sequence[_Tiles], within: Callable):
    """Convolution of a single image by Winograd's algorithm along both sides, in six passes over memory.

    Args:
        image: (1, height, width, channels).
        kernel: (taps, taps, channels, filters).
        sides: The tiles of rows and columns.
        within: Function that maps indices of inputs, some beyond the border, and the length of the side to pixels.

    Returns:
        The outputs, (n, filters), ordered by tile; and a function from rows and columns to their indices.
    """
    taps, _, channels, filters = kernel.shape
    of_inputs, of_taps, to_outputs = _transforms(taps)
    factors = len(of_taps)
    height, width = ops.shape(image)[1:3]
    down, right = (side.count for side in sides)

    def on_both(transform, values):
        """Transform the first two axes: (a, a, ...) to (b, b, -1)."""
        rows = ops.matmul(transform, ops.reshape(values, (transform.shape[1], -1)))
        return ops.matmul(transform, ops.reshape(rows, (transform.shape[0], transform.shape[1], -1)))

    rows, columns = (within(side.inputs, length) for side, length in zip(sides, (height, width), strict=True))
    seen = ops.take(ops.reshape(image, (-1, channels)), rows[:, None, :, None] * width + columns[None, :, None], axis=0)
    seen = ops.reshape(on_both(of_inputs, seen), (factors**2, -1, channels))
    products = ops.matmul(seen, ops.reshape(on_both(of_taps, kernel), (factors**2, channels, filters)))
    products = ops.matmul(to_outputs, ops.reshape(products, (factors, factors, -1)))
    outputs = ops.reshape(ops.matmul(to_outputs, ops.reshape(products, (factors, -1))), (-1, filters))

    def places(rows, columns):
        """Indices (rows, columns) of outputs."""
        rows = rows % _OUTPUTS * _OUTPUTS * down + rows // _OUTPUTS
        return rows[:, None] * right + columns % _OUTPUTS * (down * right) + columns // _OUTPUTS

    return outputs, places


def reflected_winograd(image, kernel):
    """Reflection padding by one and 3x3 convolution with stride 1 of a single image, by Winograd's algorithm.

    It takes a quarter of the multiplications. Each step is a single operation, so it is faster even without a
    compiler: it takes half the time of padding and convolution with 128 channels.

    Args:
        image: (1, height, width, channels), height and width at least 2.
        kernel: (3, 3, channels, filters).

    Returns:
        The convolution, (1, height, width, filters), with an error of at most 1e-5 of its largest value.
    """
    height, width = ops.shape(image)[1:3]

    def reflected(number, length):
        # Inputs beyond the reflection only fill up the last tile.
        return ops.maximum(length - 1 - ops.abs(length - 1 - ops.abs(number)), 0)

    outputs, places = _winograd_on_tiles(image, kernel, (_Tiles(height, 3), _Tiles(width, 3)), reflected)
    return ops.take(outputs, places(ops.arange(height), ops.arange(width)), axis=0)[None]


def sum_of_rows(image, kernel):
    """Convolution to few filters, without padding, as the sum of one convolution per row of the kernel.

    A convolution to three filters leaves most of a vector register empty; here the rows' filters share one convolution
    with a kernel of one row. In the 9x9 convolution to RGB this saves 0.3 s of a step; the forward pass without a
    compiler takes a third of the time.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, filters).
    """
    rows, columns, channels, filters = kernel.shape
    flat = ops.reshape(ops.transpose(kernel, (1, 2, 0, 3)), (1, columns, channels, rows * filters))
    parts = ops.split(ops.conv(image, flat, padding="valid"), rows, axis=-1)
    return sum(part[:, row : row + 1 - rows or None] for row, part in enumerate(parts))


def rows_as_channels(image, kernel, padding: str):
    """Convolution of few channels with a kernel of one row, whose channels are those of all rows of the kernel.

    The number of multiplications is the same. But the gradient by an image of three channels is a convolution to three
    filters, which leaves most of a vector register empty. Here it has three filters per row: with 32 filters of 7x7 it
    takes a sixth of the time.

    Args:
        image: (batch, height, width, channels), with static height and width.
        kernel: (rows, columns, channels, filters).
        padding: "valid" or "same".
    """
    if padding == "same":
        image = _padded_as_same(image, kernel, 1)
    rows, columns, channels, filters = kernel.shape
    height = image.shape[1] - rows + 1
    stacked = ops.concatenate([image[:, row : row + height] for row in range(rows)], axis=-1)
    flat = ops.reshape(ops.transpose(kernel, (1, 0, 2, 3)), (1, columns, rows * channels, filters))
    return ops.conv(stacked, flat, padding="valid")


# Weights of up-sampling by two, (2 phases, rows of the small image, 3 taps): how much of each row of the small image
# each tap of the kernel reads, for the first and the second output row of a block. Nearest-neighbor up-sampling reads
# two rows, and its blocks begin one row above the picture.
_PHASES = {
    "nearest": np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float32),
    "bilinear": np.array([[[3, 1, 0], [1, 3, 3], [0, 0, 1]], [[1, 0, 0], [3, 3, 1], [0, 1, 3]]], np.float32) / 4,
}


def _of_phases(kernel, upsampling: str):
    """The kernels on the small image, (taps, taps, channels, 4 filters), one for each pixel of a 2x2 block."""
    channels, filters = kernel.shape[2:]
    phases = ops.convert_to_tensor(_PHASES[upsampling], kernel.dtype)
    taps = phases.shape[1]
    return ops.reshape(ops.einsum("apr,bqs,rscf->pqcabf", phases, phases, kernel), (taps, taps, channels, 4 * filters))


def upsampled_convolution(image, kernel, upsampling: str):
    """Up-sampling by two and 3x3 convolution, computed at the small size.

    The nine pixels under the kernel come from fewer pixels of the small image. So each of the four phases (output
    pixels at even or odd rows and columns) is a convolution of the small image, with 2x2 taps for nearest-neighbor and
    3x3 for bilinear up-sampling. The four phases are computed as channels of one convolution.

    Args:
        image: (batch, height, width, channels).
        kernel: (3, 3, channels, filters).
        upsampling: "nearest" or "bilinear".

    Returns:
        (batch, 2 height, 2 width, filters). The up-sampled image is padded by repeating its border. For
        nearest-neighbor up-sampling this equals reflection by one pixel.
    """
    image = ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    kernels = _of_phases(kernel, upsampling)
    blocks = ops.depth_to_space(ops.conv(image, kernels, padding="valid"), 2, data_format="channels_last")
    above = 3 - kernels.shape[0]
    inside = slice(above, -above or None)
    return blocks[:, inside, inside]


def upsampled_winograd(image, kernel, upsampling: str):
    """Up-sampling by two and 3x3 convolution of a single image, by Winograd's algorithm as in `reflected_winograd`.

    Args:
        image: (1, height, width, channels).
        kernel: (3, 3, channels, filters).
        upsampling: "nearest" or "bilinear".

    Returns:
        (1, 2 height, 2 width, filters). The up-sampled image is padded by repeating its border.
    """
    height, width = ops.shape(image)[1:3]
    kernels = _of_phases(kernel, upsampling)
    above = 3 - kernels.shape[0]

    def repeated(number, length):
        return ops.clip(number, 0, length - 1)

    sides = [_Tiles(side + above, kernels.shape[0]) for side in (height, width)]
    outputs, places = _winograd_on_tiles(image, kernels, sides, repeated)
    rows, columns = (ops.arange(above, 2 * side + above) for side in (height, width))
    phases = rows[:, None] % 2 * 2 + columns % 2
    outputs = ops.reshape(outputs, (-1, kernel.shape[-1]))
    return ops.take(outputs, places(rows // 2, columns // 2) * 4 + phases, axis=0)[None]


def sum_of_phases(image, kernel, padding: str):
    """Convolution with stride 2 as the sum of four with stride 1, for even and odd rows and columns.

    The number of multiplications is the same. But the gradients of a convolution with stride 2 are dilated
    convolutions, for which XLA has no fast code on a CPU. Forward and backward together take half the time here.

    Args:
        image: (batch, height, width, channels), with static height and width.
        kernel: (rows, columns, channels, filters), both at least 2.
        padding: "valid" or "same".
    """
    if padding == "same":
        image = _padded_as_same(image, kernel, 2)
    sides = [(side - taps) // 2 for side, taps in zip(image.shape[1:3], kernel.shape, strict=False)]

    def phase(row: int, column: int):
        taps = kernel[row::2, column::2]
        height, width = (side + count for side, count in zip(sides, taps.shape, strict=False))
        return ops.conv(image[:, row::2, column::2][:, :height, :width], taps, padding="valid")

    return sum(phase(row, column) for row in (0, 1) for column in (0, 1))


def sum_of_shifts(image, kernel, stride: int):
    """Depthwise convolution with "same" padding as a sum of shifted images, each multiplied by one tap per channel.

    XLA compiles the sum to a single loop. It has no depthwise convolution for CPUs, but uses a general one, which with
    its gradient is 10 to 40 times slower.

    Args:
        image: (batch, height, width, channels), with static height and width.
        kernel: (rows, columns, channels, 1).
        stride: Vertical and horizontal stride.
    """
    height, width = _spans(image, stride)
    image = _padded_as_same(image, kernel, stride)
    return sum(
        image[:, row : row + height : stride, column : column + width : stride] * kernel[row, column, :, 0]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    )


def _spans(image, stride: int) -> list[int]:
    """Rows, and columns, from the first to the last position of a kernel with "same" padding."""
    return [(side - 1) // stride * stride + 1 for side in image.shape[1:3]]


def _padded_as_same(image, kernel, stride: int):
    """Pad the image with zeros like "same" padding."""
    missing = [
        max(span + taps - 1 - side, 0)
        for span, taps, side in zip(_spans(image, stride), kernel.shape, image.shape[1:3], strict=False)
    ]
    return ops.pad(image, ((0, 0), *((pixels // 2, pixels - pixels // 2) for pixels in missing), (0, 0)))
