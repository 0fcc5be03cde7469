"""Convolutions, each in the form that is quickest where it is computed.

What a layer computes is said in `layers`; how is chosen in `convolve` here, and nowhere else. Convolutions are nine
tenths of a training step, and on a CPU XLA already runs most of them at the speed of its matrix product. What is left
to save is multiplications, and the few shapes that it is bad at. Times below are of a whole step, 4 images of 256x256
on 2 cores; together with the Gram's gradient it came from 4.6 s to 2.9 s.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar

import numpy as np
from keras import backend, ops

_COMPILED, _ONE_PICTURE = "compiled for a CPU", "one picture on a CPU"
_place = ContextVar("place", default=None)
_LEAST_CHANNELS = 32  # With fewer, Winograd's transforms cost what they save.


@contextlib.contextmanager
def _computed(place: str, active: bool) -> Iterator[None]:
    token = _place.set(place if active else None)
    try:
        yield
    finally:
        _place.reset(token)


def compiled_for_cpu(active: bool = True) -> contextlib.AbstractContextManager:
    """Says that layers called within are compiled by XLA for a CPU.

    A form made of many small steps pays only where the compiler fuses them: one by one they are up to 2.5 times slower
    than the operation they replace. A layer cannot find out by itself; who compiles knows.
    """
    return _computed(_COMPILED, active)


def of_one_picture(active: bool = True) -> contextlib.AbstractContextManager:
    """Says that layers called within run on a CPU, one operation after another, and need no gradient.

    What they compute is quicker where the batch is known to be 1.
    """
    return _computed(_ONE_PICTURE, active)


def convolve(image, kernel, strides: tuple[int, int] = (1, 1), padding: str = "valid", upsampling: str | None = None):
    """Convolution, in the form that is quickest for these shapes where it is computed.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, filters); 3x3 with a padding by reflection or an up-sampling.
        strides: Down and to the right; 1 with a padding by reflection or an up-sampling.
        padding: "valid", "same", or "reflect" by one pixel.
        upsampling: By two, before the convolution: None, "nearest" or "bilinear". The up-sampled image is taken to
            repeat its border; `padding` is not read.
    """
    place, is_single = _place.get(), backend.standardize_dtype(image.dtype) == "float32"
    is_wide = is_single and min(kernel.shape[2:]) >= _LEAST_CHANNELS
    suits_tiles = is_wide and place == _ONE_PICTURE and image.shape[0] == 1
    if upsampling:
        return (upsampled_winograd if suits_tiles else upsampled_convolution)(image, kernel, upsampling)
    if padding == "reflect":
        if suits_tiles:
            return reflected_winograd(image, kernel)
        image, padding = ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"), "valid"
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


def convolve_depthwise(image, kernel, strides: tuple[int, int]):
    """Depthwise convolution with "same" padding, in the form that is quickest where it is computed.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, 1).
        strides: Of both directions, alike.
    """
    if _place.get() == _COMPILED and None not in image.shape[1:3]:
        return sum_of_shifts(image, kernel, strides[0])
    return ops.depthwise_conv(image, kernel, strides, "same")


_OUTPUTS = 4  # Of a tile.
_POINTS = np.array([0.0, 1.0, -1.0, 2.0, -2.0])


def _transforms(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Winograd's F(4, taps): from inputs and from taps to as many factors, and from their products to four outputs.

    Source: Lavin & Gray 2016, section 4, by the Toom-Cook construction: a product of polynomials from its values.
    """
    points = _POINTS[: _OUTPUTS + taps - 2]
    others = [np.delete(points, index) for index in range(len(points))]
    inputs = np.array([np.pad(np.poly(zeros), (len(points) - len(zeros), 0))[::-1] for zeros in (*others, points)])

    def powers(count: int) -> np.ndarray:
        """Of each point, and of infinity."""
        return np.vstack([points[:, None] ** np.arange(count), np.eye(count)[-1]])

    norms = [np.prod(point - zeros) for point, zeros in zip(points, others, strict=True)]
    kernels = powers(taps) / np.array([*norms, 1.0])[:, None]
    return inputs.astype(np.float32), kernels.astype(np.float32), powers(_OUTPUTS).T.astype(np.float32)


def winograd(image, kernel, padding: str):
    """3x3 convolution with stride 1 in half the multiplications, by Winograd's algorithm along the height.

    Four rows of the output take six 1x3 convolutions in place of twelve. Along the width too it would be a quarter of
    the multiplications, but more memory to move: no faster, and five times less exact. Saves 1.1 s of a step.

    Args:
        image: (batch, height, width, channels), its height and width known.
        kernel: (3, 3, channels, filters).
        padding: "valid" or "same"; the height of the output must be a multiple of 4.

    Returns:
        The convolution, equal to 1e-6 of its largest value.

    Source: Lavin & Gray 2016. Differs from the source: one dimension of two.
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
    """The matrix times the vector of tensors, zeros left out."""
    return [
        sum(float(factor) * tensor for factor, tensor in zip(row, tensors, strict=True) if factor) for row in matrix
    ]


class _Tiles:
    """One side of an image in tiles of four outputs of a convolution, with the inputs of each.

    Args:
        outputs: How many there are.
        taps: Of the kernel; input -1 is under the first of them at output 0.
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
        sides: Its rows and columns.
        within: From the numbers of inputs and a side's length to those of the pixels that they are.

    Returns:
        The outputs, (n, filters), in an order of their own; and a function from rows and columns to their places in it.
    """
    taps, _, channels, filters = kernel.shape
    of_inputs, of_taps, to_outputs = _transforms(taps)
    factors = len(of_taps)
    height, width = ops.shape(image)[1:3]
    down, right = (side.count for side in sides)

    def on_both(transform, values):
        """(a, b, ...) to (c, d, -1)."""
        rows = ops.matmul(transform, ops.reshape(values, (transform.shape[1], -1)))
        return ops.matmul(transform, ops.reshape(rows, (transform.shape[0], transform.shape[1], -1)))

    rows, columns = (within(side.inputs, length) for side, length in zip(sides, (height, width), strict=True))
    seen = ops.take(ops.reshape(image, (-1, channels)), rows[:, None, :, None] * width + columns[None, :, None], axis=0)
    seen = ops.reshape(on_both(of_inputs, seen), (factors**2, -1, channels))
    products = ops.matmul(seen, ops.reshape(on_both(of_taps, kernel), (factors**2, channels, filters)))
    products = ops.matmul(to_outputs, ops.reshape(products, (factors, factors, -1)))
    outputs = ops.reshape(ops.matmul(to_outputs, ops.reshape(products, (factors, -1))), (-1, filters))

    def places(rows, columns):
        """(rows, columns)."""
        rows = rows % _OUTPUTS * _OUTPUTS * down + rows // _OUTPUTS
        return rows[:, None] * right + columns % _OUTPUTS * (down * right) + columns // _OUTPUTS

    return outputs, places


def reflected_winograd(image, kernel):
    """Reflection padding by one and 3x3 convolution with stride 1 of a single image, by Winograd's algorithm.

    Along both sides it takes a quarter of the multiplications. Each of its steps is one operation, so that it pays
    where nothing is compiled: in half of the time of padding and convolution with 128 channels.

    Args:
        image: (1, height, width, channels), sides of at least 2 and of any length.
        kernel: (3, 3, channels, filters).

    Returns:
        The convolution, (1, height, width, filters), equal to 1e-5 of its largest value.
    """
    height, width = ops.shape(image)[1:3]

    def reflected(number, length):
        # Beyond the reflection there is only what fills the last tile.
        return ops.maximum(length - 1 - ops.abs(length - 1 - ops.abs(number)), 0)

    outputs, places = _winograd_on_tiles(image, kernel, (_Tiles(height, 3), _Tiles(width, 3)), reflected)
    return ops.take(outputs, places(ops.arange(height), ops.arange(width)), axis=0)[None]


def sum_of_rows(image, kernel):
    """Convolution without padding to few filters: one of a single row to filters for each row of the kernel, summed.

    To three filters, a convolution leaves most of a vector register empty. Saves 0.3 s of a step in the 9x9 convolution
    to RGB; not compiled, forward, that takes a third of the time.

    Args:
        image: (batch, height, width, channels).
        kernel: (rows, columns, channels, filters).
    """
    rows, columns, channels, filters = kernel.shape
    flat = ops.reshape(ops.transpose(kernel, (1, 2, 0, 3)), (1, columns, channels, rows * filters))
    parts = ops.split(ops.conv(image, flat, padding="valid"), rows, axis=-1)
    return sum(part[:, row : row + 1 - rows or None] for row, part in enumerate(parts))


def rows_as_channels(image, kernel, padding: str):
    """Convolution of few channels as one of a single row, its channels those of all rows that the kernel covers.

    As many multiplications; but the gradient by an image of three channels is a convolution to three filters, with most
    of a vector register empty. This one's is to three for each row: from 32 filters of 7x7, a sixth of the time.

    Args:
        image: (batch, height, width, channels), its height and width known.
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


# By up-sampling by two: what the two rows of a block take of the rows of the small image under them, by each of three
# taps of a kernel. By nearest neighbor that is two rows, and blocks begin one row above the picture.
_PHASES = {
    "nearest": np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float32),
    "bilinear": np.array([[[3, 1, 0], [1, 3, 3], [0, 0, 1]], [[1, 0, 0], [3, 3, 1], [0, 1, 3]]], np.float32) / 4,
}


def _of_phases(kernel, upsampling: str):
    """The kernel on the small image, (taps, taps, channels, 4 filters): a convolution's for each pixel of a block."""
    channels, filters = kernel.shape[2:]
    phases = ops.convert_to_tensor(_PHASES[upsampling], kernel.dtype)
    taps = phases.shape[1]
    return ops.reshape(ops.einsum("apr,bqs,rscf->pqcabf", phases, phases, kernel), (taps, taps, channels, 4 * filters))


def upsampled_convolution(image, kernel, upsampling: str):
    """Up-sampling by two and 3x3 convolution, computed at the small size.

    Of the nine pixels under the kernel some are the same, or mixed of the same: in each of the four phases, output
    pixels at even or odd rows and columns, it is a convolution of the small image, of 2x2 taps by nearest neighbor and
    of 3x3 by bilinear up-sampling. The four are channels of one convolution.

    Args:
        image: (batch, height, width, channels).
        kernel: (3, 3, channels, filters).
        upsampling: "nearest" or "bilinear".

    Returns:
        (batch, 2 height, 2 width, filters). The up-sampled image is taken to repeat its border; of repeated pixels that
        is reflection by one.
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
        (1, 2 height, 2 width, filters). The up-sampled image is taken to repeat its border.
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
    """Convolution with stride 2 as a sum of four with stride 1: of even and odd rows and columns, each by its taps.

    As many multiplications; but the gradients of a convolution with a stride are convolutions with gaps, for which XLA
    has no quick code on a CPU: forward and backward this takes half of the time.

    Args:
        image: (batch, height, width, channels), its height and width known.
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
    """Depthwise convolution with "same" padding as a sum of shifted images, each times its taps.

    XLA has no depthwise convolution for CPUs and takes a general one in its place, with its gradient 10 to 40 times
    slower than this; compiled, the sum becomes one loop.

    Args:
        image: (batch, height, width, channels), its height and width known.
        kernel: (rows, columns, channels, 1).
        stride: Of both directions.
    """
    height, width = _spans(image, stride)
    image = _padded_as_same(image, kernel, stride)
    return sum(
        image[:, row : row + height : stride, column : column + width : stride] * kernel[row, column, :, 0]
        for row in range(kernel.shape[0])
        for column in range(kernel.shape[1])
    )


def _spans(image, stride: int) -> list[int]:
    """Rows and columns from the first to the last that a kernel with "same" padding is put on."""
    return [(side - 1) // stride * stride + 1 for side in image.shape[1:3]]


def _padded_as_same(image, kernel, stride: int):
    """The image with the zeros that "same" padding puts around it."""
    missing = [
        max(span + taps - 1 - side, 0)
        for span, taps, side in zip(_spans(image, stride), kernel.shape, image.shape[1:3], strict=False)
    ]
    return ops.pad(image, ((0, 0), *((pixels // 2, pixels - pixels // 2) for pixels in missing), (0, 0)))
