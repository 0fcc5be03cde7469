"""Patches of features: the most similar ones of a painting, and how matches are brought into line.

Features are (1, h, w, channels); positions are counted row by row, so that position p is in row p // w.
"""

import numpy as np
from keras import ops
from scipy.spatial.distance import cdist

SIDE = 3
"""Of a patch, in positions."""


def patches(features, positions):
    """The patches around some positions, the border repeated.

    Args:
        features: (1, h, w, channels).
        positions: (n,) whole numbers.

    Returns:
        (n, 9, channels).
    """
    _, height, width, channels = features.shape
    reach = SIDE // 2
    flat = ops.reshape(features, (height * width, channels))
    rows, columns = np.divmod(np.asarray(positions), width)
    around = [
        np.clip(rows + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1)
        for down in range(-reach, reach + 1)
        for right in range(-reach, reach + 1)
    ]
    return ops.take(flat, np.stack(around, axis=1), axis=0)


def nearest_patches(
    features: np.ndarray,
    positions: np.ndarray,
    painting: np.ndarray,
    traits: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    rows: int = 256,
):
    """For each patch of one image the most similar patch of another, by the cosine of their angle.

    The cosines are a product of matrices, `rows` patches at a time: memory does not grow with the number of positions,
    nor does the time with the size of the image that they are in.

    Args:
        features: Of the one, (1, h, w, channels), not negative.
        positions: Where its patches are, (n,).
        painting: Features of the other, (1, y, x, channels).
        traits: Of the positions and of all places of the painting, (n, k) and (y x, k): the squared distance of a
            place's from a position's is subtracted from the cosine. None for the cosine alone.
        rows: Patches compared at once.

    Returns:
        Positions in the painting, (n,).

    Source: Zhou, section 3.3.2; Luan et al. 2018, algorithm 1. Differs from the source: only rows under the mask are
    compared.
    """
    everywhere = np.arange(painting.shape[1] * painting.shape[2])
    candidates = _unit(np.asarray(patches(painting, everywhere)))
    own, theirs = traits or (np.zeros((len(positions), 1)), np.zeros((len(everywhere), 1)))
    found = np.empty(len(positions), int)
    for chunk in np.array_split(np.arange(len(positions)), max(1, -(-len(positions) // rows))):
        cosines = _unit(np.asarray(patches(features, positions[chunk]))) @ candidates.T
        found[chunk] = np.argmax(cosines - cdist(own[chunk], theirs, "sqeuclidean"), axis=1)
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    flat = vectors.reshape(len(vectors), -1)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


def consistent(matches: np.ndarray, positions: np.ndarray, width: int, painting: np.ndarray, window: int = 5):
    """Matches of which neighbors come from neighboring places of the painting, where they can.

    Each position takes, of what its neighbors propose (their own match, shifted by how far they are away), the place
    that looks most like all the others.

    Args:
        matches: Positions in the painting, (n,).
        positions: Where they are matches for, (n,), in an image of `width`.
        width: Of that image's features.
        painting: Features that tell likeness, (1, y, x, channels).
        window: Side of the neighborhood.

    Returns:
        Positions in the painting, (n,).

    Source: Luan et al. 2018, algorithm 2. Differs from the source: nothing.
    """
    _, height, across, channels = painting.shape
    flat = painting.reshape(-1, channels)
    place = {position: index for index, position in enumerate(positions)}
    reach = range(-(window // 2), window // 2 + 1)
    chosen = np.empty_like(matches)
    for index, position in enumerate(positions):
        row, column = divmod(position, width)
        proposed = []
        for down in reach:
            for right in reach:
                neighbor = place.get((row + down) * width + column + right) if 0 <= column + right < width else None
                if neighbor is None:
                    continue
                y, x = divmod(matches[neighbor], across)
                if 0 <= y - down < height and 0 <= x - right < across:
                    proposed.append((y - down) * across + x - right)
        looks = flat[proposed]
        # The sum of squared distances from all others is least for what is nearest to their mean.
        chosen[index] = proposed[np.argmin(np.square(looks - looks.mean(axis=0)).sum(axis=1))]
    return chosen


def blocks(positions: np.ndarray, width: int, factor: int) -> np.ndarray:
    """The positions of a finer layer that lie under some of a coarser one.

    Args:
        positions: Of the coarser layer, (n,), in rows of `width`.
        width: Of the coarser layer.
        factor: How many positions of the finer layer one of the coarser has on each side.

    Returns:
        Row and column in the finer layer, two arrays of (n factor^2,), block by block.
    """
    rows, columns = np.divmod(positions, width)
    within = np.arange(factor)
    down, right = factor * rows[:, None, None] + within[:, None], factor * columns[:, None, None] + within
    down, right = np.broadcast_arrays(down, right)
    return down.ravel(), right.ravel()
