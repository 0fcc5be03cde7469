"""Pictures that need no download: photographs installed with scikit-image, and dead leaves."""

import importlib.util
import math
from pathlib import Path

import cv2
import numpy as np

from keras_nst.errors import unknown

SAMPLES = {
    "astronaut": "astronaut.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "rocket": "rocket.jpg",
}
"""Photographs that scikit-image installs: our name, and its file."""

_SMALLEST = (2.0, 6.0)  # Radius in pixels, from cluttered to plain pictures.
_LARGEST = 0.4  # Radius as a share of the picture's side.
_COVERAGE = 4.0  # Mean number of leaves over a point. The ground is visible at exp(-4) = 2 % of the points.
_CORNERS = 24  # Corners of an outline; enough for all but the largest discs.
_SUBPIXEL_BITS = 4  # OpenCV takes corners in fixed point.

# The logarithms of natural colors vary independently in brightness, in yellow-blue and, least, in red-green:
# Ruderman et al. 1998, "Statistics of Cone Responses to Natural Images".
_OPPONENT_AXES = np.array([[0.41, 0.41, -0.82], [0.71, -0.71, 0.0]])
_OPPONENT_SPREAD = (0.3, 0.12)

# Strengths of a leaf's shading, stripes and grain.
_TEXTURE_SPREAD = (0.16, 0.08, 0.06)


def sample_path(name: str) -> Path:
    """The path of a sample photograph.

    Args:
        name: A name in `SAMPLES`.

    Raises:
        InputError: There is no such sample.
    """
    if name not in SAMPLES:
        raise unknown("sample", name, SAMPLES)
    # Importing scikit-image takes longer than reading the picture.
    (package,) = importlib.util.find_spec("skimage").submodule_search_locations
    return Path(package, "data", SAMPLES[name])


def dead_leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Make a picture of overlapping leaves, with statistics of natural photographs.

    Radii r have the density r^-3, so the picture looks alike at every scale: power falls as 1/f^2, and edges,
    occlusions and flat areas are as frequent as in photographs. Leaves are ellipses and polygons. Each has its own
    strength, positive or negative, of three textures: soft shading, stripes and grain.

    Args:
        rng: The random generator.
        size: Side in pixels.

    Returns:
        (size, size, 3) float32 in [0, 1].

    Source: Lee et al. 2001, "Occlusion Models for Natural Images"; as training pictures, Baradad et al. 2021, "Learning
    to See by Looking at Noise".
    Differs from the source: leaves have textures and several shapes; those of Lee et al. are plain discs.
    """
    radii, centers = _fallen(rng, size)
    count = len(radii)
    tints = np.exp(rng.laplace(0, _OPPONENT_SPREAD, (count, 2)) @ _OPPONENT_AXES)
    colors = np.minimum(rng.beta(1.2, 1.6, (count, 1)) * tints, 1)
    shares = np.clip(rng.laplace(0, _TEXTURE_SPREAD, (count, 3)), -0.5, 0.5)

    # OpenCV draws smooth edges only in 8 bits. Strengths are drawn like colors, so textures end where leaves end.
    canvas, textured = np.full((2, size, size, 3), 127, np.uint8)
    paints = np.rint(255 * colors).tolist(), np.rint(127 + 254 * shares).tolist()
    for outline, color, share in zip(_outlines(rng, radii, centers), *paints, strict=True):
        cv2.fillConvexPoly(canvas, outline, color, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.fillConvexPoly(textured, outline, share, cv2.LINE_AA, _SUBPIXEL_BITS)
    amounts = (textured.astype(np.float32) - 127) / 254
    light = 1 + np.sum(amounts * _textures(rng, size), axis=-1, keepdims=True)
    return np.clip(canvas / np.float32(255) * light, 0, 1)


def _fallen(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Radii (K,) and centers (K, 2), in pixels, of the leaves that touch a picture."""
    smallest = math.exp(rng.uniform(*np.log(_SMALLEST)))
    largest = max(_LARGEST * size, 2 * smallest)
    span = smallest**-2 - largest**-2
    mean_area = 2 * math.pi * math.log(largest / smallest) / span  # pi times the mean of r^2 under r^-3.
    count = int(_COVERAGE * (size + 2 * largest) ** 2 / mean_area)
    radii = (smallest**-2 - rng.random(count) * span) ** -0.5  # The inverse of the distribution function.
    centers = rng.uniform(-largest, size + largest, (count, 2))
    touching = np.all(np.abs(centers - size / 2) < size / 2 + radii[:, None], axis=1)
    return radii[touching], centers[touching]


def _outlines(rng: np.random.Generator, radii: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Corners (K, _CORNERS, 2) in fixed point of ellipses, and of polygons with 3 to 6 corners."""
    count = len(radii)
    corners = np.where(rng.random(count) < 0.5, _CORNERS, rng.integers(3, 7, count))[:, None]
    # A polygon with fewer corners repeats some.
    angles = np.arange(_CORNERS) * corners // _CORNERS * (2 * np.pi / corners)
    # Stretching keeps the area of an ellipse, so the distribution of radii still holds.
    stretch = np.exp(rng.normal(0, 0.3, (count, 1)))
    x, y = stretch * np.cos(angles), np.sin(angles) / stretch
    turn = rng.uniform(0, 2 * np.pi, (count, 1))
    turned = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1)
    return np.rint((centers[:, None] + radii[:, None, None] * turned) * 2**_SUBPIXEL_BITS).astype(np.int32)


def _textures(rng: np.random.Generator, size: int) -> np.ndarray:
    """Shading, stripes and grain, (size, size, 3) float32, with mean 0 and a standard deviation of about 1."""

    def noise(cells: int) -> np.ndarray:
        return cv2.resize(rng.standard_normal((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)

    shading = 1.5 * noise(4)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    direction, period = rng.uniform(0, math.pi), rng.uniform(4, 16)
    across = x * math.cos(direction) + y * math.sin(direction)
    stripes = 1.4 * np.sin(2 * math.pi / period * across + 2 * shading)
    grain = 0.7 * noise(size) + 0.7 * noise(max(1, size // 2))
    return np.stack([shading, stripes, grain], axis=-1)
