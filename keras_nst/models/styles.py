"""Trained styles on disk: a folder with the net, its card and a preview.

    starry_night/
        model.keras     the net, its weights in half precision
        card.json       what made it: recipe, weights, data, steps, final losses, version, hashes of style image and net
        preview.jpg     photographs above, results below

Finding and listing styles needs no Keras; it is loaded with the first net.
"""

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import keras_nst
from keras_nst.errors import InputError, unknown
from keras_nst.files import replacing, sha256

if TYPE_CHECKING:
    import keras

MODEL, CARD, PREVIEW = "model.keras", "card.json", "preview.jpg"
TRAINED = Path("saved_models")
"""Where train.py puts new styles: a folder of the working directory."""

HASH = "model_sha256"
"""What a card tells of the net's file."""

MAX_BYTES = 500_000_000
"""What a net's file may unpack to: a hundred times the paper's net."""

# fmt: off
KERAS_LAYERS = frozenset({
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D",
    "Conv2DTranspose", "Cropping2D", "DepthwiseConv2D", "Dropout", "ELU", "GlobalAveragePooling2D",
    "GroupNormalization", "Identity", "InputLayer", "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum",
    "Minimum", "Multiply", "PReLU", "ReLU", "Rescaling", "SeparableConv2D", "Softmax", "SpectralNormalization",
    "Subtract", "UpSampling2D", "ZeroPadding2D",
})
# fmt: on
"""Layers of Keras that a net may be made of, beside those of this package and others that the program has registered.

They compute with pictures and do nothing else: there are layers of Keras that read files or run other programs' code.
"""

# Where Keras keeps what else a net's configuration names: the net itself, initializers, operations on tensors.
_AROUND_LAYERS = (
    *("keras.activations", "keras.constraints", "keras.initializers", "keras.models", "keras.ops"),
    *("keras.regularizers", "keras.src.models.", "keras.src.ops."),
)

_EXPECTED = "Expected RGB (None, None, None, 3) to the same. Train the style again or copy it anew."

_PACKAGE = Path(keras_nst.__file__).parent
# Beside the package in a checkout, inside it once installed.
_SHIPPED = next((path for path in (_PACKAGE / TRAINED, _PACKAGE.parent / TRAINED) if path.is_dir()), TRAINED)


def styles() -> dict[str, Path]:
    """The folders of all styles that can be asked for by name: those shipped, and those of the working directory."""
    folders = [*sorted(_SHIPPED.glob("*")), *sorted(TRAINED.glob("*"))]
    return {folder.name: folder for folder in folders if (folder / MODEL).is_file()}


def find_style(style: str | Path) -> Path:
    """The folder of a style.

    Args:
        style: The name of a style, or the path of its folder.

    Raises:
        InputError: No such style, or a folder without a model.
    """
    known = styles()
    if str(style) in known:
        return known[str(style)]
    folder = Path(style)
    if folder.is_dir():
        if not (folder / MODEL).is_file():
            raise InputError(
                f"{folder} is not a style: it holds no {MODEL}. Expected a folder that train.py has written."
            )
        return folder
    raise unknown("style", str(style), known)


def read_card(style: str | Path) -> dict:
    """The card of a style; empty where it has none.

    Raises:
        InputError: No such style, or a card that is no JSON object.
    """
    path = find_style(style) / CARD
    try:
        card = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{path} is not valid JSON ({error}). Mend it or remove it.") from error
    if not isinstance(card, dict):
        raise InputError(f"{path} holds no facts by their names. Mend it or remove it.")
    return card


def load_net(style: str | Path) -> "keras.Model":
    """The net of a style, from photographs (batch, height, width, 3) in [0, 1] to stylized ones of the same shape.

    Raises:
        InputError: No such style, a model file that Keras cannot read, another than its card tells of, or one of
            other layers, shapes or weights than a net's, which are finite.
    """
    path, expected = find_style(style) / MODEL, read_card(style).get(HASH)
    if expected and sha256(path) != expected:
        raise InputError(f"{path} is not the net that its {CARD} tells of: another SHA-256. Copy the style anew.")
    import keras

    import keras_nst.models.layers  # noqa: F401  (registers the layers that the file names)

    try:
        _check_archive(path)
        net = keras.saving.load_model(path, compile=False)
        _check_net(path, net)
        return net
    except InputError:
        raise
    except Exception as error:  # A damaged file can fail anywhere between zip, JSON and HDF5.
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} cannot be loaded: {reason} Train the style again or copy it anew.") from error


def save_style(folder: str | Path, net: "keras.Model", card: dict, preview: Path | None = None) -> None:
    """Write a style's net, its weights in half precision, its preview, and its card, with the hash of the net.

    A style that the folder holds is replaced as a whole, once all of the new one has been written.

    Args:
        folder: The style's folder.
        net: As `load_net` gives it.
        card: What made it.
        preview: The preview's file, which is copied; None, or a missing one, for no preview.

    Raises:
        InputError: The folder cannot be written, or weights are no numbers in half precision.
    """
    folder = Path(folder)
    has_preview = preview is not None and preview.is_file()
    with contextlib.ExitStack() as files:  # They take their names in the opposite order, the card last.
        card_file = files.enter_context(replacing(folder / CARD))
        if has_preview:
            shutil.copyfile(preview, files.enter_context(replacing(folder / PREVIEW)))
        net_file = files.enter_context(replacing(folder / MODEL))
        net.save(net_file)
        _halve(net_file)
        card_file.write_text(json.dumps({**card, HASH: sha256(net_file)}, indent=2) + "\n", "utf-8")
        # Whenever this ends, there is no card beside a net that is not its own.
        (folder / CARD).unlink(missing_ok=True)
        if not has_preview:
            (folder / PREVIEW).unlink(missing_ok=True)


def _check_archive(path: Path) -> None:
    """Refuse a .keras archive before it is unpacked.

    Raises:
        InputError: It unpacks to more than `MAX_BYTES`, or asks for a layer that nets are not made of.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise InputError(f"{path} unpacks to {size:,} bytes, and a net has at most {MAX_BYTES:,}. Copy it anew.")
        asked = _classes(json.loads(archive.read("config.json")))
    from keras.saving import get_registered_object

    for module, name, registered in asked:
        known = name in KERAS_LAYERS if module == "keras.layers" else module.startswith(_AROUND_LAYERS)
        if not known and get_registered_object(registered) is None:
            raise InputError(f"{path} asks for {module}.{name}, of which no net of a style is made. Copy it anew.")


def _classes(config) -> Iterator[tuple[str, str, str]]:
    """Module, name and registered name of each class in a net's configuration."""
    if isinstance(config, dict):
        # Without a module it is a tensor, or what Keras itself refuses.
        if "class_name" in config and config.get("module") not in (None, "keras"):
            yield tuple(str(config.get(key) or "") for key in ("module", "class_name", "registered_name"))
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from _classes(part)


def _check_net(path: Path, net: "keras.Model") -> None:
    """Refuse what is no net of a style, by its shapes, its weights and what it makes of a gray picture.

    Raises:
        InputError: It is none.
    """
    from keras import ops

    shapes = [getattr(getattr(net, side, None), "shape", None) for side in ("input", "output")]
    if shapes != [(None, None, None, 3)] * 2:
        raise InputError(f"{path} is no net of a style: it turns {shapes[0]} into {shapes[1]}. {_EXPECTED}")
    if not all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in net.weights):
        raise InputError(f"{path} is damaged: some of its weights are no numbers. {_EXPECTED}")
    gray = np.full((1, 17, 22, 3), 0.5, np.float32)
    result = ops.convert_to_numpy(net(gray, training=False))
    if result.shape != gray.shape or not np.isfinite(result).all():
        made = "what are no numbers" if result.shape == gray.shape else result.shape
        raise InputError(f"{path} is no net of a style: it makes {made} of a picture {gray.shape}. {_EXPECTED}")


def _halve(path: Path) -> None:
    """Rewrite a .keras archive with float16 arrays; Keras casts them to the variables' own type as it loads them."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO()
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as full, h5py.File(weights, "w") as half:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            is_array = isinstance(item, h5py.Dataset)
            if is_array:
                values = item[()].astype("float16") if item.dtype.kind == "f" else item[()]
                if not np.isfinite(values).all():
                    raise InputError(f"The weights {name} are no numbers in half precision. Train with a lower --lr.")
                copied = half.create_dataset(name, data=values)
            else:
                copied = half.require_group(name)
            copied.attrs.update(item.attrs)

        half.attrs.update(full.attrs)
        full.visititems(copy)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
