"""Distances of sets computed again from their formulas, without code of keras_nst."""

import numpy as np


def frechet(first, second):
    """Heusel et al. 2017, eq. (6). The trace of a matrix root is the sum of the roots of the eigenvalues."""
    mean, covariance = first.mean(axis=0), np.cov(first.T)
    other_mean, other_covariance = second.mean(axis=0), np.cov(second.T)
    eigenvalues = np.linalg.eigvals(covariance @ other_covariance)
    root = np.sqrt(np.maximum(eigenvalues.real, 0)).sum()
    return np.sum((mean - other_mean) ** 2) + np.trace(covariance) + np.trace(other_covariance) - 2 * root


def kernel_distance(first, second):
    """Binkowski et al. 2018, eq. (4), pair by pair."""

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(points):
        pairs = [kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in first for y in second]
    return within(first) + within(second) - 2 * sum(across) / len(across)
