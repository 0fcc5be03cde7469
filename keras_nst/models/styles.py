"""Trained styles on disk: a folder with the net, its card and a preview.

    starry_night/
        model.keras     the net, with weights in half precision; or, instead,
        code.npy        the style's code for a net of many styles
        card.json       origin: recipe, weights, data, steps, final losses, version, hashes of style image and net
        preview.jpg     photographs above, results below
    unet/
        painter.keras   a net of many styles, and the predictor of their codes
        card.json, preview.jpg

Keras is loaded only with the first net, not to find or list styles.
"""

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import keras_nst
from keras_nst.errors import InputError, unknown
from keras_nst.files import check_unpacked, replacing, sha256

if TYPE_CHECKING:
    import keras

MODEL, PAINTER, CODE, CARD, PREVIEW = "model.keras", "painter.keras", "code.npy", "card.json", "preview.jpg"
TRAINED = Path("saved_models")
"""Folder in the working directory that train.py writes new styles to."""

HASH = "model_sha256"
"""Key of a card: the SHA-256 of the net's file."""

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

_EXPECTED = "Expected RGB (None, None, None, 3) to the same. Train the style or copy it again."

_PACKAGE = Path(keras_nst.__file__).parent
# Next to the package in a checkout; inside the package if it is installed.
SHIPPED = next((path for path in (_PACKAGE / TRAINED, _PACKAGE.parent / TRAINED) if path.is_dir()), TRAINED)


def styles() -> dict[str, Path]:
    """The folders of all styles by name: the shipped ones and those in the working directory.

    >>> "starry_night" in keras_nst.styles()
    True
    """
    folders = [*sorted(SHIPPED.glob("*")), *sorted(TRAINED.glob("*"))]
    return {folder.name: folder for folder in folders if is_style(folder)}


def is_style(folder: Path) -> bool:
    """Whether a folder holds a style: a net, or a code for one."""
    return any((folder / file).is_file() for file in (MODEL, CODE))


def net_files(folder: Path) -> tuple[Path, ...]:
    """The files that define the net of a style.

    Raises:
        InputError: The style is a code, and its net is missing.
    """
    code = folder / CODE
    return (code, find_painter(folder) / PAINTER) if code.is_file() else (folder / MODEL,)


def find_style(style: str | Path) -> Path:
    """Find the folder of a style.

    Args:
        style: The name of a style, its folder, or the file of a painting, whose style is predicted.

    Raises:
        InputError: No such style, a folder without a net or code, or a painting that cannot be read.
    """
    known = styles()
    named = str(style) if str(style) in known else str(style).lower().replace(" ", "_")
    if named in known and (named == style or not Path(style).exists()):
        return known[named]
    folder = Path(style)
    if folder.is_dir():
        if not is_style(folder):
            raise InputError(
                f"{folder} is not a style: it holds neither {MODEL} nor {CODE}. "
                "Expected a folder that train.py has written."
            )
        return folder
    if folder.is_file():
        from keras_nst.models.painter import style_of

        return style_of(folder)
    raise unknown("style", str(style), known)


def read_card(style: str | Path) -> dict:
    """Read the card of a style; empty if it has none.

    Raises:
        InputError: No such style, or a card that is not a JSON object.
    """
    return read_facts(find_style(style))


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


def load_net(style: str | Path) -> "keras.Model":
    """Load the net of a style, from photographs (batch, height, width, 3) in [0, 1] to the same shape and range.

    Raises:
        InputError: No such style; a file that Keras cannot read, whose hash differs from its card's, or whose layers,
            shapes or weights are not those of a style's net.
    """
    folder = find_style(style)
    if not (folder / CODE).is_file():
        return _load(folder / MODEL, _check_net)
    from keras_nst.models.predictor import parts
    from keras_nst.models.rewrite import bake

    code = _read_code(folder / CODE)
    net, _ = parts(load_painter(find_painter(folder)))
    if len(code) != (expected := net.input["code"].shape[-1]):
        raise InputError(
            f"{folder / CODE} has {len(code)} numbers, and its net expects {expected}. Copy the style again."
        )
    return bake(net, code)


def find_painter(folder: Path) -> Path:
    """Find the net that a style's code is for: in a folder next to the style, in `TRAINED`, or shipped.

    Raises:
        InputError: The style's card does not name a net, or the net is missing.
    """
    name = str(read_facts(folder).get("painter", ""))
    for home in (folder.parent, TRAINED, SHIPPED):
        if name and Path(name).name == name and (home / name / PAINTER).is_file():
            return home / name
    raise InputError(f"{folder} is a code for the net {name!r}, which is not next to it. Copy the net's folder, too.")


def load_painter(folder: str | Path) -> "keras.Model":
    """Load a net of many styles with its predictor, as built by `keras_nst.models.predictor.predicted`.

    Args:
        folder: The net's folder.

    Raises:
        InputError: No such net, or one that cannot be loaded (see `load_net`).
    """
    return _load(check_painter(folder) / PAINTER, _check_weights)


def check_painter(folder: str | Path) -> Path:
    """Check that a folder holds a net of many styles, and return it.

    Raises:
        InputError: It does not.
    """
    if not (Path(folder) / PAINTER).is_file():
        raise InputError(f"{folder} holds no {PAINTER}. Expected the folder of a net of many styles.")
    return Path(folder)


def _read_code(path: Path) -> np.ndarray:
    try:
        # Mapped, because a header can claim any size.
        code = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. Copy the style again.") from error
    if code.ndim != 1 or code.dtype.kind != "f" or not np.isfinite(code).all():
        raise InputError(f"{path} is not the code of a style. Expected a row of finite numbers. Copy the style again.")
    return code.astype(np.float32)


def _load(path: Path, check: Callable[[Path, "keras.Model"], None]) -> "keras.Model":
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

    A style that is in the folder is replaced as a whole, after the new one has been written.

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
        # The old files go first: wherever this is interrupted, no card lies next to another net than its own.
        (folder / CARD).unlink(missing_ok=True)
        if not has_preview:
            (folder / PREVIEW).unlink(missing_ok=True)


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


def _check_net(path: Path, net: "keras.Model") -> None:
    """Check that a model is a style's net: its shapes, its weights and its result for a gray picture.

    Raises:
        InputError: It is not.
    """
    from keras import ops

    shapes = [getattr(getattr(net, side, None), "shape", None) for side in ("input", "output")]
    if shapes != [(None, None, None, 3)] * 2:
        raise InputError(f"{path} is not a style's net: it turns {shapes[0]} into {shapes[1]}. {_EXPECTED}")
    _check_weights(path, net)
    gray = np.full((1, 17, 22, 3), 0.5, np.float32)
    result = ops.convert_to_numpy(net(gray, training=False))
    if result.shape != gray.shape or not np.isfinite(result).all():
        made = "values that are not finite" if result.shape == gray.shape else result.shape
        raise InputError(f"{path} is not a style's net: it turns a picture {gray.shape} into {made}. {_EXPECTED}")


def _check_weights(path: Path, net: "keras.Model") -> None:
    from keras import ops

    if not all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in net.weights):
        raise InputError(f"{path} is damaged: some of its weights are not finite. Copy it again.")


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
