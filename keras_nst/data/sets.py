"""What a training draws on: photographs and paintings to paint them like, or two whole sets side by side."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_nst.console import Console
from keras_nst.data.datasets import Crop, paintings, photographs
from keras_nst.data.edges import without_edges
from keras_nst.data.references import GivenReferences, References
from keras_nst.errors import InputError
from keras_nst.pictures.grain import with_grain
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side

# Of a painting's shorter side: its statistics are those of nearly all of it, and still not the same each time.
_PAINTING = 0.85


class PaintedPhotographs:
    """What a transfer net is trained with: an endless, repeatable stream of photographs, and paintings for them.

    Attributes:
        photos: The photographs, as `keras_nst.data.datasets.photographs` opens them.
        styles: Sets of paintings, of each of which a batch has one.
    """

    def __init__(
        self,
        photos: str | Path | None,
        styles: Sequence[str | Path] = (),
        *,
        style_size: int = 256,
        download: bool = False,
    ):
        """Opens the sets.

        Args:
            photos: As `photographs` takes them.
            styles: Files or sets of paintings; none where the painting is known otherwise.
            style_size: Side of the paintings' crops, in pixels.
            download: Whether a dataset that is not on this machine may be downloaded.

        Raises:
            InputError: A set does not exist or holds no picture that can be read.
        """
        self.photos = photographs(photos, download=download)
        self.styles = [paintings(style, download=download) for style in styles]
        self._style_size = style_size

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.photos)

    @property
    def skipped(self) -> dict[str, str]:
        """Why a picture could not be read, by its path or TFDS id. It grows while a stream is read."""
        return {name: reason for pictures in (self.photos, *self.styles) for name, reason in pictures.skipped.items()}

    def first_paintings(self, count: int) -> list[np.ndarray]:
        """The first paintings of the first set, at most so many, (1, style_size, style_size, 3) each: their middles."""
        if not self.styles:
            return []
        first = itertools.islice(self.styles[0].sources(), count)
        return [_middle(fit_short_side(read(source).rgb, self._style_size)) for _, source in first]

    def batches(self, *, size: int, batch: int, seed: int, start: int = 0) -> tf.data.Dataset:
        """The stream from batch number `start` on; what `Photographs.batches` says holds of each set.

        Args:
            size: The side of a photograph's crop, in pixels.
            batch: Crops of photographs in a batch.
            seed: Any whole number from 0.
            start: The number of the first batch, from 0.

        Returns:
            Dicts without end, float32 in [0, 1]: "content", crops (batch, size, size, 3); "image", these with grain,
            which is what the net sees; and, where there are sets of paintings, "style", a square of one painting of
            each, (sets, style_size, style_size, 3).
        """
        photos = self.photos.batches(size=size, batch=batch, seed=seed, start=start, draw=_with_grain, channels=6)
        crops = photos.map(lambda both: {"content": both[..., :3], "image": both[..., 3:]})
        if not self.styles:
            return crops
        squares = [
            style.batches(size=self._style_size, batch=1, seed=seed + 1 + place, start=start, smallest=_PAINTING)
            for place, style in enumerate(self.styles)
        ]
        return tf.data.Dataset.zip(crops, *squares).map(
            lambda crops, *squares: {**crops, "style": tf.concat(squares, axis=0)}
        )


def _middle(rgb: np.ndarray) -> np.ndarray:
    """The square in the middle of a picture (1, height, width, 3)."""
    side = min(rgb.shape[1:3])
    top, left = ((length - side) // 2 for length in rgb.shape[1:3])
    return rgb[:, top : top + side, left : left + side]


def _with_grain(source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator) -> np.ndarray:
    square = crop(rgb)
    return np.concatenate([square, with_grain(square[None], seed=int(rng.integers(2**31)))[0]], axis=-1)


class PairedSets:
    """What CartoonGAN and SDP-GAN are trained with: an endless, repeatable stream of two sets side by side.

    The sets may be of different sizes. Each is gone through in its own order.

    Attributes:
        photos: The photographs, as `keras_nst.data.datasets.photographs` opens them.
        style: The pictures of the style, likewise.
    """

    def __init__(
        self,
        photos: str | Path | None,
        style: str | Path,
        *,
        saliency: Callable[[Path | None], References | GivenReferences] | None = References,
        download: bool = False,
        console: Console | None = None,
    ):
        """Opens both sets and makes what is missing of the photographs' saliency maps.

        Args:
            photos: As `photographs` takes them.
            style: The same; a folder or a dataset.
            saliency: What gives the photographs' maps, from where they are kept; None for maps of zeros.
            download: Whether a dataset that is not on this machine may be downloaded.
            console: Where progress is shown; None for nowhere.

        Raises:
            InputError: A set does not exist or holds no picture that can be read, or maps cannot be written.
        """
        self.photos = photographs(photos, download=download)
        self.style = photographs(style, download=download)
        self._references = saliency and saliency(self.photos.folder)
        if self._references:
            self._references.prepare(self.photos.sources(), len(self.photos), console=console)

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.photos)

    @property
    def skipped(self) -> dict[str, str]:
        """Why a picture of either set could not be read, by its path or TFDS id. It grows while a stream is read."""
        return self.photos.skipped | self.style.skipped

    def batches(self, *, size: int, batch: int, seed: int, start: int = 0) -> tf.data.Dataset:
        """The stream from batch number `start` on; what `Photographs.batches` says holds of each set.

        Args:
            size: The side of a crop, in pixels.
            batch: Crops of each set in a batch.
            seed: Any whole number from 0.
            start: The number of the first batch, from 0.

        Returns:
            Tuples (photo, saliency, style, blurred) without end, of shape (batch, size, size, channels), float32 in
            [0, 1]. A map has one channel and the place and mirroring of its photograph; `blurred` is the style's crop
            with its edges blurred at this size, as the papers' pictures of 256 pixels are.

        Raises:
            InputError: A set has fewer pictures than a batch.
        """
        for pictures in (self.photos, self.style):
            if len(pictures) < batch:
                raise InputError(
                    f"A batch of {batch} needs as many pictures. The {pictures.kind} {pictures.name!r} holds "
                    f"{len(pictures)}. Add some, or lower `batch`."
                )
        # With one seed, sets of one size would come in one order, and each photograph always with the same picture.
        photos = self.photos.batches(
            size=size, batch=batch, seed=2 * seed, start=start, draw=self._with_saliency, channels=4
        )
        style = self.style.batches(size=size, batch=batch, seed=2 * seed + 1, start=start, draw=_with_twin, channels=6)
        return tf.data.Dataset.zip(photos, style).map(
            lambda photo, style: (photo[..., :3], photo[..., 3:], style[..., :3], style[..., 3:])
        )

    def _with_saliency(
        self, source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator
    ) -> np.ndarray:
        found = self._references(source, rgb) if self._references else np.zeros_like(rgb[..., :1])
        return crop(np.concatenate([rgb, found], axis=-1))


def _with_twin(source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator) -> np.ndarray:
    square = crop(rgb)
    return np.concatenate([square, without_edges(square)], axis=-1)
