"""Nets and styles on disk: a folder with the net, its card and a preview.

    starry_night/
        model.keras     the net, with weights in half precision; or, instead,
        code.npy        the style's code for a net of many styles
        card.json       origin: recipe, weights, data, steps, final losses, version, hashes of style image and net
        preview.jpg     photographs above, results below
        training/       its training: log.csv, and while it is unfinished checkpoints and another preview
    unet/
        painter.keras   a net of many styles, and the predictor of their codes
        card.json, preview.jpg

Keras is loaded only with the first net.
"""

import contextlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import keras_nst
from keras_nst.errors import InputError
from keras_nst.files import check_unpacked, replacing, sha256

if TYPE_CHECKING:
    import keras

MODEL, PAINTER, CODE, CARD, PREVIEW = "model.keras", "painter.keras", "code.npy", "card.json", "preview.jpg"
TRAINING, LOG = "training", "log.csv"
"""The subfolder of a training, and the file in it that is written first."""

TRAINED = Path("saved_models")
"""Folder in the working directory that train.py writes new styles to."""

HASH = "model_sha256"
"""Key of a card: the SHA-256 of the net's file."""

PAINTER_HASH = "painter_sha256"
"""Key of a code's card: the SHA-256 of the file of its net."""

MAX_BYTES = 500_000_000
"""Maximum size of a net's file when unpacked: a hundred times the paper's net."""

# fmt: off
KERAS_LAYERS = frozenset({
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D",
    "Conv2DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D", "Dropout", "ELU", "GlobalAveragePooling2D",
    "GroupNormalization", "Identity", "InputLayer", "LayerNormalization", "LeakyReLU", "MaxPooling2D", "Maximum",
    "Minimum", "Multiply", "PReLU", "ReLU", "Rescaling", "SeparableConv2D", "Softmax", "SpectralNormalization",
    "Subtract", "UpSampling2D", "ZeroPadding2D",
})
# fmt: on
"""Keras layers that a net may have, in addition to registered layers such as those of this package.

They only compute on pictures. Other Keras layers can read files or run foreign code.
"""

# Modules of other Keras objects that a net's configuration may name: the model, initializers, tensor operations.
_AROUND_LAYERS = (
    *("keras.activations", "keras.constraints", "keras.initializers", "keras.models", "keras.ops"),
    *("keras.regularizers", "keras.src.models.", "keras.src.ops."),
)

_PACKAGE = Path(keras_nst.__file__).parent
# Next to the package in a checkout; inside the package if it is installed.
SHIPPED = next((path for path in (_PACKAGE / TRAINED, _PACKAGE.parent / TRAINED) if path.is_dir()), TRAINED)


def name_for(painting: str | Path) -> str:
    """The name of the style that is learned from a file or folder, never empty; "." has the folder's own name."""
    path = Path(os.path.abspath(painting))  # `Path.resolve` would follow a link, to another name.
    return ((path.name if path.is_dir() else path.stem) or "style").lower().replace(" ", "_")


def read_facts(folder: str | Path) -> dict:
    """Read the card in the folder of a style or a net of many styles; empty if there is none.

    Raises:
        InputError: The card is not a JSON object.
    """
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{path} is not valid JSON ({error}). Correct it or remove it.") from error
    if not isinstance(card, dict):
        raise InputError(f"{path} is not a JSON object. Correct it or remove it.")
    return card


def holds_net(folder: Path) -> bool:
    """Whether a folder is that of a net or a style."""
    return any((folder / file).is_file() for file in (MODEL, PAINTER, CODE))


def has_previews(folder: Path) -> bool:
    """Whether the pictures in a folder are previews of a net, a style or a training, and no photographs."""
    return holds_net(folder) or (folder.name == TRAINING and (folder / LOG).is_file())


def codes_for(home: Path) -> list[Path]:
    """The folders within the folder of a net of many styles that hold codes for this net, by their cards."""
    if not (home / PAINTER).is_file():
        return []
    net = sha256(home / PAINTER)
    return [code.parent for code in sorted(home.glob(f"*/{CODE}")) if _painter_hash(code.parent) == net]


def _painter_hash(folder: Path) -> str | None:
    """The SHA-256 of the net that a code is for; None if its card does not tell."""
    with contextlib.suppress(InputError):
        return read_facts(folder).get(PAINTER_HASH)


def load_painter(net: str | Path) -> "keras.Model":
    """Load a net of many styles with its predictor, as built by `keras_nst.models.predictor.predicted`.

    Args:
        net: Its folder or name.

    Raises:
        InputError: No such net, or one that cannot be loaded (see `load_net`).
    """
    return load(find_home(net) / PAINTER, check_weights)


def find_home(net: str | Path) -> Path:
    """The folder of a net of many styles, given the folder or the name of a net in the working directory or shipped.

    Raises:
        InputError: There is no such net.
    """
    for folder in (Path(net), TRAINED / net, SHIPPED / net):
        if (folder / PAINTER).is_file():
            return folder
    raise InputError(f"{net} holds no {PAINTER}. Expected the folder or the name of a net of many styles.")


def load(path: Path, check: Callable[[Path, "keras.Model"], None]) -> "keras.Model":
    """Load a net.

    Args:
        path: The file.
        check: Raises an `InputError` if the net that was read from the path is not what is expected.

    Raises:
        InputError: The file cannot be read, its hash differs from its card's, or it has a layer that is not allowed.
    """
    facts = read_facts(path.parent)
    if HASH in facts and sha256(path) != facts[HASH]:
        raise InputError(f"{path} is not the net that its {CARD} describes: its SHA-256 differs. Copy the style again.")
    import keras

    import keras_nst.models.layers  # noqa: F401  (registers the layers named in the file)

    try:
        _check_archive(path)
        net = keras.saving.load_model(path, compile=False)
        check(path, net)
        return net
    except InputError:
        raise
    except Exception as error:  # A damaged file can fail anywhere between zip, JSON and HDF5.
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} cannot be loaded: {reason} Train the style or copy it again.") from error


def save_style(folder: str | Path, net: "keras.Model", card: dict, preview: Path | None = None) -> None:
    """Write a style: the net with weights in half precision, the preview, and the card with the hash of the net.

    A style that is in the folder is replaced as a whole, after the new one has been written, and with a net of many
    styles the codes for it that the folder holds.

    Args:
        folder: The style's folder.
        net: A net like those of `load_net` or `load_painter`.
        card: Facts about the style's origin.
        preview: The preview's file, which is copied; None, or a missing file, for no preview.

    Raises:
        InputError: The folder cannot be written, or a weight is not finite in half precision.
    """
    folder, file = Path(folder), PAINTER if isinstance(net.input, dict) else MODEL
    has_preview = preview is not None and preview.is_file()
    with contextlib.ExitStack() as files:  # The files are renamed in reverse order, the card last.
        card_file = files.enter_context(replacing(folder / CARD))
        if has_preview:
            shutil.copyfile(preview, files.enter_context(replacing(folder / PREVIEW)))
        net_file = files.enter_context(replacing(folder / file))
        net.save(net_file)
        _halve(net_file)
        card_file.write_text(json.dumps({**card, HASH: sha256(net_file)}, indent=2) + "\n", "utf-8")
        # The old files go first: wherever this is interrupted, no card or code lies next to another net than its own.
        for code in codes_for(folder):
            (code / CODE).unlink()  # First, since a code without its card would be one for any net.
            shutil.rmtree(code)
        for old in (CARD, *({MODEL, PAINTER, CODE} - {file}), *(() if has_preview else (PREVIEW,))):
            (folder / old).unlink(missing_ok=True)


def save_code(folder: str | Path, code: np.ndarray, card: dict, preview: Path | None = None) -> None:
    """Write a style that is a code for a net of many styles.

    Args:
        folder: The style's folder, next to that of the net.
        code: (n,).
        card: Facts about the style's origin; "painter" is the name of the net's folder.
        preview: As in `save_style`.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = Path(folder)
    with contextlib.ExitStack() as files:
        card_file = files.enter_context(replacing(folder / CARD))
        if preview is not None:
            shutil.copyfile(preview, files.enter_context(replacing(folder / PREVIEW)))
        with files.enter_context(replacing(folder / CODE)).open("wb") as file:
            np.save(file, np.asarray(code, np.float32))
        card_file.write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def _check_archive(path: Path) -> None:
    """Check a .keras archive before it is unpacked.

    Raises:
        InputError: It unpacks to more than `MAX_BYTES`, or names a class that is not allowed in a net.
    """
    check_unpacked(path, MAX_BYTES)
    with zipfile.ZipFile(path) as archive:
        asked = _classes(json.loads(archive.read("config.json")))
    from keras.saving import get_registered_object

    for module, name, registered in asked:
        known = name in KERAS_LAYERS if module == "keras.layers" else module.startswith(_AROUND_LAYERS)
        if not known and get_registered_object(registered) is None:
            raise InputError(f"{path} names {module}.{name}, which is not allowed in a style's net. Copy it again.")


def _classes(config) -> Iterator[tuple[str, str, str]]:
    """Module, name and registered name of each class in a net's configuration."""
    if isinstance(config, dict):
        # An entry without a module is a tensor, or refused by Keras itself.
        if "class_name" in config and config.get("module") not in (None, "keras"):
            yield tuple(str(config.get(key) or "") for key in ("module", "class_name", "registered_name"))
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from _classes(part)


def check_weights(path: Path, net: "keras.Model") -> None:
    """Refuse a net whose weights are not all finite.

    Raises:
        InputError: They are not.
    """
    from keras import ops

    if not all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in net.weights):
        raise InputError(f"{path} is damaged: some of its weights are not finite. Copy it again.")


def _halve(path: Path) -> None:
    """Rewrite a .keras archive with float16 arrays. On loading, Keras casts them to the dtype of the variables."""
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
                    raise InputError(
                        f"The weights {name} are not finite in half precision. Train with a lower `learning_rate`."
                    )
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
