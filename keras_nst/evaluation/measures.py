"""Measures of one result or of a set of results, and the confidence interval of a mean: pure functions of arrays.

A picture is (height, width, 3) in [0, 1], a map is (height, width).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import fft, ndimage
from scipy.special import rel_entr
from skimage.color import rgb2lab
from skimage.filters import sobel
from skimage.metrics import structural_similarity

from keras_nst.pictures.color import luma

BORDER = 16
"""Width in pixels of a picture's border."""

# Multiples of 4 pixels, the period that two up-samplings by 2 can leave. Strokes are self-similar at distances up to a
# dozen pixels, a grid also at larger ones.
_LAGS = range(20, 52, 4)
# A standard deviation of half an 8-bit level. Anything fainter is lost in the file.
_VISIBLE = 0.5 / 255

REPEATS = 3, 24
"""Minimum and maximum period of a weave in pixels."""

# Standard deviation of the Gaussian that separates shading. The widest weave keeps 99 % of its contrast.
_SHADING = REPEATS[1] / 2
# Maximum standard deviation of a flat area, five 8-bit levels, in squares of about the size of a brush stroke.
_FLAT, _FLAT_SIDE = 5 / 255, 17
# Minimum number of pixels of an area, a square of 64, and of pairs at one shift. For n pairs of noise the correlation
# is about 1 / sqrt(n), and the maximum over all shifts about three times that.
_AREA, _PAIRS = 4096, 2048


def normalized(values: np.ndarray) -> np.ndarray:
    """Scale a map to the range from 0 to 1; a constant map becomes 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def ssim(first: np.ndarray, second: np.ndarray, inside: np.ndarray | None = None) -> float:
    """Structural similarity of two maps in [0, 1]: 1 for equal maps, 0 for unrelated ones, at least -1.

    Args:
        first: A map.
        second: A map of the same shape.
        inside: Pixels that count, (height, width) bool; None for all but the outer three.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", eq. (13), in
    scikit-image's implementation with a window of 7x7.
    """
    mean, places = structural_similarity(first, second, data_range=1, full=True)
    return float(mean if inside is None else places[inside].mean())


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of the areas where two maps reach half of their maximum: 1 if equal, 0 if disjoint.

    Args:
        first: A map, not negative.
        second: A map, not negative.
    """
    one, other = prominent(first), prominent(second)
    return float(np.sum(one & other) / np.sum(one | other))


def prominent(values: np.ndarray) -> np.ndarray:
    """The area where a map reaches half of its maximum, (height, width) bool."""
    return values >= values.max() / 2


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson correlation of two maps, -1 to 1; 0 if one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def edges(picture: np.ndarray) -> np.ndarray:
    """Magnitude of the Sobel gradient of the luma, a map in [0, 1]."""
    return sobel(luma(picture)[..., 0])


def color_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of the colors' a and b in CIELAB: 0 for equal ones; about 2 is just noticeable.

    Source: CIE 1976.
    Differs from the source: lightness is ignored.
    """
    difference = rgb2lab(first)[..., 1:] - rgb2lab(second)[..., 1:]
    return float(np.mean(np.linalg.norm(difference, axis=-1)))


def checkerboard(picture: np.ndarray) -> float:
    """The share of a grid in the fine detail: 1 for a perfect grid of 2 or 4 pixels, about 0 for a photograph.

    The autocorrelation of the luma's differences at lags of 20, 24 ... 48 pixels, minus that at the odd lags next to
    them, averaged over both directions. It does not depend on contrast, and is 0 if there is no detail that 8 bits can
    represent.

    Args:
        picture: A picture of at least 64x64 pixels.
    """
    brightness = luma(picture)[..., 0]
    return max(0.0, float(np.mean([_periodicity(brightness), _periodicity(brightness.T)])))


def _periodicity(lines: np.ndarray) -> float:
    """How far the autocorrelation along rows at multiples of the period exceeds that at the lags around, and 0."""
    detail = np.diff(lines, axis=1)
    energy = np.mean(np.square(detail))
    if energy < _VISIBLE**2:
        return 0.0

    def correlation(shift: int) -> float:
        return np.mean([np.mean(detail[:, lag + shift :] * detail[:, : -lag - shift]) for lag in _LAGS]) / energy

    return correlation(0) - max(0, (correlation(-1) + correlation(1)) / 2)


def flat(photograph: np.ndarray) -> np.ndarray:
    """The area where a photograph has little detail, such as the sky: (height, width) bool.

    The standard deviation of the luma in the surrounding 17x17 pixels is less than 5 of 255 levels.
    """
    brightness = luma(photograph)[..., 0].astype(np.float64)
    mean = ndimage.uniform_filter(brightness, _FLAT_SIDE)
    return ndimage.uniform_filter(brightness**2, _FLAT_SIDE) - mean**2 < _FLAT**2


def weave(picture: np.ndarray, inside: np.ndarray) -> float | None:
    """How regular a picture's texture is: 1 for a perfect hatch or grid, near 0 for irregular strokes and noise.

    The maximum of `repetition`: the share of the weave in the variance. It does not depend on contrast and brightness.
    It is lower for a weave whose direction or period changes from place to place.

    Args:
        picture: The picture.
        inside: Pixels that count, (height, width) bool.

    Returns:
        0 to 1; 0 without contrast that 8 bits can represent. None if fewer than 4096 pixels count.
    """
    if np.count_nonzero(inside) < _AREA:
        return None
    return float(repetition(picture, inside).max())


def repetition(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How much a picture's luma repeats at each shift: the peaks of its autocorrelation.

    Broad shading is subtracted first. The height of a peak is measured above the minimum (at least 0) on the straight
    line to the center. This excludes the central peak, down to its first minimum, and its ridges along strokes.

    Args:
        picture: The picture.
        inside: Pixels that count, (height, width) bool. Both pixels of a pair must.

    Returns:
        (49, 49) in [0, 1], with the zero shift in the middle; 0 for shifts of less than 3 or more than 24 pixels, and
        for those with fewer than 2048 pairs.

    Source: for the correlation inside a mask Padfield 2012, "Masked object registration in the Fourier domain".
    Differs from the source: a Gaussian mean around each pixel is subtracted, not the mean of all overlapping pixels.
    """
    correlation, pairs = _autocorrelation(_without_shading(luma(picture)[..., 0], inside), inside)
    reach = REPEATS[1]
    shifts = np.indices(correlation.shape) - reach
    lines = reach + shifts[..., None] * np.linspace(0, 1, 2 * reach + 1)
    lowest = ndimage.map_coordinates(correlation, lines, order=1).min(axis=-1)
    distance = np.hypot(*shifts)
    counted = (distance >= REPEATS[0]) & (distance <= reach) & (pairs >= _PAIRS)
    return np.where(counted, np.clip(correlation - np.maximum(lowest, 0), 0, 1), 0)


def _without_shading(brightness: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Subtract the local mean, computed inside only. The result is 0 outside, and everywhere if it is too faint."""
    weights = inside.astype(np.float64)
    total, share = (
        ndimage.gaussian_filter(values, _SHADING, mode="constant") for values in (weights * brightness, weights)
    )
    detail = np.where(inside, brightness - total / np.where(inside, share, 1), 0)
    return detail if np.sum(detail**2) >= _VISIBLE**2 * np.sum(weights) else np.zeros_like(detail)


def _autocorrelation(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The correlation of pairs, in [-1, 1], and the number of pairs, at each shift. Values must be 0 outside."""
    reach = REPEATS[1]
    shape = [fft.next_fast_len(side + reach, real=True) for side in values.shape]
    ones, first, square = (fft.rfft2(array, shape) for array in (inside.astype(np.float64), values, values**2))

    def sums(one, other):
        """The sum of the products of `one` and the shifted `other`, at each shift."""
        found = fft.irfft2(np.conj(one) * other, shape)
        return np.roll(found, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]

    energy = np.sqrt(np.maximum(sums(square, ones) * sums(ones, square), 0))
    visible = energy > _VISIBLE**2
    return np.where(visible, sums(first, first) / np.where(visible, energy, 1), 0), np.rint(sums(ones, ones))


def border(picture: np.ndarray) -> float:
    """How much the outer 16 pixels differ from the inside: 0 for no difference, 2 and more for a frame.

    The difference of the mean luma plus that of its standard deviation, divided by the standard deviation of the whole
    picture, so that it does not depend on contrast; 0 for a plain picture.
    """
    brightness = luma(picture)[..., 0]
    spread = brightness.std()
    if spread < _VISIBLE:
        return 0.0
    within = np.zeros(brightness.shape, bool)
    within[BORDER:-BORDER, BORDER:-BORDER] = True
    inside, outside = brightness[within], brightness[~within]
    return float((abs(outside.mean() - inside.mean()) + abs(outside.std() - inside.std())) / spread)


def seam(picture: np.ndarray, painting: np.ndarray, mask: np.ndarray) -> float:
    """How sharp an object's outline is: 1 if as sharp as the painting's own outlines, 0 if invisible.

    The mean gradient of the luma at the pixels on both sides of the mask's edge, divided by its mean over the tenth of
    the painting's pixels where it is strongest. The border of the picture does not count as an outline.

    Args:
        picture: The picture with the object.
        painting: The painting without it.
        mask: Mask of the object, a map; values above 0.5 count.
    """
    inside = np.uint8(mask > 0.5)
    around = np.ones((3, 3), np.uint8)
    outline = cv2.dilate(inside, around) > cv2.erode(inside, around, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    if not outline.any():
        return 0.0
    own = edges(painting)
    strongest = np.sort(own, axis=None)[-max(1, own.size // 10) :].mean()
    return float(edges(picture)[outline].mean() / max(strongest, _VISIBLE))


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of two sets of points, as samples of Gaussians: 0 for equal means and covariances.

    It is biased: smaller sets have larger distances. Compare values only for sets of the same sizes.

    Args:
        first: Points, (n, dimensions), at least two.
        second: Points, (m, dimensions), at least two.

    Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule", eq. (6) (FID); Li et al. 2020, eq. (8),
    where the square of the difference of the means is missing.
    Differs from the source: the trace of the square root is computed as the nuclear norm of the product of the
    covariances' factors, which is equal and needs no matrix square root.
    """
    factors = []
    for points in (first, second):
        centered = np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
        # The factor R of a QR decomposition has the same covariance, and at most as many rows as columns.
        factors.append(np.linalg.qr(centered / np.sqrt(len(points) - 1), mode="r"))
    one, other = factors
    shift = np.mean(first, axis=0, dtype=np.float64) - np.mean(second, axis=0, dtype=np.float64)
    distance = shift @ shift + np.sum(one**2) + np.sum(other**2) - 2 * np.linalg.norm(one @ other.T, "nuc")
    return max(0.0, float(distance))  # Negative only by rounding.


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared maximum mean discrepancy of two sets of points: 0 on average for samples of the same distribution.

    It is unbiased for sets of any size, so for similar sets it may be slightly negative.

    Args:
        first: Points, (n, dimensions), at least two.
        second: Points, (m, dimensions), at least two.

    Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4 (KID): the kernel (x y / dimensions + 1)^3.
    Differs from the source: all points are used at once; the authors' program averages over small subsets.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)

    def kernel(one, other):
        return (one @ other.T / one.shape[1] + 1) ** 3

    def within(points):
        products = kernel(points, points)
        return (products.sum() - products.trace()) / (len(points) * (len(points) - 1))

    return float(within(first) + within(second) - 2 * kernel(first, second).mean())


def class_score(probabilities: np.ndarray) -> float:
    """How confident and how varied the classes are: from 1 (no class, or always the same) to the number of classes.

    Args:
        probabilities: Class probabilities of each picture, (n, classes); rows sum to 1.

    Returns:
        exp of the mean Kullback-Leibler divergence of the rows from their mean.

    Source: Salimans et al. 2016, "Improved techniques for training GANs", section 4 (Inception Score).
    Differs from the source: all pictures are used at once; the authors' program averages over ten parts.
    """
    probabilities = np.asarray(probabilities, np.float64)
    return float(np.exp(np.mean(np.sum(rel_entr(probabilities, probabilities.mean(axis=0)), axis=1))))


def interval(values: Sequence[float], *, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a mean.

    The same seed draws the same items, so that intervals of several models on the same photographs are comparable.

    Args:
        values: At least two values.
        resamples: Number of samples of the same size, drawn with replacement.
        seed: Random seed.

    Returns:
        The 2.5th and 97.5th percentiles of the samples' means.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife"; the percentile method.
    """
    drawn = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(np.asarray(values, np.float64)[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
