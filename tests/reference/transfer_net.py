"""The transfer net, written again from figure 4 of Liu et al. 2019 in float64 NumPy."""

import numpy as np


def convolution(image, kernel, bias, stride=1):
    """For one image (height, width, channels), with reflection padding."""
    side = len(kernel)
    padded = np.pad(image, ((side // 2, side // 2), (side // 2, side // 2), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))[::stride, ::stride]
    return np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias


def normalized(image, scale, offset, epsilon=1e-5):
    return scale * (image - image.mean((0, 1))) / np.sqrt(image.var((0, 1)) + epsilon) + offset


def transfer_net(image, weights, residual_blocks):
    """Stylize an image (height, width, 3) in [0, 1], whose sides are multiples of 4.

    `weights` are kernel, bias, scale and offset of each convolution in order, and kernel and bias of the last.
    """
    weights = iter(np.asarray(array, np.float64) for array in weights)

    def block(hidden, stride=1):
        kernel, bias, scale, offset = (next(weights) for _ in range(4))
        return normalized(convolution(hidden, kernel, bias, stride), scale, offset)

    def relu(hidden):
        return np.maximum(hidden, 0)

    hidden = relu(block(image.astype(np.float64)))
    for _ in range(2):
        hidden = relu(block(hidden, stride=2))
    for _ in range(residual_blocks):
        hidden = hidden + block(relu(block(hidden)))
    for _ in range(2):
        hidden = relu(block(hidden.repeat(2, axis=0).repeat(2, axis=1)))
    kernel, bias = weights
    return (np.tanh(convolution(hidden, kernel, bias)) + 1) / 2  # Eq. (1), with 1 instead of 255.
