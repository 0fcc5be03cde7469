"""SDP-GAN's generator and saliency net, written again in float64 NumPy."""

import numpy as np
from reference.transfer_net import convolution, normalized


def networks(image, weights, residual_blocks):
    """Picture and map of an image (height, width, 3) in [0, 1], whose sides are multiples of 8.

    `weights` holds the arrays of each layer by name: kernel and bias of "x_conv", scale and offset of "x_norm".
    """

    def block(hidden, name, stride=1):
        hidden = convolution(hidden, *weights[f"{name}_conv"], stride)
        return normalized(hidden, *weights[f"{name}_norm"])

    def relu(hidden):
        return np.maximum(hidden, 0)

    def enlarged(hidden):
        return hidden.repeat(2, axis=0).repeat(2, axis=1)

    image = image.astype(np.float64)
    seen = [relu(block(image, "saliency1"))]
    for level in (2, 3, 4):
        seen.append(relu(block(seen[-1], f"saliency{level}", stride=2)))

    hidden = seen[3]
    for level in (3, 2):
        hidden = enlarged(relu(block(hidden, f"map{level}")))
    hidden = convolution(relu(block(hidden, "map1")), *weights["map_conv"])
    saliency = enlarged(1 / (1 + np.exp(-hidden)))

    hidden = image
    for level, stride in ((1, 1), (2, 2), (3, 2)):
        hidden = np.concatenate([relu(block(hidden, f"encode{level}", stride)), seen[level - 1]], axis=-1)
    kernel, bias = weights["encode_join"]
    hidden = hidden @ kernel[0, 0] + bias
    for index in range(1, residual_blocks + 1):
        hidden = hidden + block(relu(block(hidden, f"residual{index}a")), f"residual{index}b")
    for level in (1, 2):
        hidden = relu(block(enlarged(hidden), f"decode{level}"))
    return (np.tanh(convolution(hidden, *weights["rgb_conv"])) + 1) / 2, saliency
