"""Minimum barriers and the cost of saliency, computed again from their definitions, without code of keras_nst."""

import heapq

import numpy as np


def lowest_peaks(values, allowed):
    """The lowest maximum on a path from the border to each cell over allowed cells, by Dijkstra's algorithm."""
    height, width = values.shape
    peaks = np.full(values.shape, np.inf)
    border = [(y, x) for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    queue = [(values[cell], cell) for cell in border if allowed[cell]]
    heapq.heapify(queue)
    while queue:
        peak, (y, x) = heapq.heappop(queue)
        if peak >= peaks[y, x]:
            continue
        peaks[y, x] = peak
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= near[0] < height and 0 <= near[1] < width and allowed[near]:
                heapq.heappush(queue, (max(peak, values[near]), near))
    return peaks


def barrier_distance(values):
    """The exact distance: the minimum, over all floors, of the lowest peak of paths at or above the floor, minus the
    floor.
    """
    return np.min([lowest_peaks(values, values >= floor) - floor for floor in np.unique(values)], axis=0)


def cost(saliency, background, foreground, affinity):
    """Zhu et al. 2014, eq. (9); each pair of regions counts once."""
    total = sum(b * s**2 for b, s in zip(background, saliency, strict=True))
    total += sum(f * (s - 1) ** 2 for f, s in zip(foreground, saliency, strict=True))
    for i in range(len(saliency)):
        total += sum(affinity[i, j] * (saliency[i] - saliency[j]) ** 2 for j in range(i))
    return total


def f_measure(found, expected, precision_weight=0.3):
    """The F-measure of two bool masks with beta^2 = 0.3, which is usual for saliency."""
    hits = np.sum(found & expected)
    precision, recall = hits / max(found.sum(), 1), hits / max(expected.sum(), 1)
    return (1 + precision_weight) * precision * recall / max(precision_weight * precision + recall, 1e-9)
