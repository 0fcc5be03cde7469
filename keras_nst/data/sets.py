"""Training data: photographs with paintings of their styles, or two sets of pictures."""

import contextlib
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_nst.console import Console
from keras_nst.data.datasets import Crop, Photographs, paintings, photographs
from keras_nst.data.edges import without_edges
from keras_nst.data.references import GivenReferences, References
from keras_nst.errors import InputError
from keras_nst.pictures.grain import with_grain
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side

# Least crop of a painting, as a share of its shorter side: it covers most of the painting but still varies.
_PAINTING = 0.85

# At most so many squares are observed once, and not in each step; of each painting at most so many.
_KNOWN, _OF_EACH = 256, 4


class PaintedPhotographs:
    """Data for a transfer net: an endless, reproducible stream of photographs with paintings.

    Attributes:
        photos: The photographs, from `keras_nst.data.datasets.photographs`.
        styles: Sets of paintings; a batch has one painting of each, unless they are one style.
        known: Squares of all paintings, (1, style_size, style_size, 3) each, if there are few; else none. A trainer can
            observe them once: then a batch holds their numbers.
    """

    def __init__(
        self,
        photos: str | Path | None,
        styles: Sequence[str | Path] = (),
        *,
        collection: bool = False,
        style_size: int = 256,
        subject: Callable[[Path | None], References] | None = None,
        download: bool = False,
        console: Console | None = None,
    ):
        """Open the sets, and compute the missing maps of the photographs' subjects.

        Args:
            photos: As in `photographs`.
            styles: Files or sets of paintings; none if the painting is known otherwise.
            collection: Whether all paintings are one style; then a batch has no painting.
            style_size: Side of the paintings' crops in pixels.
            subject: Function from the photographs' folder to the maps of their subjects; None for no maps.
            download: Whether a missing dataset may be downloaded.
            console: Shows progress; None for no progress.

        Raises:
            InputError: A set does not exist or holds no picture that can be read, a collection is too large, or no map
                can be written.
        """
        self.photos = photographs(photos, download=download)
        self._has_choice = bool(styles) and not collection
        self.styles = [paintings(style, download=download) for style in styles]
        self._style_size = style_size
        self.known: list[np.ndarray] = []
        self._numbers: list[list[int]] = []
        few = sum(map(len, self.styles)) <= _KNOWN
        if self.styles and few:
            self._know()
        if collection and not few:
            raise InputError(f"A collection has at most {_KNOWN} paintings. Give `style` fewer, or use the net unet.")
        self._maps = _opened(subject, self.photos, console)

    def _know(self) -> None:
        """Cut squares of all paintings, and list the numbers of each set's squares. A painting in two sets has one."""
        # The ids of two datasets may be the same.
        sets = [{(style.kind, style.name, name): source for name, source in style.sources()} for style in self.styles]
        each = min(_OF_EACH, _KNOWN // len({painting for sources in sets for painting in sources}))
        numbers: dict[tuple[str, str, str], range] = {}
        for style, sources in zip(self.styles, sets, strict=True):
            for painting, source in sources.items():
                if painting in numbers:
                    continue
                try:
                    rgb = read(source).rgb
                except InputError as error:
                    style.skipped[painting[-1]] = str(error)
                    continue
                numbers[painting] = range(len(self.known), len(self.known) + each)
                self.known += squares(rgb, self._style_size, each, seed=len(numbers), smallest=_PAINTING)
            self._numbers.append([number for painting in sources for number in numbers.get(painting, ())])

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.photos)

    @property
    def skipped(self) -> dict[str, str]:
        """Why pictures could not be read, by path or TFDS id. It grows while a stream is read."""
        return {name: reason for pictures in (self.photos, *self.styles) for name, reason in pictures.skipped.items()}

    def first_paintings(self, count: int) -> list[np.ndarray]:
        """The central squares of the first paintings of the first set that can be read, at most `count`.

        Returns:
            (1, style_size, style_size, 3) each.
        """
        found: list[np.ndarray] = []
        for _, source in self.styles[0].sources() if self.styles else ():
            if len(found) == count:
                break
            with contextlib.suppress(InputError):
                found.append(_middle(fit_short_side(read(source).rgb, self._style_size)))
        return found

    def batches(self, *, size: int, batch: int, seed: int, start: int = 0) -> tf.data.Dataset:
        """Make the stream, from batch number `start` on. `Photographs.batches` describes the stream of each set.

        Args:
            size: Side of a photograph's crop in pixels.
            batch: Photographs per batch.
            seed: A whole number, at least 0.
            start: Number of the first batch, counted from 0.

        Returns:
            Dicts without end, float32 in [0, 1]: "content", crops (batch, size, size, 3); "image", the net's input,
            which is these with grain; with maps "subject", (batch, size, size, 1), cropped and mirrored like the
            photographs; and, if there is a choice of paintings, "style", for each set the number of a
            square in `known`, (sets,) int32, or, if none is known, a square, (sets, style_size, style_size, 3).
        """
        channels = {"content": 3, "image": 3, **({"subject": 1} if self._maps else {})}
        photos = self.photos.batches(
            size=size, batch=batch, seed=seed, start=start, draw=self._item, channels=sum(channels.values())
        )
        crops = photos.map(
            lambda items: dict(zip(channels, tf.split(items, [*channels.values()], axis=-1), strict=True))
        )
        if not self._has_choice:
            return crops
        if self.known:
            numbers = tf.data.Dataset.from_generator(
                lambda: map(partial(self._drawn, seed), itertools.count(start)),
                output_signature=tf.TensorSpec((len(self.styles),), tf.int32),
            )
            return tf.data.Dataset.zip(crops, numbers).map(lambda crops, numbers: {**crops, "style": numbers})
        squares = [
            style.batches(size=self._style_size, batch=1, seed=seed + 1 + place, start=start, smallest=_PAINTING)
            for place, style in enumerate(self.styles)
        ]
        return tf.data.Dataset.zip(crops, *squares).map(
            lambda crops, *squares: {**crops, "style": tf.concat(squares, axis=0)}
        )

    def _item(self, source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator) -> np.ndarray:
        square = crop(np.concatenate([rgb, self._maps(source, rgb)], axis=-1) if self._maps else rgb)
        grained = with_grain(square[None, ..., :3], seed=int(rng.integers(2**31)))[0]
        return np.concatenate([square[..., :3], grained, square[..., 3:]], axis=-1)

    def _drawn(self, seed: int, batch: int) -> np.ndarray:
        """The number of a square of each set for a batch: all squares of a set in turn, in a new order each time."""
        drawn = []
        for place, numbers in enumerate(self._numbers):
            turn, index = divmod(batch, len(numbers))
            drawn.append(np.random.default_rng((seed, place, turn)).permutation(numbers)[index])
        return np.int32(drawn)


def squares(rgb: np.ndarray, size: int, count: int, *, seed: int, smallest: float) -> list[np.ndarray]:
    """The central square of a picture, and random ones.

    Args:
        rgb: (1, height, width, 3).
        size: Side of the results in pixels.
        count: Number of squares.
        seed: Of the random ones.
        smallest: Least side of a random square, as a share of the picture's shorter side.

    Returns:
        (1, size, size, 3) each.
    """
    rng = np.random.default_rng(seed)
    height, width = rgb.shape[1:3]
    cut = [_middle(fit_short_side(rgb, size))]
    for _ in range(count - 1):
        side = round(min(height, width) * rng.uniform(smallest, 1))
        top, left = rng.integers(height - side, endpoint=True), rng.integers(width - side, endpoint=True)
        cut.append(fit_short_side(rgb[:, top : top + side, left : left + side], size))
    return cut


def _middle(rgb: np.ndarray) -> np.ndarray:
    """The central square of a picture (1, height, width, 3)."""
    side = min(rgb.shape[1:3])
    top, left = ((length - side) // 2 for length in rgb.shape[1:3])
    return rgb[:, top : top + side, left : left + side]


def _opened(maps: Callable | None, photos: Photographs, console: Console | None) -> References | GivenReferences | None:
    """The maps of photographs, after the missing ones are computed; None for no maps."""
    if maps is None:
        return None
    opened = maps(photos.folder)
    opened.prepare(photos.sources(), len(photos), console=console)
    return opened


class PairedSets:
    """Data for CartoonGAN and SDP-GAN: an endless, reproducible stream of two sets.

    The sets may have different sizes. Each has its own order.

    Attributes:
        photos: The photographs, from `keras_nst.data.datasets.photographs`.
        style: The pictures of the style, likewise.
    """

    def __init__(
        self,
        photos: str | Path | None,
        style: str | Path,
        *,
        least: int = 1,
        saliency: Callable[[Path | None], References | GivenReferences] | None = References,
        download: bool = False,
        console: Console | None = None,
    ):
        """Open both sets, and compute the missing saliency maps of the photographs.

        Args:
            photos: As in `photographs`.
            style: As in `photographs`; a folder or a dataset.
            least: Least number of pictures of each set: a batch.
            saliency: Function from the photographs' folder to their reference maps; None for maps of zeros.
            download: Whether a missing dataset may be downloaded.
            console: Shows progress; None for no progress.

        Raises:
            InputError: A set does not exist, is too small or holds nothing that can be read, or no map can be written.
        """
        self.photos = photographs(photos, download=download)
        self.style = photographs(style, download=download)
        for pictures in (self.photos, self.style):
            if len(pictures) < least:
                raise InputError(
                    f"A batch of {least} needs as many pictures. The {pictures.kind} {pictures.name!r} holds "
                    f"{len(pictures)}. Add some, or lower `batch`."
                )
        self._references = _opened(saliency, self.photos, console)

    def __len__(self) -> int:
        """The number of photographs."""
        return len(self.photos)

    @property
    def skipped(self) -> dict[str, str]:
        """Why pictures of either set could not be read, by path or TFDS id. It grows while a stream is read."""
        return self.photos.skipped | self.style.skipped

    def batches(self, *, size: int, batch: int, seed: int, start: int = 0) -> tf.data.Dataset:
        """Make the stream, from batch number `start` on. `Photographs.batches` describes the stream of each set.

        Args:
            size: Side of a crop in pixels.
            batch: Crops of each set per batch.
            seed: A whole number, at least 0.
            start: Number of the first batch, counted from 0.

        Returns:
            Tuples (photo, saliency, style, blurred) without end, of shape (batch, size, size, channels), float32 in
            [0, 1]. A map has one channel, and is cropped and mirrored like its photograph. `blurred` is the style's
            crop with edges blurred at this size, as in the papers with 256 pixels.
        """
        # With the same seed, sets of equal size would have the same order, and a photograph always the same picture.
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
