"""Statistics of features that represent a style, each with its distance.

All are means over positions. So weights can select a region, the parts of a picture add up, and styles can be blended.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_nst.losses.functional import differences, gram_matrix, relative_squared, squared_norm, sum_squared

Tensor = Any

_LEAST_NORM = 0.05  # Of differences, as a share of the features'.


class Statistic(NamedTuple):
    """A statistic of a layer's features, and the distance of two of its values.

    Attributes:
        measure: Function of features (batch, h, w, channels) and weights (see `gram_matrix`) to a tuple of tensors.
        distance: Function of two such tuples to (batch,).
    """

    measure: Callable[..., tuple[Tensor, ...]]
    distance: Callable[[tuple, tuple], Tensor]


def gram(distance: Callable = relative_squared) -> Statistic:
    """Gram matrices: which channels respond together.

    Args:
        distance: Function of two Gram matrices (batch, channels, channels) to (batch,). Liu et al. use `sum_squared`.

    Source: Gatys et al. 2016; Liu et al. 2019, eqs. (3) and (4).
    """
    return Statistic(
        lambda features, weights=None: (gram_matrix(features, weights),),
        lambda output, target: distance(output[0], target[0]),
    )


def high_order() -> Statistic:
    """Gram matrices of the features, and of their differences from the right, lower and diagonal neighbors.

    A Gram matrix says nothing about positions. Those of the differences also hold which channels follow one another:
    (F - SF)^T (F - SF) = G + S^T G S - F^T SF - (F^T SF)^T, with F^T SF the co-occurrences of neighbors.

    Source: Chen & Hsu 2016, "what to transfer".
    Differs from the source: the paper does not print its projections P. Here they are the identity and the three
    differences. Each Gram matrix is compared relative to its target's norm, and the distances are averaged. The
    differences of a plain style have almost no norm; then a share of the features' norm takes its place. Paintings
    exceed that share, with 0.1 and more.
    """

    def measure(features, weights=None):
        features = ops.cast(features, "float32")
        return tuple(gram_matrix(projected, weights) for projected in (features, *differences(features)))

    def distance(output, target):
        least = _LEAST_NORM**2 * squared_norm(target[0])
        return sum(relative_squared(*pair, least) for pair in zip(output, target, strict=True)) / len(output)

    return Statistic(measure, distance)


def gaussian(steps: int = 20) -> Statistic:
    """Mean and covariance of the channels, compared as normal distributions by the squared Wasserstein-2 distance.

    W^2 = |m - m'|^2 + tr(C) + tr(C') - 2 tr((C'^1/2 C C'^1/2)^1/2), divided by |m'|^2 + tr(C'), so that it has no unit.

    A matrix square root takes 3 `steps` products of (channels, channels), for images of any size.

    Args:
        steps: Number of Newton-Schulz iterations.

    Source: Dowson & Landau 1982; for the square root Higham 2008, eq. (6.35).
    """

    def measure(features, weights=None):
        features = ops.cast(features, "float32")
        mean = ops.mean(features, axis=(1, 2)) if weights is None else ops.sum(features * weights, axis=(1, 2))
        return mean, gram_matrix(features, weights) * features.shape[-1]

    def distance(output, target):
        covariance, wanted = _covariance(*output), _covariance(*target)
        # Add a hundredth of the mean variance to the diagonal: the root of a singular matrix has no gradient, and that
        # of a nearly singular one takes more iterations than single precision allows.
        identity = ops.eye(wanted.shape[-1])
        floor = 1e-2 * _trace(wanted)[:, None, None] / wanted.shape[-1] * identity
        covariance, wanted = covariance + floor, wanted + floor
        root = _square_root(wanted, steps)
        cross = _square_root(ops.matmul(ops.matmul(root, covariance), root), steps)
        squared = sum_squared(output[0], target[0]) + _trace(covariance) + _trace(wanted) - 2 * _trace(cross)
        return squared / (ops.sum(ops.square(target[0]), axis=-1) + _trace(wanted))

    return Statistic(measure, distance)


STATISTICS = {"high-order": high_order, "gram": gram, "gaussian": gaussian}


def _covariance(mean, second_moment):
    return second_moment - mean[:, :, None] * mean[:, None, :]


def _trace(matrix):
    return ops.trace(matrix, axis1=-2, axis2=-1)


def _square_root(matrix, steps: int):
    """Square roots of symmetric positive definite matrices (batch, n, n), by products alone: any compiler has them."""
    scale = ops.sqrt(ops.sum(ops.square(matrix), axis=(-2, -1), keepdims=True))
    identity = ops.eye(matrix.shape[-1])
    root, inverse = matrix / scale, ops.broadcast_to(identity, ops.shape(matrix))
    for _ in range(steps):
        correction = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
        root, inverse = ops.matmul(root, correction), ops.matmul(correction, inverse)
    return root * ops.sqrt(scale)
