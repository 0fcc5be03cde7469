"""Statistics of features and distances between them, as plain functions of tensors.

Everything is computed in float32, whatever the dtype of the features: squares and Grams overflow float16.
"""

import numpy as np
from keras import ops

from keras_nst.pictures.color import LUMA


def _per_item(values):
    """Sum over all axes but the batch axis: (batch,)."""
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)


def gram_matrix(features, weights=None):
    """Uncentered covariance of the channels, averaged over positions and divided by the number of channels.

    G = F^T F / (C H W), with F the features as a (H W, C) matrix; with weights G = F^T W F / C.

    Args:
        features: (batch, height, width, channels).
        weights: Weight of each position, (batch or 1, height, width, 1), summing to 1; None for equal weights.

    Returns:
        (batch, channels, channels), float32, symmetric and positive semi-definite.

    Source: Liu et al. 2019, eq. (3); Gatys et al. 2016; for the weights Chen & Hsu 2016, where W is M squared.
    Differs from the source: the weights of a region sum to 1, so that regions of different areas can be compared.
    """
    batch, height, width, channels = ops.shape(features)
    features = ops.cast(features, "float32")
    # Scaling before the product keeps it in range for images of any size.
    if weights is None:
        scaled = features / ops.sqrt(ops.cast(height * width * channels, "float32"))
    else:
        scaled = features * ops.sqrt(ops.cast(weights, "float32") / channels)
    return _self_product(ops.reshape(scaled, (batch, height * width, channels)))


def _self_product(flat):
    """F^T F, with the gradient computed as F (U + U^T).

    Automatic differentiation computes F U + F U^T, two products of the size of F^T F. One product saves 3 % of a
    training step. A custom gradient is no alternative: TensorFlow registers it with its graph and never frees it.
    """
    product = ops.matmul(ops.transpose(ops.stop_gradient(flat), (0, 2, 1)), flat)
    transposed = ops.transpose(product, (0, 2, 1))
    return product + (transposed - ops.stop_gradient(transposed))  # Adds 0, and the other half of the gradient.


def squared_difference(output, target):
    """(output - target)^2, element by element."""
    return ops.square(ops.cast(output, "float32") - ops.cast(target, "float32"))


def mean_squared(output, target):
    """||output - target||^2 / N per item: (batch,). N is the number of elements of an item.

    Source: Liu et al. 2019, eq. (2).
    """
    return ops.mean(ops.reshape(squared_difference(output, target), (ops.shape(output)[0], -1)), axis=1)


def sum_squared(output, target):
    """||output - target||^2 per item: (batch,). One target may serve the whole batch.

    Source: Liu et al. 2019, eq. (4).
    """
    return _per_item(squared_difference(output, target))


def instance_normalized(features, weights=None):
    """Subtract each channel's mean and divide by its standard deviation, per item, in float32.

    The result says where a channel responds, and no longer depends on brightness and contrast. Channels that hardly
    vary (by less than a thirtieth of the others) stay small, so that their noise is not amplified.

    Args:
        features: (batch, height, width, channels).
        weights: As in `gram_matrix`, for mean and deviation.
    """
    features = ops.cast(features, "float32")
    if weights is None:
        mean, variance = ops.moments(features, axes=(1, 2), keepdims=True)
    else:
        mean = ops.sum(weights * features, axis=(1, 2), keepdims=True)
        variance = ops.sum(weights * ops.square(features - mean), axis=(1, 2), keepdims=True)
    floor = 1e-3 * ops.mean(variance, axis=-1, keepdims=True) + 1e-6
    return (features - mean) * ops.rsqrt(variance + floor)


def relative_squared(output, target, least=0.0, epsilon: float = 1e-12):
    """||output - target||^2 / ||target||^2 per item: (batch,). One target may serve the whole batch.

    The distance has no unit: 0 if both are equal, 1 if the output is zero. It does not depend on the size of the
    image, the scale of the features or the energy of the style, so one weight serves all of them.

    Args:
        output: (batch, ...).
        target: The same, or (1, ...).
        least: The value that ||target||^2 counts as if it is smaller, (batch,) or (1,).
        epsilon: Avoids a division by zero.
    """
    return sum_squared(output, target) / (ops.maximum(squared_norm(target), least) + epsilon)


def squared_norm(values):
    """||values||^2 per item of the batch, (batch,)."""
    return _per_item(ops.square(ops.cast(values, "float32")))


def mean_absolute(output, target):
    """||output - target||_1 / N per item: (batch,). N is the number of elements of an item.

    Source: Li et al. 2020, eqs. (6) and (7).
    Differs from the source: a mean, not a sum, so that the weight does not depend on the size of the image.
    """
    difference = ops.abs(ops.cast(output, "float32") - ops.cast(target, "float32"))
    return ops.mean(ops.reshape(difference, (ops.shape(output)[0], -1)), axis=1)


def salience(map, like):
    """Additional weight of salient positions: max(1, 2 S) - 1, averaged over the pixels of each feature position.

    Args:
        map: Saliency S (batch, height, width, 1) in [0, 1].
        like: Features (batch, height / n, width / n, channels) that will be weighted.

    Returns:
        (batch, height / n, width / n, 1) in [0, 1], float32.

    Source: Li et al. 2020, eq. (4), S''_m - 1.
    """
    block = map.shape[1] // like.shape[1]
    extra = ops.maximum(2.0 * ops.cast(map, "float32") - 1.0, 0.0)
    return ops.average_pool(extra, block, block, padding="valid")


def log_loss(logits, real: bool):
    """-log D if `real`, else -log (1 - D), with D = sigmoid(logits); averaged over positions: (batch,).

    Args:
        logits: (batch, height, width, 1).
        real: Whether the discriminator should answer "real".

    Source: Goodfellow et al. 2014, eq. (1).
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.softplus(-logits if real else logits), axis=(1, 2, 3))


def least_squares(logits, real: bool):
    """(D - 1)^2 if `real`, else D^2, with D = (1 + logits) / 2; averaged over positions: (batch,).

    Args:
        logits: (batch, height, width, 1); a positive logit means "real".
        real: Whether the discriminator should answer "real".

    Source: Mao et al. 2017, LSGAN, eq. (9).
    Differs from the source: D is the logits shifted by 1 and halved, so that a positive logit means "real" in every
    game.
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.square((logits - 1.0 if real else logits + 1.0) / 2.0), axis=(1, 2, 3))


def hinge(logits, real: bool):
    """max(0, 1 - D) if `real`, else max(0, 1 + D), with D the logits; averaged over positions: (batch,).

    Args:
        logits: (batch, height, width, 1).
        real: Whether the discriminator should answer "real".

    Source: Miyato et al. 2018, eq. (16).
    """
    logits = ops.cast(logits, "float32")
    return ops.mean(ops.relu(1.0 - logits if real else 1.0 + logits), axis=(1, 2, 3))


def hinge_generator(logits, real: bool):
    """-D if `real`, else D, with D the logits; averaged over positions: (batch,). The generator's side of `hinge`.

    Args:
        logits: (batch, height, width, 1).
        real: Whether the discriminator should answer "real".

    Source: Miyato et al. 2018, eq. (17).
    """
    return ops.mean(ops.cast(logits, "float32"), axis=(1, 2, 3)) * (-1.0 if real else 1.0)


def weighted_mean(values, weights=None):
    """Mean over positions and channels, per item: (batch,).

    Args:
        values: (batch, height, width, channels).
        weights: As in `gram_matrix`.
    """
    values = ops.mean(ops.cast(values, "float32"), axis=-1, keepdims=True)
    return ops.mean(values, axis=(1, 2, 3)) if weights is None else _per_item(values * weights)


def surrounding(features, side: int):
    """The patch around each position. Values at the border are repeated beyond it.

    Args:
        features: (batch, height, width, channels).
        side: Side of the patches in positions, odd.

    Returns:
        (batch, height, width, side^2, channels), float32, row by row.
    """
    reach = side // 2
    _, height, width, _ = ops.shape(features)
    padded = ops.cast(features, "float32")
    for axis in (1, 2):
        first, last = (ops.take(padded, [place], axis=axis) for place in (0, -1))
        padded = ops.concatenate([first] * reach + [padded] + [last] * reach, axis=axis)
    shifts = [(down, right) for down in range(side) for right in range(side)]
    return ops.stack([padded[:, down : down + height, right : right + width] for down, right in shifts], axis=3)


def gram_product(first, second):
    """The inner product of the Gram matrices of two patches at each position.

    The Gram matrix F^T F of a patch F with n positions and c channels is c x c. Its inner product with that of F' is
    ||F F'^T||^2, which needs only an n x n matrix.

    Args:
        first: Patches from `surrounding`, (batch, height, width, n, c).
        second: Other patches of the same shape.

    Returns:
        (batch, height, width, 1).
    """
    squares = ops.square(ops.matmul(first, ops.swapaxes(second, -1, -2)))
    return ops.sum(squares, axis=(-1, -2))[..., None]


def hypercolumns(features):
    """The features of several layers side by side, on a grid of a quarter of the picture's height and width.

    Finer layers are averaged over each position of the grid, coarser ones are repeated.

    Args:
        features: Features of each layer, (batch, h, w, channels); those of the first have the picture's size.

    Returns:
        (batch, height // 4, width // 4, all channels), float32.

    Source: Hariharan et al. 2015, "Hypercolumns for object segmentation"; Kolkin et al. 2022.
    """
    height, width = (side // 4 for side in features[0].shape[1:3])

    def on_grid(values):
        values = ops.cast(values, "float32")
        if values.shape[1] < height:  # After a pooling, which drops a remainder: here the last position is repeated.
            values = ops.repeat(ops.repeat(values, 2, axis=1), 2, axis=2)
            missing = ((0, height - values.shape[1]), (0, width - values.shape[2]))
            return ops.pad(values, ((0, 0), *missing, (0, 0)), mode="symmetric")
        factor = 1 << (values.shape[1] // height).bit_length() - 1
        return ops.average_pool(values, factor, factor) if factor > 1 else values

    return ops.concatenate([on_grid(values) for values in features], axis=-1)


def unit_vectors(values):
    """Divide the vectors (..., channels) by their lengths."""
    return values / ops.sqrt(ops.sum(ops.square(values), axis=-1, keepdims=True) + 1e-12)


def differences(values):
    """Differences of the right, the lower and the lower right neighbor from each position.

    Args:
        values: (batch, height, width, channels).

    Returns:
        Three tensors of the shape of `values`; 0 at the border, where the neighbor is missing.
    """
    _, height, width, _ = ops.shape(values)
    has_right = ops.cast(ops.arange(width) < width - 1, values.dtype)[:, None]
    has_lower = ops.cast(ops.arange(height) < height - 1, values.dtype)[:, None, None]
    # The gradient of a roll is a roll. That of a slice fills a tensor of zeros, which is several times slower.
    right, lower = ops.roll(values, -1, axis=2), ops.roll(values, -1, axis=1)
    diagonal = ops.roll(right, -1, axis=1)
    return (right - values) * has_right, (lower - values) * has_lower, (diagonal - values) * has_right * has_lower


def squared_variation(image, weights=None):
    """Mean squared difference of horizontal neighbors plus that of vertical neighbors, per item: (batch,).

    Args:
        image: (batch, height, width, channels).
        weights: As in `gram_matrix`.

    Source: Johnson et al. 2016, section 3.2.
    Differs from the source: a mean, not a sum, so that the weight does not depend on the size of the image.
    """
    horizontal, vertical, _ = differences(ops.cast(image, "float32"))
    return weighted_mean(ops.square(horizontal) + ops.square(vertical), weights)


def periodic_share(image, period: int = 4, window: int = 48, least: float = 0.02):
    """Share of the variance within windows that repeats with a period across and down, per item: (batch,) in [0, 1].

    A picture without a repeating pattern has a share of about period^2 / window^2.

    Args:
        image: (batch, height, width, channels), each side at least `period`.
        period: In pixels.
        window: Side of the windows in pixels, a multiple of `period`; smaller for a smaller image. What is left over
            at the right and lower border is not seen.
        least: Deviation below which an area counts as plain.
    """
    image = ops.cast(image, "float32")
    _, height, width, channels = ops.shape(image)
    tall, wide = (min(window, side // period * period) for side in (height, width))
    down, across = height // tall, width // wide
    cells = ops.reshape(
        image[:, : down * tall, : across * wide],
        (-1, down, tall // period, period, across, wide // period, period, channels),
    )
    tile = ops.mean(cells, axis=(2, 5), keepdims=True)
    mean = ops.mean(tile, axis=(3, 6), keepdims=True)
    repeated, all_of_it = (ops.mean(ops.square(part - mean), axis=(2, 3, 5, 6, 7)) for part in (tile, cells))
    return ops.mean(repeated / (all_of_it + least**2), axis=(1, 2))


def absolute_variation(image, weights=None):
    """Mean absolute difference of horizontal neighbors plus that of vertical neighbors, per item: (batch,).

    Args:
        image: (batch, height, width, channels).
        weights: As in `gram_matrix`.

    Source: Jin 2020, section III.D.
    Differs from the source: a mean, not a sum.
    """
    horizontal, vertical, _ = differences(ops.cast(image, "float32"))
    return weighted_mean(ops.abs(horizontal) + ops.abs(vertical), weights)


def cross_entropy(logits, probabilities):
    """-sum over classes of p ln softmax(logits), per item: (batch,).

    Args:
        logits: (batch, classes).
        probabilities: (batch, classes), summing to 1.

    Source: Liu et al. 2019, eq. (8).
    Differs from the source: as printed, the equation compares two class numbers, which has no gradient. This compares
    the predicted distribution.
    """
    return -ops.sum(probabilities * ops.log_softmax(ops.cast(logits, "float32"), axis=-1), axis=-1)


def luma(image):
    """Luma of RGB (batch, height, width, 3): (batch, height, width, 1)."""
    return ops.tensordot(ops.cast(image, "float32"), LUMA, axes=1)


def soft_edges(image, threshold: float = 0.1):
    """Edges of the luma, from 0 to 1: Canny's smoothing and gradient, then a differentiable threshold.

    e = |g|^2 / (|g|^2 + threshold^2), with g the Sobel gradient of the smoothed luma.

    Args:
        image: RGB (batch, height, width, 3) in [0, 1], at least 7 pixels a side.
        threshold: Gradient, in luma per pixel, that gives an edge of 0.5.

    Returns:
        (batch, height - 6, width - 6, 1) in [0, 1). The border is left out, since neighbors are missing there.

    Source: Canny 1986.
    Differs from the source: binomial smoothing; neither non-maximum suppression nor hysteresis.
    """
    row = np.array([1, 4, 6, 4, 1], np.float32) / 16
    smooth, sobel = np.outer(row, row), np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 8
    smoothed = ops.conv(luma(image), smooth[:, :, None, None], padding="valid")
    slopes = ops.conv(smoothed, np.stack([sobel, sobel.T], axis=-1)[:, :, None], padding="valid")
    squared = ops.sum(ops.square(slopes), axis=-1, keepdims=True)
    return squared / (squared + threshold**2)


def coarse(image, block: int = 16):
    """Average an image over blocks, which removes its detail.

    Args:
        image: (batch, height, width, channels).
        block: Side of the blocks in pixels; blocks at the right and lower border may be smaller.

    Returns:
        (batch, height / block, width / block, channels), rounded up.
    """
    return ops.average_pool(ops.cast(image, "float32"), block, block, padding="same")


def chroma(image):
    """Color without brightness: R - Y and B - Y in [-1, 1], (..., 2), of RGB (batch, height, width, 3) in [0, 1]."""
    return ops.cast(image, "float32")[..., ::2] - luma(image)
