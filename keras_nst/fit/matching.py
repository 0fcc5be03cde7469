"""Match the places of a photograph with places of paintings, by the features of VGG."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_nst.fit.tiles import assemble, windows
from keras_nst.losses.functional import hypercolumns
from keras_nst.losses.patches import nearest_patches
from keras_nst.models.observer import Observer

MOST_PLACES = 16384
"""Of larger paintings an even selection of places is used, so that time grows only with the photograph."""

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
    """Find the most similar place of the paintings for each place of a picture.

    Similar is what has the largest cosine between hypercolumns, each minus its picture's mean.

    Args:
        picture: The photograph, or a mean of it and of what is made of it.
        paintings: The paintings. All offer their places.
        shares: How many of the places are each painting's, in parts of the sum.

    Returns:
        What `losses.match` reads: "places", "columns" and "mean".

    Source: Kolkin et al. 2022, "Neural Neighbor Style Transfer".
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
    found[counted], _ = nearest_patches(own, counted, offered[None, None], side=1)
    lengths = np.linalg.norm(offered, axis=1, keepdims=True)
    return {
        "places": found.reshape(*picture.columns.shape[:3], 1),
        "columns": offered / np.maximum(lengths, 1e-6),
        "mean": np.sum(means, axis=0)[None],
    }
