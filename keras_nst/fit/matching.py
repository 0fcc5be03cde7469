"""Match the places of a photograph with places of paintings, by the features of VGG."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from keras import ops
from scipy.special import log_softmax, logsumexp

from keras_nst.fit.tiles import assemble, windows
from keras_nst.losses.functional import hypercolumns
from keras_nst.losses.patches import nearest_patches
from keras_nst.models.observer import Observer

MOST_PLACES = 16384
"""Of larger paintings an even selection of places is used, so that time grows only with the photograph."""

KINDS = 16
"""The painting's places are sorted into so many kinds."""

BALANCE = 0.7
"""How far each kind is used as often as the painting has it: 1 completely, 0 not at all."""

OWN_SHARE = 0.5
"""How much the photograph's features count, against those of the picture that is made of it so far."""


class Places(NamedTuple):
    """The places of a picture that count.

    Attributes:
        columns: Their hypercolumns, (1, h, w, channels).
        counted: Which count, (h w,) boolean.
    """

    columns: np.ndarray
    counted: np.ndarray

    def mean(self) -> np.ndarray:
        """The mean of the hypercolumns that count, (channels,)."""
        return self.columns.reshape(-1, self.columns.shape[-1])[self.counted].mean(axis=0)


def columns(
    observer: Observer, layers: Sequence[str], picture: np.ndarray, *, tile: int | None = None, halo: int = 0
) -> np.ndarray:
    """The hypercolumns of a picture (1, h, w, 3) in [0, 1]: (1, h // 4, w // 4, channels). See `windows` for tiles."""
    probes = [f"vgg/{layer}" for layer in layers]
    parts = []
    for window in windows(*picture.shape[1:3], tile, halo):
        observed = observer(window.crop(picture), probes)
        parts.append((window, ops.convert_to_numpy(hypercolumns([observed[probe] for probe in probes]))))
    return assemble(parts)


def matches(picture: Places, paintings: Sequence[Places], shares: Sequence[float]) -> dict[str, np.ndarray]:
    """Find a similar place of the paintings for each place of a picture.

    Similar is what has a large cosine between hypercolumns, each minus its picture's mean. The most similar places
    alone would often be few: all of a sky would take from one spot. So each kind of places has a price, which is
    subtracted from the cosine, such that each kind is used about as often as the paintings have it.

    Args:
        picture: The photograph, or a mean of it and of what is made of it.
        paintings: The paintings. All offer their places.
        shares: How many of the places are each painting's, in parts of the sum.

    Returns:
        What `losses.match` reads: "places", "columns" and "mean".

    Source: Kolkin et al. 2022, "Neural Neighbor Style Transfer"; for the prices Cuturi 2013, "Sinkhorn distances".
    Differs from the source: the paper takes the most similar place.
    """
    parts, means = [], []
    for painting, share in zip(paintings, shares, strict=True):
        offered = np.flatnonzero(painting.counted)
        kept = max(1, round(MOST_PLACES * share / sum(shares)))
        offered = offered[:: -(-len(offered) // kept)] if share else offered[:0]
        mean = painting.mean()
        parts.append(painting.columns.reshape(-1, len(mean))[offered] - mean)
        means.append(share / sum(shares) * mean)
    offered = np.concatenate(parts)
    own = picture.columns - picture.mean()
    found = np.zeros(picture.counted.shape, np.int32)
    counted = np.flatnonzero(picture.counted)
    looks = offered / np.maximum(np.linalg.norm(offered, axis=1, keepdims=True), 1e-6)
    found[counted] = _balanced(own, counted, looks)
    return {
        "places": found.reshape(*picture.columns.shape[:3], 1),
        "columns": looks,
        "mean": np.sum(means, axis=0)[None],
    }


def _balanced(own: np.ndarray, positions: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """The row of `looks` for each of the positions in `own`, (n,), such that all kinds of looks are used."""
    cv2.setRNGSeed(0)
    rounds = (cv2.TERM_CRITERIA_COUNT, 10, 0)
    _, kinds, _ = cv2.kmeans(looks, min(KINDS, len(looks)), None, rounds, 1, cv2.KMEANS_PP_CENTERS)
    members = [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]
    of_kinds = [nearest_patches(own, positions, looks[None, None], places=rows, side=1) for rows in members]
    found, likeness = (np.stack(parts, axis=1) for parts in zip(*of_kinds, strict=True))
    held = np.array([len(rows) for rows in members]) / len(looks)
    return np.take_along_axis(found, np.argmax(likeness - _prices(likeness, held), axis=1)[:, None], axis=1)[:, 0]


def _prices(likeness: np.ndarray, held: np.ndarray, softness: float = 0.02, rounds: int = 100) -> np.ndarray:
    """The price of each kind, (kinds,), from the best cosine that it offers to each position, (n, kinds).

    Args:
        likeness: The cosines.
        held: The share of each kind in the paintings.
        softness: Differences of cosines that hardly matter. With it, a position is divided among kinds.
        rounds: Number of corrections of the prices. They begin with more softness, where they are larger.
    """

    def use(prices, softness):
        """The logarithm of the share of positions that take each kind."""
        return logsumexp(log_softmax((likeness - prices) / softness, axis=1), axis=0) - np.log(len(likeness))

    prices = np.zeros(len(held))
    wanted = np.log(BALANCE * held + (1 - BALANCE) * np.exp(use(prices, softness)))
    for current in np.geomspace(1.0, softness, rounds):
        prices += current * (use(prices, current) - wanted)
    return prices
