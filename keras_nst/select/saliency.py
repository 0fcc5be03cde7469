"""Saliency maps of photographs, computed from colors and the picture's border."""

import math

import cv2
import numba
import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.csgraph import floyd_warshall
from scipy.sparse.linalg import spsolve
from scipy.spatial.distance import cdist
from skimage.morphology import reconstruction
from skimage.segmentation import slic

from keras_nst.errors import unknown
from keras_nst.pictures.picture import Picture, resize

WORKING_SIDE = 300
"""Longest side, in pixels, of the picture that is analyzed; as in MBD, and about RBD's 400 x 300."""

_LEAST_RANGE = 1e-6  # A smaller range is due to rounding.

# RBD, section 3.2 and eqs. (3), (6), (7) and (10).
_SUPERPIXELS = 200
_COMPACTNESS = 10.0
_SLIC_STEPS = 5  # Half of the usual number; they take most of the time, and the maps are no worse.
_SIGMA_COLOR = 10.0
_SIGMA_SPACE = 0.25
_SIGMA_CONNECTIVITY = 1.0
_LEAST_AFFINITY = 0.1

# MBD, sections 3.2, 4.2 and 4.3.
_SCANS = 3
_MARGIN = 0.1  # Width of the border regions, as a share of the side.
_NOISE = 10.0  # Variance added to Lab colors, so that a plain border does not exaggerate small differences.
_SMOOTHING = 25.0
_STEEPNESS = 10.0


def saliency(rgb: np.ndarray, method: str = "rbd+mbd") -> np.ndarray:
    """Compute a saliency map.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].
        method: "rbd", "mbd", or "rbd+mbd" for the mean of both.

    Returns:
        (1, h, w, 1) float32 in [0, 1], high on the subject.

    Raises:
        InputError: There is no such method.
    """
    detectors = {"rbd+mbd": (rbd, mbd), "rbd": (rbd,), "mbd": (mbd,)}
    if method not in detectors:
        raise unknown("`method`", method, detectors)
    return np.mean([detect(rgb) for detect in detectors[method]], axis=0)


def rbd(rgb: np.ndarray) -> np.ndarray:
    """Saliency by robust background detection: contrast with regions that take up much of the border.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].

    Returns:
        (1, h, w, 1) float32 in [0, 1]; zeros for a plain picture.

    Source: Zhu et al. 2014, "Saliency Optimization from Robust Background Detection".
    Differs from the source: the picture is shrunk to `WORKING_SIDE`, and the map enlarged bilinearly. SLIC stops after
    five steps. The contrast (8) is stretched to [0, 1] before (9), and so is the result.
    """
    lab = _lab(rgb)
    regions = superpixels(lab)
    color, position = _means(regions, lab)
    adjacent, border = _neighbors(regions)
    # As in the paper, all border regions are connected, in case the subject divides the background.
    joined = adjacent | np.outer(border, border)
    difference = cdist(color, color)
    geodesic = floyd_warshall(np.ma.array(difference, mask=~joined))  # Eq. (2). Unmasked zeros would not be edges.
    background = 1 - _gaussian(boundary_connectivity(geodesic, border), _SIGMA_CONNECTIVITY)  # Eq. (7).
    nearness = _gaussian(cdist(position, position), _SIGMA_SPACE)
    contrast = _stretched((difference * nearness) @ background)  # Eq. (8).
    affinity = adjacent * (_gaussian(difference, _SIGMA_COLOR) + _LEAST_AFFINITY)  # Eq. (10).
    return saliency_map(optimize(background, contrast, affinity)[regions], *rgb.shape[1:3])


def superpixels(lab: np.ndarray) -> np.ndarray:
    """Divide a picture into about 200 regions of similar color and size.

    Args:
        lab: The picture in CIELAB, (h, w, 3) float32.

    Returns:
        The region of each pixel, (h, w), consecutive integers from 0.

    Source: Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods".
    """
    # scikit-image stretches colors to [0, 1], so compactness must be scaled as well.
    compactness = _COMPACTNESS / max(np.ptp(lab), _LEAST_RANGE)
    return slic(
        lab,
        n_segments=_SUPERPIXELS,
        compactness=compactness,
        max_num_iter=_SLIC_STEPS,
        convert2lab=False,
        start_label=0,
    )


def boundary_connectivity(geodesic: np.ndarray, border: np.ndarray) -> np.ndarray:
    """How much of the picture's border belongs to the surroundings of each region, relative to their size.

    Args:
        geodesic: Distances between regions, (n, n).
        border: Whether regions touch the border, (n,) bool.

    Returns:
        Length along the border divided by the square root of the area, both counted in regions, (n,).

    Source: Zhu et al. 2014, eqs. (3) to (5).
    """
    similarity = _gaussian(geodesic, _SIGMA_COLOR)
    return similarity[:, border].sum(axis=1) / np.sqrt(similarity.sum(axis=1))


def optimize(background: np.ndarray, foreground: np.ndarray, affinity: np.ndarray) -> np.ndarray:
    """Find values that are low in the background, high in the foreground, and similar for similar regions.

    Args:
        background: Weight of each region as background, (n,) in [0, 1].
        foreground: Weight of each region as foreground, (n,) in [0, 1].
        affinity: Weight of each pair of regions, (n, n), symmetric, zero if they do not touch.

    Returns:
        s, (n,), that minimizes sum_i b_i s_i^2 + sum_i f_i (s_i - 1)^2 + sum_{i<j} a_ij (s_i - s_j)^2.

    Source: Zhu et al. 2014, eq. (9).
    """
    normal = np.diag(background + foreground + affinity.sum(axis=1)) - affinity
    return spsolve(csc_array(normal), foreground)  # A dense solver starts threads, which costs more.


def mbd(rgb: np.ndarray) -> np.ndarray:
    """Saliency by minimum barrier distances: regions that no smooth path connects to the border.

    Args:
        rgb: The photograph, (1, h, w, 3) float32 in [0, 1].

    Returns:
        (1, h, w, 1) float32 in [0, 1]; zeros for a plain picture.

    Source: Zhang et al. 2015, "Minimum Barrier Salient Object Detection at 80 FPS", the method MB+ with the
    post-processing of section 4.3.
    Differs from the source: maps are stretched to [0, 1]; the paper only scales their maximum to 1. The smoothing
    kernel is half as wide as in the authors' program, which keeps narrow gaps and limbs, and is smaller for pictures
    smaller than `WORKING_SIDE`. Artificial frames are not cut off. The map is enlarged bilinearly.
    """
    lab = _lab(rgb)
    barrier = sum(barrier_distance(channel) for channel in np.moveaxis(lab, -1, 0))
    found = _stretched(barrier) + _stretched(backgroundness(lab))
    found = _stretched(_smoothed(_stretched(found * _centeredness(*found.shape))))
    contrast = 1 / (1 + np.exp(-_STEEPNESS * (found - 0.5)))  # Eq. (11).
    return saliency_map(contrast, *rgb.shape[1:3])


def barrier_distance(channel: np.ndarray) -> np.ndarray:
    """An upper bound of each pixel's minimum barrier distance to the border; close to it in photographs.

    The barrier of a path is the difference of its highest and lowest value. Three raster scans pass the best path found
    so far from pixel to pixel.

    Args:
        channel: Any values, (h, w) float32.

    Returns:
        Distances, (h, w) float32, zero on the border.

    Source: Zhang et al. 2015, algorithm 1 (FastMBD).
    """
    distance = np.zeros_like(channel)
    distance[1:-1, 1:-1] = np.inf
    state = channel, distance, channel.copy(), channel.copy()
    for scan in range(_SCANS):
        step = 1 if scan % 2 == 0 else -1  # An inverse scan is a scan of the picture rotated by 180 degrees.
        _scan(*(values[::step, ::step] for values in state))
    return distance


@numba.njit
def _scan(channel, distance, highest, lowest):
    """One raster scan from the first pixel to the last, in place."""
    height, width = channel.shape
    for row in range(1, height):
        for column in range(1, width):
            value = channel[row, column]
            for above, before in ((row - 1, column), (row, column - 1)):
                high, low = max(highest[above, before], value), min(lowest[above, before], value)
                if high - low < distance[row, column]:
                    distance[row, column], highest[row, column], lowest[row, column] = high - low, high, low


def backgroundness(lab: np.ndarray) -> np.ndarray:
    """Distance of each pixel's color from the colors at the picture's four edges.

    The largest of the four Mahalanobis distances is left out, since the subject may touch one edge.

    Args:
        lab: The picture in CIELAB, (h, w, 3) float32.

    Returns:
        (h, w) float32 in [0, 3], low in the background.

    Source: Zhang et al. 2015, section 4.2.
    Differs from the source: a small variance is added to each edge's colors, as in the authors' program.
    """
    rows, columns = (max(1, round(_MARGIN * side)) for side in lab.shape[:2])
    distances = []
    for edge in (lab[:rows], lab[-rows:], lab[:, :columns], lab[:, -columns:]):
        colors = edge.reshape(-1, 3)
        covariance = np.cov(colors.T, bias=True) + _NOISE * np.eye(3)
        whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        whitened = cv2.transform(lab, np.column_stack([whitening, -whitening @ colors.mean(axis=0)]))
        distances.append(_stretched(np.sqrt(np.einsum("hwc,hwc->hw", whitened, whitened))))
    return np.sum(distances, axis=0) - np.max(distances, axis=0)


def saliency_map(found: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert values found in a small picture to a map of the large one.

    Args:
        found: Values of any range, (h, w).
        height: Height of the map.
        width: Width of the map.

    Returns:
        The values stretched to [0, 1] and resized bilinearly, (1, height, width, 1) float32.
    """
    resized = cv2.resize(_stretched(found).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(1, height, width, 1)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """The picture at working size in CIELAB, (h, w, 3) float32."""
    return cv2.cvtColor(resize(Picture(rgb), WORKING_SIDE).rgb[0], cv2.COLOR_RGB2LAB)


def _stretched(values: np.ndarray) -> np.ndarray:
    lowest = values.min()
    return (values - lowest) / max(values.max() - lowest, _LEAST_RANGE)


def _gaussian(distance: np.ndarray, sigma: float) -> np.ndarray:
    return np.exp(-(distance**2) / (2 * sigma**2))


def _means(regions: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean color (n, 3) and mean position (n, 2), in units of the picture's sides, of each region."""
    rows, columns = np.indices(regions.shape) / np.reshape(regions.shape, (2, 1, 1))
    flat = regions.ravel()
    sums = [np.bincount(flat, values.ravel()) for values in (*np.moveaxis(lab, -1, 0), rows, columns)]
    means = np.stack(sums, axis=-1) / np.bincount(flat)[:, None]
    return means[:, :3], means[:, 3:]


def _neighbors(regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which regions touch each other, (n, n) bool, and which touch the border, (n,) bool."""
    count = regions.max() + 1
    adjacent, border = np.zeros((count, count), bool), np.zeros(count, bool)
    adjacent[regions[1:], regions[:-1]] = True
    adjacent[regions[:, 1:], regions[:, :-1]] = True
    np.fill_diagonal(adjacent, False)
    for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        border[edge] = True
    return adjacent | adjacent.T, border


def _centeredness(height: int, width: int) -> np.ndarray:
    """1 at the center, falling linearly to 0 in the corners, (height, width) float32."""
    rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    return 1 - np.hypot(rows[:, None], columns) / np.float32(math.sqrt(2))


def _smoothed(found: np.ndarray) -> np.ndarray:
    """Remove spots and holes but keep outlines, by opening and closing with reconstruction.

    Args:
        found: (h, w) float32 in [0, 1].

    Returns:
        (h, w) uint8.

    Source: Zhang et al. 2015, section 4.3 and eq. (9).
    """
    radius = int(_SMOOTHING * math.sqrt(found.mean()) * max(found.shape) / WORKING_SIDE / 2)
    kernel = np.ones((2 * max(radius, 1) + 1,) * 2, np.uint8)
    levels = np.rint(255 * found).astype(np.uint8)
    opened = reconstruction(cv2.erode(levels, kernel), levels).astype(np.uint8)
    return reconstruction(cv2.dilate(opened, kernel), opened, "erosion").astype(np.uint8)
