"""Sets of pictures, as endless streams of crops that can start anywhere."""

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
from keras_nst.models.saved import has_previews
from keras_nst.pictures.io import read
from keras_nst.pictures.kinds import PICTURES, look_through
from keras_nst.pictures.samples import SAMPLES, dead_leaves, sample_path

# Records that are shuffled together. TFDS stores datasets shuffled, so a few are enough to make passes differ. They are
# in memory at once: 512 encoded photographs take about 80 MB.
TFDS_WINDOW = 512

_TFDS_SOURCE = re.compile(r"tfds:(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>.+))?")

_exiting = threading.Event()
_cropping: set[int] = set()


@atexit.register
def _settle() -> None:
    """Stop cropping at exit: TensorFlow's threads would hang or abort the process while the interpreter shuts down.

    An iterator may live until then, in a global variable or the traceback of an uncaught error. From now on crops are
    blank, so its buffers fill up and its threads stop at once.
    """
    _exiting.set()
    while _cropping:
        time.sleep(0.01)
    time.sleep(0.1)


Crop = Callable[[np.ndarray], np.ndarray]
"""Function from a picture (height, width, channels) to a random square of it (size, size, channels)."""

Draw = Callable[[Path | bytes | None, np.ndarray, Crop, np.random.Generator], np.ndarray]
"""Makes an item of a stream from a picture: its path, encoded bytes or None; its colors; a crop; a random generator."""


def plain(source: Path | bytes | None, rgb: np.ndarray, crop: Crop, rng: np.random.Generator) -> np.ndarray:
    """The `Draw` that only crops, (size, size, 3)."""
    return crop(rgb)


class Photographs:
    """An endless, reproducible stream of crops of photographs. `photographs` opens one.

    Attributes:
        kind: "folder", "tfds" or "samples".
        name: The folder's name, the dataset's with config, version and split, or "built-in".
        folder: The folder of the files; None for the built-in samples.
        skipped: Why pictures could not be read, by path or TFDS id. It grows while a stream is read.
    """

    # Most COCO photographs have 640 × 480 or 640 × 427 pixels. 0.6 of 427 is 256, the usual crop: no photograph is
    # enlarged, and objects have about the size that they have in a picture to be stylized.
    _SMALLEST_CROP = 0.6

    def __init__(self, kind: str, name: str, folder: Path | None, pictures: tf.data.Dataset, window: int):
        """Take the pictures, as tuples for `_source`; `window` of them are shuffled at a time."""
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
        """The entry in a model card: kind, name, count and, for a folder, a hash of the files' names and sizes."""
        return {"kind": self.kind, "name": self.name, "count": len(self)}

    def sources(self) -> Iterator[tuple[str, Path | bytes]]:
        """Each picture once: its path or TFDS id, and its path or encoded bytes."""
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
        """Make the stream, from batch number `start` on.

        Crop i depends only on the source, `seed` and i, so a training that is resumed at step k gets the same batches.
        Each pass has a new order. A crop is a square with 0.6 to 1 times the picture's shorter side (0.4 to 1 for the
        built-in samples), at a random place, mirrored half the time. A picture that cannot be read is replaced by
        another.

        Args:
            size: Side of a crop in pixels. Smaller pictures are enlarged.
            batch: Crops per batch.
            seed: A whole number, at least 0.
            start: Number of the first batch, counted from 0.
            draw: Makes an item from a picture. It may add channels before it crops.
            channels: Number of channels of an item.
            smallest: Least side of a square before resizing, as a share of the picture's shorter side, in (0, 1]; None
                for the source's default.

        Returns:
            Batches (batch, size, size, channels), float32 in [0, 1], without end.

        Raises:
            tf.errors.InvalidArgumentError: While iterating, if no picture of a folder can be read any more.
        """
        window = self._window
        first = start * batch
        turn, place = divmod(first, window)

        def shuffle(turn, pictures):
            # Dataset.shuffle would also depend on the global seed and on earlier iterations.
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
        """The path or TFDS id of a picture, and its path or encoded bytes."""
        raise NotImplementedError

    def _replacement(self, rng: np.random.Generator) -> tuple[Path | bytes, np.ndarray]:
        """What `_load` returns for another picture, which replaces one that cannot be read."""
        raise NotImplementedError

    def _load(self, *picture) -> tuple[Path | bytes, np.ndarray] | None:
        """A picture's path or encoded bytes, and its colors (height, width, 3); None if it cannot be read."""
        name, source = self._source(*picture)
        if name in self.skipped:
            return None
        try:
            return source, read(source).rgb[0]
        except InputError as error:
            self.skipped[name] = str(error).removeprefix(f"Cannot read {name}: ")
            return None

    def _unreadable(self) -> InputError:
        reason = ": ".join(next(iter(self.skipped.items()), ("it is empty",)))
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
    # More scales, because there are few pictures.
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
        # A stream of records has no random access.
        return self._spare


def paintings(source: str | Path, *, download: bool = False) -> Photographs:
    """Open the file of one painting, or a set as `photographs` does.

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
    """Open a set of pictures and read the first, so that a wrong source fails before a training starts.

    Args:
        source: A folder, with its subfolders except hidden ones and those of styles and trainings; "tfds:NAME[:SPLIT]"
            for a dataset of TensorFlow Datasets, where NAME may include config and version
            ("tfds:coco/2014:1.1.0:train") and SPLIT defaults to "train"; None for the built-in samples, where half of
            the crops are dead leaves.
        download: Whether a missing dataset of TensorFlow Datasets may be downloaded.

    Returns:
        The set.

    Raises:
        InputError: The folder or dataset does not exist, or holds no picture that can be read.
    """
    if source is None:
        return _Samples()
    if str(source).startswith("tfds:"):
        return _tfds(str(source), download)
    folder = Path(source)
    if not os.path.isdir(folder):
        problem = "is a file" if os.path.exists(folder) else "does not exist"
        raise InputError(f"A set of pictures must be a folder or tfds:NAME[:SPLIT]. {str(source)!r} {problem}.")
    paths = look_through(folder, into=lambda inner: not has_previews(inner)).pictures
    if not paths:
        raise InputError(f"No pictures in {str(source)!r} or its subfolders. Put some there (.{' .'.join(PICTURES)}).")
    return _Files("folder", folder.resolve().name, folder, paths)


def random_crop(picture: np.ndarray, size: int, rng: np.random.Generator, *, smallest: float) -> np.ndarray:
    """Crop a random square, mirror it half the time, and resize it.

    Args:
        picture: (height, width, channels), float32 in [0, 1], with at most four channels.
        size: Side of the result in pixels.
        rng: The random generator.
        smallest: Least side of the square, as a share of the picture's shorter side, in (0, 1].

    Returns:
        (size, size, channels), float32 in [0, 1].
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
        raise InputError(f"The TFDS dataset {name!r} has no 'image'. Choose one with photographs, like tfds:coco/2014.")
    if download:
        try:
            builder.download_and_prepare()
        except Exception as error:  # No network, a full disk, a manual download, a missing package.
            raise InputError(f"Cannot download the TFDS dataset {name!r}. {_first_line(error)}") from error
    elif not builder.is_prepared():
        raise InputError(f"The TFDS dataset {name!r} is not in {builder.data_dir}. Pass `download` to fetch it.")
    try:
        records = builder.as_dataset(
            split=split,
            # Only the picture is parsed, and it is decoded only after the stream has skipped to its start.
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
