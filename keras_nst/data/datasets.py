"""The pictures that a training draws on, as an endless stream of crops that can be taken up anywhere."""

import atexit
import hashlib
import json
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from keras_nst.errors import InputError, unknown
from keras_nst.pictures.io import read
from keras_nst.pictures.kinds import PICTURES, look_through
from keras_nst.pictures.samples import SAMPLES, dead_leaves, sample_path

# TFDS shuffles a dataset as it writes it, so this many neighbors at a time are enough to make the passes differ. It
# bounds the memory: 512 encoded photographs are about 80 MB.
TFDS_WINDOW = 512

_TFDS_SOURCE = re.compile(r"tfds:(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>.+))?")

_exiting = threading.Event()
_cropping: set[int] = set()


@atexit.register
def _settle() -> None:
    """Keeps TensorFlow's threads out of an interpreter that shuts down, where they would hang or abort the process.

    An iterator lives that long in a global variable or in the traceback of an uncaught error. Nothing is taken from it
    any more, so it comes to rest as soon as its buffers are full, which blank crops do in no time.
    """
    _exiting.set()
    while _cropping:
        time.sleep(0.01)
    time.sleep(0.1)


Crop = Callable[[np.ndarray], np.ndarray]
"""From a picture (height, width, channels) to a random square of it (size, size, channels)."""

Draw = Callable[[Path | bytes | None, np.ndarray, Crop, np.random.Generator], np.ndarray]
"""From a picture's file, which may be encoded bytes or none, its colors, a crop and a source of chance to what a stream
has of it."""


def plain(source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator) -> np.ndarray:
    """The `Draw` of a crop and nothing else, (size, size, 3)."""
    return crop(rgb)


class Photographs:
    """An endless, repeatable stream of crops from a source of photographs; `photographs` opens one.

    Attributes:
        kind: "folder", "tfds" or "samples".
        name: The folder's name, the dataset's with config, version and split, or "built-in".
        folder: Where its files lie; None for the built-in samples.
        skipped: Why a picture could not be read, by its path or its TFDS id. It grows while a stream is read.
    """

    # Most COCO photographs are 640 × 480 or 640 × 427 pixels: 0.6 of 427 still fills the usual crop of 256 pixels, so
    # that they are never enlarged and objects come at about the size they have in a picture to be stylized.
    _SMALLEST_CROP = 0.6

    def __init__(self, kind: str, name: str, folder: Path | None, pictures: tf.data.Dataset, window: int):
        """Takes the pictures as tuples for `_source`, shuffled `window` of them at a time."""
        self.kind = kind
        self.name = name
        self.folder = folder
        self.skipped: dict[str, str] = {}
        self._pictures = pictures
        self._window = window
        loaded = (self._load(*picture) for picture in pictures.as_numpy_iterator())
        self._spare = next((found for found in loaded if found is not None), None)
        if self._spare is None:
            raise self._unreadable()

    def __len__(self) -> int:
        return int(self._pictures.cardinality())

    def describe(self) -> dict[str, str | int]:
        """What a model card says of the source: kind, name, count of pictures, and a hash of files' names and sizes."""
        return {"kind": self.kind, "name": self.name, "count": len(self)}

    def sources(self) -> Iterator[tuple[str, Path | bytes]]:
        """Each picture once: its path or its TFDS id, and its file or what that holds."""
        return (self._source(*picture) for picture in self._pictures.as_numpy_iterator())

    def batches(
        self,
        *,
        size: int,
        batch: int,
        seed: int,
        start: int = 0,
        draw: Draw = plain,
        channels: int = 3,
        smallest: float | None = None,
    ) -> tf.data.Dataset:
        """The stream from batch number `start` on.

        Crop i of the stream is a function of the source, `seed` and i alone, so that a training resumed at step k
        sees the batches it would have seen. The pictures come in a new order each pass. A crop is a square of 0.6 to 1
        times the picture's shorter side (0.4 to 1 for the built-in samples), anywhere inside it, mirrored half the
        time. Another picture takes the place of one that cannot be read.

        Args:
            size: The side of a crop, in pixels. Smaller pictures are enlarged.
            batch: Crops in a batch.
            seed: Any whole number from 0.
            start: The number of the first batch, from 0.
            draw: What becomes of a picture. More channels on it before it is cropped are cropped as it is.
            channels: How many `draw` gives.
            smallest: The smallest crop's side, as a part of the picture's shorter side, in (0, 1]; None for what
                suits the source.

        Returns:
            Batches of shape (batch, size, size, channels), float32 in [0, 1], without end.

        Raises:
            tf.errors.InvalidArgumentError: While iterating, when no picture of a folder can be read any more.
        """
        window = self._window
        first = start * batch
        turn, place = divmod(first, window)

        def shuffle(turn, pictures):
            # Dataset.shuffle would also depend on the global seed and on how often the stream was iterated.
            order = tf.argsort(tf.random.stateless_uniform([window], seed=[seed, turn]))
            return tf.nest.map_structure(lambda part: tf.gather(part, order), pictures)

        def element(i, *picture):
            _cropping.add(threading.get_ident())
            try:
                if _exiting.is_set():
                    return np.zeros((size, size, channels), np.float32)
                rng = np.random.default_rng((seed, i))
                cut = partial(random_crop, size=size, rng=rng, smallest=smallest or self._SMALLEST_CROP)
                return self._element(rng, size, cut, draw, *picture)
            finally:
                _cropping.discard(threading.get_ident())

        def crop(i, picture):
            return tf.ensure_shape(tf.numpy_function(element, [i, *picture], tf.float32), (size, size, channels))

        return (
            self._pictures.repeat()
            .skip(turn * window % len(self))
            .batch(window)
            .enumerate(turn)
            .map(shuffle)
            .prefetch(1)
            .unbatch()
            .skip(place)
            .enumerate(first)
            .map(crop, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch, drop_remainder=True)
            .prefetch(tf.data.AUTOTUNE)
        )

    def _element(self, rng: np.random.Generator, size: int, cut: Crop, draw: Draw, *picture) -> np.ndarray:
        source, rgb = self._load(*picture) or self._replacement(rng)
        return draw(source, rgb, cut, rng)

    def _source(self, *picture) -> tuple[str, Path | bytes]:
        """The path or TFDS id of a picture, and its file or what that holds."""
        raise NotImplementedError

    def _replacement(self, rng: np.random.Generator) -> tuple[Path | bytes, np.ndarray]:
        """What `_load` gives of the picture that stands in for one that cannot be read."""
        raise NotImplementedError

    def _load(self, *picture) -> tuple[Path | bytes, np.ndarray] | None:
        """A picture's file or what that holds, and its colors (height, width, 3); None where it cannot be read."""
        name, source = self._source(*picture)
        if name in self.skipped:
            return None
        try:
            return source, read(source).rgb[0]
        except InputError as error:
            self.skipped[name] = str(error).removeprefix(f"Cannot read {name}: ")
            return None

    def _unreadable(self) -> InputError:
        reason = ": ".join(next(iter(self.skipped.items()), ("there is none",)))
        return InputError(f"No picture of the {self.kind} {self.name!r} can be read. The first: {reason}")


class _Files(Photographs):
    def __init__(self, kind: str, name: str, folder: Path | None, paths: list[Path]):
        self._paths = paths
        places = tf.data.Dataset.from_tensor_slices((np.arange(len(paths)),))
        super().__init__(kind, name, folder, places, window=len(paths))

    def describe(self) -> dict[str, str | int]:
        if self.folder is None:
            return super().describe()
        files = [(str(path.relative_to(self.folder)), path.stat().st_size) for path in self._paths]
        return {**super().describe(), "files": hashlib.sha256(json.dumps(files).encode()).hexdigest()}

    def _source(self, place: int) -> tuple[str, Path]:
        return str(self._paths[place]), self._paths[place]

    def _replacement(self, rng: np.random.Generator) -> tuple[Path, np.ndarray]:
        others = (self._load(place) for place in rng.permutation(len(self)))
        found = next((found for found in others if found is not None), None)
        if found is None:
            raise self._unreadable()
        return found


class _Samples(_Files):
    # Few pictures must do for thousands, and more scales make more of them.
    _SMALLEST_CROP = 0.4

    def __init__(self):
        super().__init__("samples", "built-in", None, [sample_path(name) for name in SAMPLES])

    def _element(self, rng: np.random.Generator, size: int, cut: Crop, draw: Draw, place: int) -> np.ndarray:
        if rng.random() < 0.5:
            return draw(None, dead_leaves(rng, size), lambda leaves: leaves, rng)
        return super()._element(rng, size, cut, draw, place)


class _Tfds(Photographs):
    def _source(self, tfds_id: bytes, encoded: bytes) -> tuple[str, bytes]:
        return tfds_id.decode(), encoded

    def _replacement(self, rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
        # A stream of records cannot be asked for another one.
        return self._spare


def paintings(source: str | Path, *, download: bool = False) -> Photographs:
    """Opens one painting's file, or a set of them as `photographs` does.

    Raises:
        InputError: It does not exist, or holds no picture that can be read.
    """
    file = Path(source)
    return (
        _Files("file", file.name, file.parent, [file])
        if os.path.isfile(file)
        else photographs(source, download=download)
    )


def photographs(source: str | Path | None, *, download: bool = False) -> Photographs:
    """Opens a set of pictures and reads a first one, so that a wrong source fails before a training starts.

    Args:
        source: A folder, searched through with its subfolders but for hidden ones; "tfds:NAME[:SPLIT]" for a dataset of
            TensorFlow Datasets, where NAME may hold a config and a version ("tfds:coco/2014:1.1.0:train") and SPLIT is
            "train" when left out; None for the built-in samples, half of them replaced by dead leaves images.
        download: Whether a dataset of TensorFlow Datasets that is not on this machine may be downloaded.

    Returns:
        The opened source.

    Raises:
        InputError: The folder or dataset does not exist or holds no picture that can be read.
    """
    if source is None:
        return _Samples()
    if str(source).startswith("tfds:"):
        return _tfds(str(source), download)
    folder = Path(source)
    if not os.path.isdir(folder):
        problem = "is a file" if os.path.exists(folder) else "does not exist"
        raise InputError(f"A set of pictures must be a folder or tfds:NAME[:SPLIT]. {str(source)!r} {problem}.")
    paths = look_through(folder, deep=True).pictures
    if not paths:
        raise InputError(f"No pictures in {str(source)!r} or its subfolders. Put some there (.{' .'.join(PICTURES)}).")
    return _Files("folder", folder.resolve().name, folder, paths)


def random_crop(picture: np.ndarray, size: int, rng: np.random.Generator, *, smallest: float) -> np.ndarray:
    """A random square of a picture, mirrored half the time, brought to `size` without changing its proportions.

    Args:
        picture: Shape (height, width, channels), float32 in [0, 1], of up to four channels.
        size: The side of the result, in pixels.
        rng: Draws the square's side, its place and the mirroring.
        smallest: The smallest side of the square, as a part of the picture's shorter side, in (0, 1].

    Returns:
        Shape (size, size, channels), float32 in [0, 1].
    """
    height, width = picture.shape[:2]
    side = math.ceil(min(height, width) * rng.uniform(smallest, 1))
    top = rng.integers(height - side + 1)
    left = rng.integers(width - side + 1)
    square = picture[top : top + side, left : left + side]
    if rng.random() < 0.5:
        square = square[:, ::-1]
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    # Cubic interpolation overshoots at edges.
    return np.clip(cv2.resize(np.ascontiguousarray(square), (size, size), interpolation=interpolation), 0, 1)


def _tfds(source: str, download: bool) -> Photographs:
    parts = _TFDS_SOURCE.fullmatch(source)
    if not parts:
        raise InputError(f"A TFDS source is tfds:NAME[:SPLIT], like tfds:coco/2014:train. Received: {source!r}.")
    import tensorflow_datasets as tfds

    name, split = parts["name"], parts["split"] or "train"
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError:
        raise unknown("TFDS dataset", name, tfds.list_builders()) from None
    except (ValueError, AssertionError) as error:  # No such config; no such version.
        raise InputError(f"Cannot open the TFDS dataset {name!r}. {_first_line(error)}") from error
    if not isinstance(dict(builder.info.features or {}).get("image"), tfds.features.Image):
        raise InputError(f"The TFDS dataset {name!r} has no 'image'. Choose one of photographs, like tfds:coco/2014.")
    if download:
        try:
            builder.download_and_prepare()
        except Exception as error:  # The network, a full disk, a manual download, a missing package: all end the same.
            raise InputError(f"Cannot download the TFDS dataset {name!r}. {_first_line(error)}") from error
    elif not builder.is_prepared():
        raise InputError(f"The TFDS dataset {name!r} is not in {builder.data_dir}. Pass `download` to fetch it.")
    try:
        records = builder.as_dataset(
            split=split,
            # Nothing but the picture is parsed, and it is decoded only after the stream has skipped to its start.
            decoders=tfds.decode.PartialDecoding({"image": True}, {"image": tfds.decode.SkipDecoding()}),
            read_config=tfds.ReadConfig(add_tfds_id=True, try_autocache=False),
            shuffle_files=False,
        )
    except ValueError as error:
        raise InputError(f"Cannot read the split {split!r} of {name!r}. {_first_line(error)}") from error
    pictures = records.map(lambda record: (record["tfds_id"], record["image"]))
    window = min(TFDS_WINDOW, int(pictures.cardinality()))
    return _Tfds("tfds", f"{builder.info.full_name}:{split}", Path(builder.data_dir), pictures, window)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
