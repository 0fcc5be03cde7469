"""Trained styles on disk: a folder with the net, its card and a preview.

    starry_night/
        model.keras     the net, its weights in half precision
        card.json       what made it: recipe, weights, data, steps, final losses, version, hashes of style image and net
        preview.jpg     photographs above, results below

Finding and listing styles needs no Keras; it is loaded with the first net.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import keras_nst
from keras_nst.errors import InputError, unknown
from keras_nst.files import replacing

if TYPE_CHECKING:
    import keras

MODEL, CARD, PREVIEW = "model.keras", "card.json", "preview.jpg"
TRAINED = Path("saved_models")
"""Where train.py puts new styles: a folder of the working directory."""

HASH = "model_sha256"
"""What a card tells of the net's file."""

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
        InputError: No such style, or a model file that Keras cannot read, or another than its card tells of.
    """
    path, expected = find_style(style) / MODEL, read_card(style).get(HASH)
    if expected and _sha256(path) != expected:
        raise InputError(f"{path} is not the net that its {CARD} tells of: another SHA-256. Copy the style anew.")
    import keras

    import keras_nst.models.layers  # noqa: F401  (registers the layers that the file names)

    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # A damaged file can fail anywhere between zip, JSON and HDF5.
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} cannot be loaded: {reason} Train the style again or copy it anew.") from error


def save_style(folder: str | Path, net: "keras.Model", card: dict) -> None:
    """Write a style's net, its weights in half precision, and its card, with the hash of the net.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    with replacing(folder / MODEL) as temporary:
        net.save(temporary)
        _halve(temporary)
        card = {**card, HASH: _sha256(temporary)}
        # Whenever this ends, there is no card beside a net that is not its own.
        (folder / CARD).unlink(missing_ok=True)
    with replacing(folder / CARD) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error


def _halve(path: Path) -> None:
    """Rewrite a .keras archive with float16 arrays; Keras casts them to the variables' own type as it loads them."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO()
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as full, h5py.File(weights, "w") as half:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            is_array = isinstance(item, h5py.Dataset)
            is_float = is_array and item.dtype.kind == "f"
            copied = (
                half.create_dataset(name, data=item[()].astype("float16") if is_float else item[()])
                if is_array
                else half.require_group(name)
            )
            copied.attrs.update(item.attrs)

        half.attrs.update(full.attrs)
        full.visititems(copy)
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
