"""Cheaper ways to the same convolution, which the layers take where they pay.

Convolutions are nine tenths of a training step, and on a CPU XLA already runs most of them at the speed of its matrix
product. What is left to save is multiplications, and the few shapes that it is bad at. Times below are of a whole step,
4 images of 256x256 on 2 cores; together with the Gram's gradient it came from 4.6 s to 2.9 s.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import numpy as np
from keras import ops

_compiled = ContextVar("compiled", default=False)


@contextlib.contextmanager
def compiled_for_cpu(active: bool = True) -> Iterator[None]:
    """Says that layers called within are compiled by XLA for a CPU.

    A form made of many small steps pays only where the compiler fuses them: one by one they are up to 2.5 times slower
    than the operation they replace. A layer cannot find out by itself; who compiles knows.
    """
    token = _compiled.set(active)
    try:
        yield
    finally:
        _compiled.reset(token)


def is_compiled_for_cpu() -> bool:
    """Whether a `compiled_for_cpu` is around."""
    return _compiled.get()


# F(4, 3) of Lavin & Gray 2016, section 4.3: the transforms of six inputs, of three taps, and back to four outputs.
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.float32) / 24
_OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float32)


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
    rows = _combinations(_INPUT, [image[:, row : row + height - 3 : 4] for row in range(6)])
    kernels = ops.tensordot(_KERNEL, kernel, axes=1)
    products = [ops.conv(row, kernels[index][None], padding=padding) for index, row in enumerate(rows)]
    interleaved = ops.stack(_combinations(_OUTPUT, products), axis=2)
    return ops.reshape(interleaved, (-1, height, *interleaved.shape[3:]))


def _combinations(matrix: np.ndarray, tensors: Sequence) -> list:
    """The matrix times the vector of tensors, zeros left out."""
    return [
        sum(float(factor) * tensor for factor, tensor in zip(row, tensors, strict=True) if factor) for row in matrix
    ]


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


# What two neighboring rows of an up-sampled picture take of two of the small one: a 3-tap kernel as two 2-tap ones.
_PHASES = np.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], np.float32)


def upsampled_convolution(image, kernel):
    """Nearest-neighbor up-sampling by two, reflection padding by one and 3x3 convolution, computed at the small size.

    Of the nine pixels under the kernel some are the same: in each of the four phases, output pixels at even or odd rows
    and columns, it is a 2x2 convolution of the small image. Reflecting the large image repeats the small one's border.

    The four are channels of one convolution. Its value at r serves output rows 2r - 1, in the phase of odd rows, and
    2r, in that of even ones; so the odd phase is put first, and the blocks of two rows begin one above the output.

    Args:
        image: (batch, height, width, channels).
        kernel: (3, 3, channels, filters).

    Returns:
        (batch, 2 height, 2 width, filters).
    """
    channels, filters = kernel.shape[2:]
    odd_first = ops.convert_to_tensor(_PHASES[::-1].copy(), kernel.dtype)
    phases = ops.einsum("apr,bqs,rscf->pqcabf", odd_first, odd_first, kernel)
    image = ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    blocks = ops.conv(image, ops.reshape(phases, (2, 2, channels, 4 * filters)), padding="valid")
    return ops.depth_to_space(blocks, 2, data_format="channels_last")[:, 1:-1, 1:-1]


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
