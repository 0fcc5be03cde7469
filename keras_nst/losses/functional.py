"""Statistics of features and distances between them, as plain functions of tensors.

Everything is computed in float32, whatever the features come in: squares and Grams overflow float16.
"""

import numpy as np
from keras import ops

from keras_nst.images.color import LUMA


def _per_item(values):
    """The sum over all axes but the batch's, (batch,)."""
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)


def gram_matrix(features, weights=None):
    """Uncentered covariance of the channels, averaged over positions and divided by the number of channels.

    G = F^T F / (C H W), with F the features as a (H W, C) matrix; with weights F^T W F / C.

    Args:
        features: (batch, height, width, channels).
        weights: What each position counts, (batch or 1, height, width, 1), summing to 1; None for all alike.

    Returns:
        (batch, channels, channels), float32, symmetric and positive semi-definite.

    Source: Liu et al. 2019, eq. (3); Gatys et al. 2016; with weights Chen & Hsu 2016, W the square of their M. Differs
    from the source: the weights of a region sum to 1, so that regions of different areas can be compared.
    """
    batch, height, width, channels = ops.shape(features)
    features = ops.cast(features, "float32")
    # Scaled before the product, so that it stays in range whatever the image's size.
    if weights is None:
        scaled = features / ops.sqrt(ops.cast(height * width * channels, "float32"))
    else:
        scaled = features * ops.sqrt(ops.cast(weights, "float32") / channels)
    return _self_product(ops.reshape(scaled, (batch, height * width, channels)))


def _self_product(flat):
    """F^T F with the gradient F (U + U^T).

    Derived as a product of two factors it would be F U + F U^T, two products of the size of F^T F. Saves 3 % of a
    training step. As a custom gradient it would be registered by TensorFlow with its graph, and never be freed.
    """
    product = ops.matmul(ops.transpose(ops.stop_gradient(flat), (0, 2, 1)), flat)
    transposed = ops.transpose(product, (0, 2, 1))
    return product + (transposed - ops.stop_gradient(transposed))  # Which adds 0, and the other half of the gradient.


def squared_difference(output, target):
    """(output - target)^2 of each element."""
    return ops.square(ops.cast(output, "float32") - ops.cast(target, "float32"))


def mean_squared(output, target):
    """||output - target||^2 / N per item of the batch, (batch,), with N the number of elements of an item.

    Source: Liu et al. 2019, eq. (2). Differs from the source: nothing.
    """
    return ops.mean(ops.reshape(squared_difference(output, target), (ops.shape(output)[0], -1)), axis=1)


def sum_squared(output, target):
    """||output - target||^2 per item of the batch, (batch,); the target may be one for the whole batch.

    Source: Liu et al. 2019, eq. (4). Differs from the source: nothing.
    """
    return _per_item(squared_difference(output, target))


def instance_normalized(features):
    """Each channel of each item without its mean and in units of its standard deviation, in float32.

    What is left is where a channel responds and where it does not: brightness and contrast are free. Channels with
    hardly any deviation, less than a thirtieth of the others', stay small, and are not blown up to noise.

    Args:
        features: (batch, height, width, channels).
    """
    features = ops.cast(features, "float32")
    mean, variance = ops.moments(features, axes=(1, 2), keepdims=True)
    least = 1e-3 * ops.mean(variance, axis=-1, keepdims=True) + 1e-6
    return (features - mean) * ops.rsqrt(variance + least)


def relative_squared(output, target, least=0.0, epsilon: float = 1e-12):
    """||output - target||^2 / ||target||^2 per item of the batch, (batch,); the target may be one for the whole batch.

    Args:
        output: (batch, ...).
        target: The same, or (1, ...).
        least: What ||target||^2 counts as, if it is less, (batch,) or (1,).
        epsilon: Keeps a target of zeros from dividing by zero.

    A distance without unit: 0 where they are equal, 1 for an output of zeros. It does not depend on the size of the
    image, the scale of the features or the energy of the style, so that one weight serves all of them.
    """
    return sum_squared(output, target) / (ops.maximum(squared_norm(target), least) + epsilon)


def squared_norm(values):
    """||values||^2 per item of the batch, (batch,)."""
    return _per_item(ops.square(ops.cast(values, "float32")))


def mean_absolute(output, target):
    """||output - target||_1 / N per item of the batch, (batch,), with N the number of elements of an item.

    Source: Li et al. 2020, eqs. (6) and (7). Differs from the source: a mean in place of a sum, so that the weight does
    not depend on the size of the image.
    """
    difference = ops.abs(ops.cast(output, "float32") - ops.cast(target, "float32"))
    return ops.mean(ops.reshape(difference, (ops.shape(output)[0], -1)), axis=1)


def salience(map, like):
    """By how much more the salient places of a picture count: max(1, 2 S) - 1, averaged over what a position sees.

    Args:
        map: Saliency S (batch, height, width, 1) in [0, 1].
        like: Features (batch, height / n, width / n, channels) whose positions it is for.

    Returns:
        (batch, height / n, width / n, 1) in [0, 1], float32.

    Source: Li et al. 2020, eq. (4), S''_m - 1. Differs from the source: nothing.
    """
    block = map.shape[1] // like.shape[1]
    more = ops.maximum(2.0 * ops.cast(map, "float32") - 1.0, 0.0)
    return ops.average_pool(more, block, block, padding="valid")


def log_loss(logits, real: bool):
    """-log D where something is to be taken for real, else -log (1 - D), with D = sigmoid(logits): (batch,), a mean.

    Args:
        logits: (batch, height, width, 1).
        real: What D shall say.

    Source: Goodfellow et al. 2014, eq. (1). Differs from the source: nothing.
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.softplus(-logits if real else logits), axis=(1, 2, 3))


def least_squares(logits, real: bool):
    """(D - 1)^2 where something is to be taken for real, else D^2, with D = (1 + logits) / 2: (batch,), a mean.

    Args:
        logits: (batch, height, width, 1); above 0 is nearer to real.
        real: What D shall say.

    Source: Mao et al. 2017, LSGAN, eq. (9). Differs from the source: D is half of what the network says, from -1 on,
    so that above 0 means the same in every game.
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.square((logits - 1.0 if real else logits + 1.0) / 2.0), axis=(1, 2, 3))


def hinge(logits, real: bool):
    """max(0, 1 - D) where something is to be taken for real, else max(0, 1 + D), with D the logits: (batch,), a mean.

    Args:
        logits: (batch, height, width, 1).
        real: What D shall say.

    Source: Miyato et al. 2018, eq. (16). Differs from the source: nothing.
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.relu(1.0 - logits if real else 1.0 + logits), axis=(1, 2, 3))


def signed(logits, real: bool):
    """-D where something is to be taken for real, else D, what a generator minimizes against `hinge`: (batch,), a mean.

    Args:
        logits: (batch, height, width, 1).
        real: What D shall say.

    Source: Miyato et al. 2018, eq. (17). Differs from the source: nothing.
    """
    return ops.mean(ops.cast(logits, "float32"), axis=(1, 2, 3)) * (-1.0 if real else 1.0)


def weighted_mean(values, weights=None):
    """The mean over positions and channels, per item of the batch, (batch,).

    Args:
        values: (batch, height, width, channels).
        weights: As in `gram_matrix`.
    """
    values = ops.mean(ops.cast(values, "float32"), axis=-1, keepdims=True)
    return ops.mean(values, axis=(1, 2, 3)) if weights is None else _per_item(values * weights)


def differences(values):
    """By how much the right, the lower and the lower right neighbor exceed each position: three maps of its shape.

    They are 0 at the border, where there is no such neighbor.

    Args:
        values: (batch, height, width, channels).
    """
    _, height, width, _ = ops.shape(values)
    has_right = ops.cast(ops.arange(width) < width - 1, values.dtype)[:, None]
    has_lower = ops.cast(ops.arange(height) < height - 1, values.dtype)[:, None, None]
    # The gradient of a roll is a roll; that of a slice is a picture of zeros to be filled, several times slower.
    right, lower = ops.roll(values, -1, axis=2), ops.roll(values, -1, axis=1)
    diagonal = ops.roll(right, -1, axis=1)
    return (right - values) * has_right, (lower - values) * has_lower, (diagonal - values) * has_right * has_lower


def squared_variation(image, weights=None):
    """Mean squared difference of vertical plus of horizontal neighbors, per item of the batch, (batch,).

    Args:
        image: (batch, height, width, channels).
        weights: As in `gram_matrix`.

    Source: Johnson et al. 2016, section 3.2. Differs from the source: a mean in place of a sum, so that the weight does
    not depend on the size of the image.
    """
    horizontal, vertical, _ = differences(ops.cast(image, "float32"))
    return weighted_mean(ops.square(horizontal) + ops.square(vertical), weights)


def absolute_variation(image, weights=None):
    """Mean absolute difference of vertical plus of horizontal neighbors, per item of the batch, (batch,).

    Args:
        image: (batch, height, width, channels).
        weights: As in `gram_matrix`.

    Source: Jin 2020, section III.D. Differs from the source: a mean in place of a sum.
    """
    horizontal, vertical, _ = differences(ops.cast(image, "float32"))
    return weighted_mean(ops.abs(horizontal) + ops.abs(vertical), weights)


def cross_entropy(logits, probabilities):
    """-sum over classes of p ln softmax(logits), per item of the batch, (batch,).

    Args:
        logits: (batch, classes).
        probabilities: (batch, classes), summing to 1.

    Source: Liu et al. 2019, eq. (8), which as printed is the cross-entropy of two class numbers. Differs from the
    source: of the predicted distribution, which has a gradient.
    """
    return -ops.sum(probabilities * ops.log_softmax(ops.cast(logits, "float32"), axis=-1), axis=-1)


def luma(image):
    """Brightness of RGB (batch, height, width, 3): (batch, height, width, 1)."""
    return ops.tensordot(ops.cast(image, "float32"), LUMA, axes=1)


def soft_edges(image, threshold: float = 0.1):
    """Edges of luma between 0 and 1: Canny's steps up to the gradient, and a threshold that has a gradient itself.

    e = |g|^2 / (|g|^2 + threshold^2), with g Sobel's gradient of the smoothed luma.

    Args:
        image: RGB (batch, height, width, 3) in [0, 1], at least 7 pixels a side.
        threshold: The gradient, in luma per pixel, at which an edge counts half.

    Returns:
        (batch, height - 6, width - 6, 1) in [0, 1): without the border, where neighbors are missing.

    Source: Canny 1986. Differs from the source: binomial smoothing; neither non-maximum suppression nor hysteresis.
    """
    row = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smooth, sobel = np.outer(row, row), np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 8
    smoothed = ops.conv(luma(image), smooth[:, :, None, None], padding="valid")
    slopes = ops.conv(smoothed, np.stack([sobel, sobel.T], axis=-1)[:, :, None], padding="valid")
    squared = ops.sum(ops.square(slopes), axis=-1, keepdims=True)
    return squared / (squared + threshold**2)


def coarse(image, block: int = 16):
    """An image without detail: averaged over blocks.

    Args:
        image: (batch, height, width, channels).
        block: Side of the blocks in pixels; those at the right and lower border may be smaller.

    Returns:
        (batch, height / block, width / block, channels), rounded up.
    """
    return ops.average_pool(ops.cast(image, "float32"), block, block, padding="same")


def chroma(image):
    """Color without brightness, R - Y and B - Y of RGB (batch, height, width, 3) in [0, 1]: 2 channels in [-1, 1]."""
    return ops.cast(image, "float32")[..., ::2] - luma(image)
