"""Export styles to run without this package: SavedModels for TensorFlow Serving, ONNX and LiteRT.

DIR/
    models.config                       all styles in the folder, for tensorflow_model_server
    starry_night/1/                     a SavedModel; the next export of the style is version 2
        saved_model.pb, variables/
        assets.extra/keras_nst.json     the style, its size and card
        assets.extra/tf_serving_warmup_requests
    starry_night.onnx, starry_night.tflite

Each file holds a function from images to stylized images, both (batch, height, width, 3) uint8. A SavedModel has
another function, for encoded pictures.
"""

import contextlib
import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import ops

import keras_nst
from keras_nst.errors import InputError, unknown
from keras_nst.files import new_folder, replacing
from keras_nst.infer.fold import fold
from keras_nst.models.convolution import of_one_picture
from keras_nst.models.styles import find_style, load_net, read_card
from keras_nst.pictures.io import MIN_SIDE, read

CONFIG = "models.config"
EXTRA = "assets.extra"
METADATA = f"{EXTRA}/keras_nst.json"
WARMUP = f"{EXTRA}/tf_serving_warmup_requests"
MOUNTED = "/models"
"""Path of the folder in the configuration, as in TensorFlow Serving's docker image."""

TOLERANCE = 1.0
"""Largest difference of a pixel from the net's result, in levels of 255 (rounding makes 0.5); for 8-bit weights, the
largest mean difference."""

_CONFIG_HEAD = "# Written by keras-nst export: all styles in this folder.\n"
_CHECKED = ((2, 64, 96), (1, 61, 90))  # Batch, height and width at which an export for any size is checked.

Size = tuple[int, int] | None


def export(style: str | Path, folder: str | Path, *, format: str = "saved_model", size: Size = None) -> Path:
    """Export a style, and check that the export gives the net's result.

    A SavedModel has two signatures. `serving_default` maps `images` to `stylized`, both uint8 (batch, height, width,
    3). `serving_bytes` maps `image_bytes`, a batch of JPEG, PNG, GIF or BMP files of any sizes, to `stylized_bytes`,
    PNG files; TensorFlow Serving sends names that end in _bytes as base64 in JSON. ONNX and LiteRT only have the first.

    Args:
        style: Name of a style, or the path of its folder.
        folder: The output folder. A SavedModel is written to its subfolder NAME/VERSION, with the next free version.
        format: "saved_model", "onnx", "litert", or "litert-int8" with 8-bit weights.
        size: The only height and width that the export accepts; None for any from 16x16.

    Returns:
        The folder of the version, or the file.

    Raises:
        InputError: No such style or format, the destination exists or is not an export, a package is missing, or
            results differ from the net's by more than `TOLERANCE`.
    """
    name = find_style(style).resolve().name
    if format not in _FORMATS:
        raise unknown("export format", format, _FORMATS)
    chosen = _FORMATS[format]
    if missing := [package for package in chosen.packages if importlib.util.find_spec(package) is None]:
        extra = format.partition("-")[0]
        raise InputError(
            f"Exporting to {format} needs {' and '.join(missing)}. Install them: pip install 'keras_nst[{extra}]'."
        )
    folder = Path(folder)
    target = _next_version(folder, name) if format == "saved_model" else _free(folder / f"{name}{chosen.suffix}")
    card = read_card(style)
    net = load_net(style)
    served = _on_levels(fold(net), size)
    with (new_folder if format == "saved_model" else replacing)(target) as temporary:
        chosen.write(served, temporary, size)
        if format == "saved_model":
            _write_extra(temporary, name, size, card)
        for run in chosen.runners(temporary):
            _check(net, run, size, f"{name} as {format}", chosen.difference)
    if format == "saved_model":
        _write_config(folder)
    return target


def _on_levels(net: keras.Model, size: Size) -> keras.Model:
    """The net for uint8 pixels."""
    images = keras.Input((*(size or (None, None)), 3), dtype="uint8", name="images")
    stylized = net(ops.cast(images, "float32") / 255)
    return keras.Model(images, {"stylized": ops.cast(ops.round(255 * stylized), "uint8")})


def _check(net: keras.Model, run: Callable, size: Size, name: str, difference: Callable) -> None:
    """Check that an export gives the net's result."""
    photograph = read("sample:astronaut").rgb[0]
    # Traced only once: a `tf.function` would warn of retracing from the third style on.
    expected = tf.function(
        lambda images: 255 * net(images, training=False),
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)],
        autograph=False,
    ).get_concrete_function()
    for batch, height, width in _CHECKED if size is None else ((1, *size),):
        levels = np.rint(255 * cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)).astype(np.uint8)
        images = np.stack([levels, levels[::-1]][:batch])
        found = difference(np.abs(run(images) - expected(tf.constant(images, tf.float32) / 255).numpy()))
        if not found <= TOLERANCE:
            raise InputError(
                f"{name} differs from its net: by {found:.3g} of 255 at {height}x{width}, and at most {TOLERANCE:g} "
                f"was expected. Nothing was written; choose another `format` or `size`."
            )


# SavedModel


def _write_saved_model(served: keras.Model, path: Path, size: Size) -> None:
    """Write a SavedModel with its two signatures."""
    several = tf.TensorSpec((None, *(size or (None, None)), 3), tf.uint8, "images")

    def check(images):
        if size is None:
            message = f"Expected pictures of at least {MIN_SIDE} pixels per side."
            tf.debugging.assert_greater_equal(tf.shape(images)[1:3], MIN_SIDE, message)

    def stylize_one(image):
        # In the form for CPUs, which any server can run.
        with of_one_picture():
            return served(image[None], training=False)

    @tf.function(input_signature=[several], autograph=False)
    def stylize_images(images):
        check(images)
        return tf.cond(
            tf.shape(images)[0] == 1,
            lambda: stylize_one(images[0]),
            lambda: served(images, training=False),
        )

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")], autograph=False)
    def stylize_bytes(image_bytes):
        def one(encoded):
            image = tf.cond(
                tf.io.is_jpeg(encoded),
                # As other decoders do; TensorFlow's default differs by up to 15 of 255.
                lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
                lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
            )
            image = tf.ensure_shape(image, several.shape[1:])
            check(image[None])
            return tf.io.encode_png(stylize_one(image)["stylized"][0])

        return {"stylized_bytes": tf.map_fn(one, image_bytes, fn_output_signature=tf.string, parallel_iterations=1)}

    # A Keras model would be tracked twice, and so would its weights be written twice.
    module = tf.Module()
    module.weights = [variable.value for variable in served.variables]
    module.stylize_images, module.stylize_bytes = stylize_images, stylize_bytes
    signatures = {"serving_default": stylize_images, "serving_bytes": stylize_bytes}
    with _told_as_os_error():
        tf.saved_model.save(module, path, signatures=signatures)


@contextlib.contextmanager
def _told_as_os_error() -> Iterator[None]:
    """Raise TensorFlow's errors of a full disk or a limit of file size as OSError."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError) as error:
        raise OSError(error.message.rpartition("; ")[2]) from error


def _run_saved_model(path: Path) -> Iterator[Callable]:
    """Each signature of a SavedModel, as a function of images."""
    signatures = tf.saved_model.load(path).signatures
    yield lambda images: signatures["serving_default"](images=tf.constant(images))["stylized"].numpy()

    def by_bytes(images):
        encoded = tf.stack([tf.io.encode_png(image) for image in images])
        results = signatures["serving_bytes"](image_bytes=encoded)["stylized_bytes"]
        return np.stack([tf.io.decode_png(result).numpy() for result in results])

    yield by_bytes


def _write_extra(path: Path, name: str, size: Size, card: dict) -> None:
    """Write requests with which TensorFlow Serving warms up a new version, and metadata."""
    (path / EXTRA).mkdir()
    height, width = size or (64, 64)
    # A constant tensor takes a few bytes at any size.
    images = tf.make_tensor_proto(0, tf.uint8, (1, height, width, 3))
    encoded = tf.make_tensor_proto([tf.io.encode_png(tf.zeros((height, width, 3), tf.uint8)).numpy()])
    with tf.io.TFRecordWriter(str(path / WARMUP)) as writer:
        writer.write(_prediction_log(name, "serving_default", "images", images))
        writer.write(_prediction_log(name, "serving_bytes", "image_bytes", encoded))
    taken = "x".join(map(str, size)) if size else "any"
    metadata = {"style": name, "version": keras_nst.__version__, "size": taken, "card": card}
    (path / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", "utf-8")


def _prediction_log(model: str, signature: str, name: str, tensor) -> bytes:
    """A `PredictionLog` of TensorFlow Serving with one request and one tensor, made without its package."""
    specification = _field(1, model.encode()) + _field(3, signature.encode())
    inputs = _field(1, name.encode()) + _field(2, tensor.SerializeToString())
    request = _field(1, specification) + _field(2, inputs)
    return _field(6, _field(1, request))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    length, left = b"", len(content)
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def _next_version(folder: Path, name: str) -> Path:
    """The folder of the style's next version."""
    config, model = folder / CONFIG, folder / name
    if config.exists() and not config.read_text("utf-8").startswith(_CONFIG_HEAD):
        raise InputError(f"{config} was not written by keras-nst export. Choose another `output`.")
    if not model.exists():
        return model / "1"
    versions = [entry for entry in model.iterdir() if entry.name[0] != "."] if model.is_dir() else [model]
    for version in versions:
        if not (version.name.isdecimal() and _style(version) == name):
            raise InputError(
                f"{version} is not an exported {name}. Expected only versions of it. Choose another `output`."
            )
    return model / str(1 + max((int(version.name) for version in versions), default=0))


def _style(version: Path) -> str | None:
    """The style that a folder is an export of."""
    try:
        return json.loads((version / METADATA).read_text("utf-8"))["style"]
    except (OSError, ValueError, KeyError):
        return None


def _write_config(folder: Path) -> None:
    """List the styles of a folder for tensorflow_model_server."""
    names = sorted({version.parent.name for version in folder.glob("*/*") if _style(version) == version.parent.name})
    entries = [
        f"  config {{ name: {json.dumps(name)} base_path: {json.dumps(f'{MOUNTED}/{name}')} "
        'model_platform: "tensorflow" }\n'
        for name in names
    ]
    with replacing(folder / CONFIG) as temporary:
        temporary.write_text(f"{_CONFIG_HEAD}model_config_list {{\n{''.join(entries)}}}\n", "utf-8")


# ONNX and LiteRT


def _free(path: Path) -> Path:
    if path.exists():
        raise InputError(f"{path} exists. Remove it or choose another `output`.")
    return path


def _write_onnx(served: keras.Model, path: Path, size: Size) -> None:
    signature = [keras.InputSpec(shape=(None, *(size or (None, None)), 3), dtype="uint8", name="images")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # From Keras, about a name in NumPy.
        served.export(path, format="onnx", input_signature=signature, verbose=False)


def _run_onnx(path: Path) -> Iterator[Callable]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    yield lambda images: session.run(["stylized"], {"images": images})[0]


def _write_litert(served: keras.Model, path: Path, size: Size, **settings) -> None:
    with _told_as_os_error():
        served.export(path, format="litert", verbose=False, **settings)


def _write_litert_int8(served: keras.Model, path: Path, size: Size) -> None:
    _write_litert(served, path, size, optimizations=[tf.lite.Optimize.DEFAULT])


def _run_litert(path: Path) -> Iterator[Callable]:
    from ai_edge_litert.interpreter import Interpreter

    # It fails if the converter has silently left operations to TensorFlow.
    run = Interpreter(str(path)).get_signature_runner("serving_default")
    yield lambda images: run(images=images)["stylized"]


class _Format(NamedTuple):
    write: Callable[[keras.Model, Path, Size], None]
    runners: Callable[[Path], Iterator[Callable]]
    suffix: str = ""
    packages: tuple[str, ...] = ()
    difference: Callable[[np.ndarray], float] = np.max


_FORMATS = {
    "saved_model": _Format(_write_saved_model, _run_saved_model),
    "onnx": _Format(_write_onnx, _run_onnx, ".onnx", ("tf2onnx", "onnxruntime")),
    "litert": _Format(_write_litert, _run_litert, ".tflite", ("ai_edge_litert",)),
    # With 8-bit weights, single pixels may differ by more.
    "litert-int8": _Format(_write_litert_int8, _run_litert, "-int8.tflite", ("ai_edge_litert",), np.mean),
}
