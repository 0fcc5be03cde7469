"""Patches of features: find the most similar patches of a painting, and make neighboring matches consistent.

Features are (1, h, w, channels). Positions are numbered row by row: position p is in row p // w.
"""

import numpy as np
from scipy.ndimage import convolve1d
from scipy.spatial.distance import cdist

SIDE = 3
"""Default side of a patch, in positions."""


def patches(features: np.ndarray, positions: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Cut out the patches centered at some positions. Beyond the border its values are repeated.

    Args:
        features: (1, h, w, channels).
        positions: (n,) integers.
        side: Side of the patches in positions, odd.

    Returns:
        (n, side^2, channels).
    """
    _, height, width, channels = features.shape
    reach = side // 2
    rows, columns = np.divmod(np.asarray(positions), width)
    around = [
        np.clip(rows + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1)
        for down in range(-reach, reach + 1)
        for right in range(-reach, reach + 1)
    ]
    return features.reshape(-1, channels)[np.stack(around, axis=1)]


def nearest_patches(
    features: np.ndarray,
    positions: np.ndarray,
    painting: np.ndarray,
    traits: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    places: np.ndarray | None = None,
    side: int = SIDE,
    rows: int = 256,
    columns: int = 4096,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the painting's most similar patch for each patch of an image, by cosine similarity.

    The similarities are computed as matrix products of `rows` by `columns` patches. So memory grows neither with the
    number of positions nor with the painting, and time does not grow with the image.

    Args:
        features: Features of the image, (1, h, w, channels).
        positions: Centers of the image's patches, (n,).
        painting: Features of the painting, (1, y, x, channels).
        traits: Additional features of `positions`, (n, k), and of all positions in the painting, (y x, k). Their
            squared distance is subtracted from the cosine. None for the cosine alone.
        places: Centers of the painting's patches, (m,); None for all positions.
        side: Side of the patches in positions, odd.
        rows: Number of the image's patches per product.
        columns: Number of the painting's patches per product.

    Returns:
        The matches, positions in the painting, (n,), the first if several are equal; and their similarities, (n,).

    Source: Zhou, section 3.3.2; Luan et al. 2018, algorithm 1.
    Differs from the source: only positions under the mask are compared.
    """
    found, best = np.zeros(len(positions), int), np.full(len(positions), -np.inf)
    if places is None:
        places = np.arange(painting.shape[1] * painting.shape[2])
    for some in np.array_split(places, _parts(len(places), columns)):
        candidates = _unit(patches(painting, some, side))
        for chunk in np.array_split(np.arange(len(positions)), _parts(len(positions), rows)):
            likeness = _unit(patches(features, positions[chunk], side)) @ candidates.T
            if traits is not None:
                likeness = likeness - cdist(traits[0][chunk], traits[1][some], "sqeuclidean")
            nearest = np.argmax(likeness, axis=1)
            reached = np.take_along_axis(likeness, nearest[:, None], axis=1)[:, 0]
            better = reached > best[chunk]
            found[chunk[better]], best[chunk[better]] = some[nearest[better]], reached[better]
    return found, best


def nearest_grams(
    features: np.ndarray, positions: np.ndarray, painting: np.ndarray, *, side: int = SIDE, products: int = 2**24
) -> tuple[np.ndarray, np.ndarray]:
    """Find the painting's patch whose Gram matrix is nearest to that of each patch of an image.

    The squared distance of two Gram matrices is ||F F^T||^2 - 2 ||F F'^T||^2 + ||F' F'^T||^2 (see `gram_product`). The
    term in the middle sums the squared products of all pairs of features of the two patches. So the features of the
    image's patch are multiplied with all of the painting's features, and the squares are summed over each neighborhood.

    Args:
        features: Features of the image, (1, h, w, channels).
        positions: Centers of the image's patches, (n,).
        painting: Features of the painting, (1, y, x, channels).
        side: Side of the patches in positions, odd.
        products: Number of products in memory at a time.

    Returns:
        The matches, positions in the painting, (n,), the first if several are equal; and the squared distances, (n,).

    Source: Zhou, section 3.3.2.
    Differs from the source: this is the exact minimum; the paper takes the patch with the largest cosine.
    """
    _, height, width, channels = painting.shape
    flat = painting.reshape(-1, channels)
    norms = np.concatenate(
        [
            _gram_norms(patches(painting, some, side))
            for some in np.array_split(np.arange(len(flat)), _parts(len(flat) * side**2 * channels, products))
        ]
    )
    found, least = np.zeros(len(positions), int), np.zeros(len(positions))
    for chunk in np.array_split(np.arange(len(positions)), _parts(len(positions) * side**2 * len(flat), products)):
        own = patches(features, positions[chunk], side)
        shared = np.square(own @ flat.T).sum(axis=1).reshape(-1, height, width)
        for axis in (1, 2):
            shared = convolve1d(shared, np.ones(side), axis=axis, mode="nearest")
        apart = norms - 2 * shared.reshape(len(chunk), len(flat))
        found[chunk] = np.argmin(apart, axis=1)
        least[chunk] = _gram_norms(own) + np.min(apart, axis=1)
    return found, least


def _gram_norms(patches: np.ndarray) -> np.ndarray:
    """The squared norm of each patch's Gram matrix, (n,)."""
    return np.square(patches @ patches.swapaxes(1, 2)).sum(axis=(1, 2))


def _parts(count: int, size: int) -> int:
    """Number of parts, at least 1, that `count` is split into so that none exceeds `size`."""
    return max(1, -(-count // size))


def _unit(vectors: np.ndarray) -> np.ndarray:
    flat = vectors.reshape(len(vectors), -1)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


def consistent(matches: np.ndarray, positions: np.ndarray, width: int, painting: np.ndarray, window: int = 5):
    """Make matches consistent: neighbors shall come from neighboring positions in the painting.

    Each neighbor proposes its own match, shifted by the offset between the two. A position takes the proposal whose
    features are nearest to those of all proposals.

    Args:
        matches: Positions in the painting, (n,).
        positions: The positions in the image that they match, (n,).
        width: Width of the image's features.
        painting: The painting's features, by which proposals are compared, (1, y, x, channels).
        window: Side of the neighborhood, in positions.

    Returns:
        Positions in the painting, (n,).

    Source: Luan et al. 2018, algorithm 2.
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
        # The proposal nearest to the mean has the least sum of squared distances to all proposals.
        chosen[index] = proposed[np.argmin(np.square(looks - looks.mean(axis=0)).sum(axis=1))]
    return chosen
