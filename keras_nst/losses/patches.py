"""Patches of features: the most similar ones of a painting, and how matches are brought into line.

Features are (1, h, w, channels); positions are counted row by row, so that position p is in row p // w.
"""

import numpy as np
from scipy.spatial.distance import cdist

SIDE = 3
"""Of a patch, in positions."""


def patches(features: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The patches around some positions, the border repeated.

    Args:
        features: (1, h, w, channels).
        positions: (n,) whole numbers.

    Returns:
        (n, 9, channels).
    """
    _, height, width, channels = features.shape
    reach = SIDE // 2
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
    rows: int = 256,
    columns: int = 4096,
) -> tuple[np.ndarray, np.ndarray]:
    """For each patch of one image the most similar patch of another, by the cosine of their angle.

    The cosines are products of matrices, of `rows` patches with `columns` others: memory grows neither with the number
    of positions nor with the size of the painting, nor does the time with the size of the image that they are in.

    Args:
        features: Of the one, (1, h, w, channels), not negative.
        positions: Where its patches are, (n,).
        painting: Features of the other, (1, y, x, channels).
        traits: Of the positions and of all places of the painting, (n, k) and (y x, k): the squared distance of a
            place's from a position's is subtracted from the cosine. None for the cosine alone.
        places: Where the painting's patches are, (m,); None for everywhere.
        rows: Patches compared at once.
        columns: Patches that they are compared with at once.

    Returns:
        Positions in the painting, (n,), of equals the first; and how much alike the patches are, (n,).

    Source: Zhou, section 3.3.2; Luan et al. 2018, algorithm 1. Differs from the source: only rows under the mask are
    compared.
    """
    found, best = np.zeros(len(positions), int), np.full(len(positions), -np.inf)
    if places is None:
        places = np.arange(painting.shape[1] * painting.shape[2])
    for some in np.array_split(places, _parts(len(places), columns)):
        candidates = _unit(patches(painting, some))
        for chunk in np.array_split(np.arange(len(positions)), _parts(len(positions), rows)):
            likeness = _unit(patches(features, positions[chunk])) @ candidates.T
            if traits is not None:
                likeness = likeness - cdist(traits[0][chunk], traits[1][some], "sqeuclidean")
            nearest = np.argmax(likeness, axis=1)
            reached = np.take_along_axis(likeness, nearest[:, None], axis=1)[:, 0]
            better = reached > best[chunk]
            found[chunk[better]], best[chunk[better]] = some[nearest[better]], reached[better]
    return found, best


def _parts(count: int, size: int) -> int:
    """Into how many parts of at most `size` a count is split."""
    return max(1, -(-count // size))


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
