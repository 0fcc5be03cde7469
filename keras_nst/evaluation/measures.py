"""What is measured of a result or of many together, and how sure a mean is: pure functions of arrays.

A picture is (height, width, 3) in [0, 1], a map (height, width).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import fft, ndimage
from scipy.special import rel_entr
from skimage.color import rgb2lab
from skimage.filters import sobel
from skimage.metrics import structural_similarity

from keras_nst.images.color import luma

BORDER = 16
"""Width in pixels of what counts as a picture's border."""

# Multiples of 4 pixels, the period that upsampling twice by 2 can leave. Strokes are like themselves at any distance up
# to a dozen pixels, a grid also beyond.
_LAGS = range(20, 52, 4)
# A standard deviation of half an 8-bit level: what is fainter is not in the file.
_VISIBLE = 0.5 / 255

REPEATS = 3, 24
"""The shortest and the longest distance in pixels at which a weave repeats."""

# What is broader than this Gaussian is shading. Of its contrast the broadest weave keeps all but a hundredth.
_SHADING = REPEATS[1] / 2
# Five 8-bit levels, in squares of about a brush stroke's size.
_FLAT, _FLAT_SIDE = 5 / 255, 17
# Pixels from which an area counts, a square of 64, and pairs of them at one distance. Of n pairs of noise the
# correlation is 1 / sqrt(n), and the largest of all distances about three times that.
_AREA, _PAIRS = 4096, 2048


def normalized(values: np.ndarray) -> np.ndarray:
    """A map scaled so that its minimum is 0 and its maximum 1; a constant one becomes 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def ssim(first: np.ndarray, second: np.ndarray, inside: np.ndarray | None = None) -> float:
    """Structural similarity of two maps in [0, 1]: 1 for equal ones, 0 for unrelated ones, -1 at the least.

    Args:
        first: A map.
        second: Another of its shape.
        inside: Where it counts, (height, width) bool; None for all but the outer three pixels.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", eq. (13), as
    scikit-image has it (a window of 7x7).
    """
    mean, places = structural_similarity(first, second, data_range=1, full=True)
    return float(mean if inside is None else places[inside].mean())


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of where two maps reach half of their maximum: 1 for the same place, 0 for none shared.

    Args:
        first: Not negative.
        second: The same.
    """
    one, other = prominent(first), prominent(second)
    return float(np.sum(one & other) / np.sum(one | other))


def prominent(values: np.ndarray) -> np.ndarray:
    """Where a map reaches half of its maximum, (height, width) bool."""
    return values >= values.max() / 2


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two maps, -1 to 1; 0 where one of them is the same everywhere."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def edges(picture: np.ndarray) -> np.ndarray:
    """Sobel's gradient magnitude of the luma, a map in [0, 1]."""
    return sobel(luma(picture)[..., 0])


def color_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of the colors without their lightness: 0 for the same a and b of CIELAB, about 2 just noticeable.

    Source: CIE 1976, with a and b alone.
    """
    difference = rgb2lab(first)[..., 1:] - rgb2lab(second)[..., 1:]
    return float(np.mean(np.linalg.norm(difference, axis=-1)))


def checkerboard(picture: np.ndarray) -> float:
    """How much of the fine detail is a grid: 1 for a perfect one of 2 or 4 pixels, about 0 for a photograph.

    The autocorrelation of the luma's differences at lags of 20, 24 ... 48 pixels, less that at the odd lags beside
    them, the mean of both directions. It is the grid's share of the detail, whatever its contrast, and 0 where there is
    no detail that 8 bits can hold.

    Args:
        picture: From 64x64 pixels.
    """
    brightness = luma(picture)[..., 0]
    return max(0.0, float(np.mean([_periodicity(brightness), _periodicity(brightness.T)])))


def _periodicity(lines: np.ndarray) -> float:
    """How far the autocorrelation along the rows rises at the period above its neighborhood and above 0."""
    detail = np.diff(lines, axis=1)
    energy = np.mean(np.square(detail))
    if energy < _VISIBLE**2:
        return 0.0

    def correlation(shift: int) -> float:
        return np.mean([np.mean(detail[:, lag + shift :] * detail[:, : -lag - shift]) for lag in _LAGS]) / energy

    return correlation(0) - max(0, (correlation(-1) + correlation(1)) / 2)


def flat(photograph: np.ndarray) -> np.ndarray:
    """Where a photograph has little detail, such as in the sky: (height, width) bool.

    There the luma's standard deviation in the 17x17 pixels around is less than 5 of 255 levels.
    """
    brightness = luma(photograph)[..., 0].astype(np.float64)
    mean = ndimage.uniform_filter(brightness, _FLAT_SIDE)
    return ndimage.uniform_filter(brightness**2, _FLAT_SIDE) - mean**2 < _FLAT**2


def weave(picture: np.ndarray, inside: np.ndarray) -> float | None:
    """How evenly a picture repeats: 1 for a perfect hatch or grid, near 0 for irregular strokes and noise.

    The highest value of `repetition`. It is the weave's share of the variance, whatever the contrast and brightness. A
    weave that changes its direction or period from place to place has less.

    Args:
        picture: The picture.
        inside: Where it counts, (height, width) bool.

    Returns:
        0 to 1; 0 where no contrast is that 8 bits can hold. None where fewer than 4096 pixels count.
    """
    if np.count_nonzero(inside) < _AREA:
        return None
    return float(repetition(picture, inside).max())


def repetition(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How much a picture's luma repeats at each shift: the peaks of its autocorrelation.

    Broad shading is taken off first. A peak counts by its height above the lowest value, at least 0, on the straight
    line to the center. So the central peak is left out down to its first minimum, as are its ridges along strokes.

    Args:
        picture: The picture.
        inside: Where it counts, (height, width) bool: both pixels of a pair.

    Returns:
        (49, 49) in [0, 1], with no shift in the middle. 0 at less than 3 or more than 24 pixels, and where fewer than
        2048 pairs are.

    Source:
        Padfield 2012, "Masked object registration in the Fourier domain", for the correlation inside of a mask.

    Differs from the source:
        A Gaussian mean around each pixel is subtracted, in place of the mean of all pixels that overlap.
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
    """The brightness less its mean around, both inside alone; 0 outside, and all over if it is too faint to see."""
    weights = inside.astype(np.float64)
    total, share = (
        ndimage.gaussian_filter(values, _SHADING, mode="constant") for values in (weights * brightness, weights)
    )
    detail = np.where(inside, brightness - total / np.where(inside, share, 1), 0)
    return detail if np.sum(detail**2) >= _VISIBLE**2 * np.sum(weights) else np.zeros_like(detail)


def _autocorrelation(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of values that are 0 outside, at each shift the correlation of the pairs, in [-1, 1], and how many there are."""
    reach = REPEATS[1]
    shape = [fft.next_fast_len(side + reach, real=True) for side in values.shape]
    ones, first, square = (fft.rfft2(array, shape) for array in (inside.astype(np.float64), values, values**2))

    def sums(one, other):
        """Of the products of one and the shifted other."""
        found = fft.irfft2(np.conj(one) * other, shape)
        return np.roll(found, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]

    energy = np.sqrt(np.maximum(sums(square, ones) * sums(ones, square), 0))
    visible = energy > _VISIBLE**2
    return np.where(visible, sums(first, first) / np.where(visible, energy, 1), 0), np.rint(sums(ones, ones))


def border(picture: np.ndarray) -> float:
    """How much the outer 16 pixels differ from the inside: 0 for a border like the rest, 2 and more for a frame.

    The difference of the mean lumas plus that of their standard deviations, in units of the whole picture's standard
    deviation, so that contrast does not count; 0 for a plain picture.
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
    """How hard an object's outline is: 1 for as hard as the painting's own outlines, 0 for none.

    The mean gradient of the luma on the pixels at either side of the mask's edge, divided by that of the tenth of the
    painting's pixels where it is strongest. The picture's border is no outline.

    Args:
        picture: With the object.
        painting: Without it.
        mask: Where the object is, a map; more than one half counts.
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
    """The Fréchet distance of two sets of points, taken for samples of Gaussians: 0 for equal means and covariances.

    It is biased: smaller sets are farther apart. Compare it between sets of the same sizes only.

    Args:
        first: Points, (n, dimensions), at least two.
        second: Others, (m, dimensions).

    Source:
        Heusel et al. 2017, "GANs trained by a two time-scale update rule", eq. (6) (FID); Li et al. 2020, eq. (8),
        where the difference of the means lacks its square.

    Differs from the source:
        The trace of the covariances' root is computed as the nuclear norm of the product of their factors, which is
        the same and needs no root of a matrix.
    """
    factors = []
    for points in (first, second):
        centered = np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
        # R of the points' QR factors has their covariance, and no more rows than columns.
        factors.append(np.linalg.qr(centered / np.sqrt(len(points) - 1), mode="r"))
    one, other = factors
    shift = np.mean(first, axis=0, dtype=np.float64) - np.mean(second, axis=0, dtype=np.float64)
    distance = shift @ shift + np.sum(one**2) + np.sum(other**2) - 2 * np.linalg.norm(one @ other.T, "nuc")
    return max(0.0, float(distance))  # Below by rounding only.


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared maximum mean discrepancy of two sets of points: 0 on average for samples of one distribution.

    It is unbiased, whatever the sets' sizes, and so a little below 0 about as often as above for sets that are alike.

    Args:
        first: Points, (n, dimensions), at least two.
        second: Others, (m, dimensions).

    Source:
        Binkowski et al. 2018, "Demystifying MMD GANs", section 4 (KID): the kernel (x y / dimensions + 1)^3.

    Differs from the source:
        All points at once, where the authors' program takes means over small subsets.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)

    def kernel(one, other):
        return (one @ other.T / one.shape[1] + 1) ** 3

    def within(points):
        products = kernel(points, points)
        return (products.sum() - products.trace()) / (len(points) * (len(points) - 1))

    return float(within(first) + within(second) - 2 * kernel(first, second).mean())


def class_score(probabilities: np.ndarray) -> float:
    """How sure and how varied classes are: 1 for no class or always the same, up to their count.

    Args:
        probabilities: Of the classes for each picture, (n, classes); rows sum to 1.

    Returns:
        exp of the mean Kullback-Leibler divergence of the rows from their mean.

    Source:
        Salimans et al. 2016, "Improved techniques for training GANs", section 4 (Inception Score).

    Differs from the source:
        Over all pictures at once, where the authors' program takes the mean over ten parts.
    """
    probabilities = np.asarray(probabilities, np.float64)
    return float(np.exp(np.mean(np.sum(rel_entr(probabilities, probabilities.mean(axis=0)), axis=1))))


def interval(values: Sequence[float], *, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean.

    The same seed draws the same items, so that intervals of models on the same photographs are comparable.

    Args:
        values: At least two.
        resamples: Samples drawn from the values, with replacement, as many values each.
        seed: Of the draws.

    Returns:
        The 2.5th and the 97.5th percentile of the samples' means.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife"; the percentile method.
    """
    drawn = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(np.asarray(values, np.float64)[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
