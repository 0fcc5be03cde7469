"""Trained styles on disk: a folder with the net, its card and a preview.

    starry_night/
        model.keras     the net, its weights in half precision; or, of a net of many styles,
        code.npy        the code of this one
        card.json       what made it: recipe, weights, data, steps, final losses, version, hashes of style image and net
        preview.jpg     photographs above, results below
    unet/
        painter.keras   a net of many styles, and the predictor of their codes
        card.json, preview.jpg

Finding and listing styles needs no Keras; it is loaded with the first net.
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
from keras_nst.files import replacing, sha256

if TYPE_CHECKING:
    import keras

MODEL, PAINTER, CODE, CARD, PREVIEW = "model.keras", "painter.keras", "code.npy", "card.json", "preview.jpg"
TRAINED = Path("saved_models")
"""Where train.py puts new styles: a folder of the working directory."""

HASH = "model_sha256"
"""What a card tells of the net's file."""

MAX_BYTES = 500_000_000
"""What a net's file may unpack to: a hundred times the paper's net."""

# fmt: off
KERAS_LAYERS = frozenset({
    "Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Concatenate", "Conv2D",
    "Conv2DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D", "Dropout", "ELU", "GlobalAveragePooling2D",
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
SHIPPED = next((path for path in (_PACKAGE / TRAINED, _PACKAGE.parent / TRAINED) if path.is_dir()), TRAINED)


def styles() -> dict[str, Path]:
    """The folders of all styles that can be asked for by name: those shipped, and those of the working directory."""
    folders = [*sorted(SHIPPED.glob("*")), *sorted(TRAINED.glob("*"))]
    return {folder.name: folder for folder in folders if is_style(folder)}


def is_style(folder: Path) -> bool:
    """Whether a folder holds a net, or a code for one."""
    return any((folder / file).is_file() for file in (MODEL, CODE))


def net_files(folder: Path) -> tuple[Path, ...]:
    """The files that the net of a style is made of.

    Raises:
        InputError: It is a code, and the net that it is for is not there.
    """
    code = folder / CODE
    return (code, find_painter(folder) / PAINTER) if code.is_file() else (folder / MODEL,)


def find_style(style: str | Path) -> Path:
    """The folder of a style.

    Args:
        style: The name of a style, the path of its folder, or a painting's file, whose style is predicted.

    Raises:
        InputError: No such style, a folder without a model, or a painting that cannot be read.
    """
    known = styles()
    if str(style) in known:
        return known[str(style)]
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
    """The card of a style; empty where it has none.

    Raises:
        InputError: No such style, or a card that is no JSON object.
    """
    return read_facts(find_style(style))


def read_facts(folder: str | Path) -> dict:
    """What the card in a folder says, of a style or a net of many; empty where there is none.

    Raises:
        InputError: It is no JSON object.
    """
    path = Path(folder) / CARD
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
    folder = find_style(style)
    if not (folder / CODE).is_file():
        return _load(folder / MODEL, _check_net)
    from keras_nst.models.predictor import parts
    from keras_nst.models.rewrite import bake

    code = _read_code(folder / CODE)
    net, _ = parts(load_painter(find_painter(folder)))
    if net.input["code"].shape[-1] != len(code):
        raise InputError(f"{folder / CODE} has {len(code)} numbers, and its net takes others. Copy the style anew.")
    return bake(net, code)


def find_painter(folder: Path) -> Path:
    """The folder of the net that a style of many has its code for: beside the style, in `TRAINED`, or shipped.

    Raises:
        InputError: The style's card names none, or one that is not there.
    """
    name = str(read_facts(folder).get("painter", ""))
    for home in (folder.parent, TRAINED, SHIPPED):
        if name and Path(name).name == name and (home / name / PAINTER).is_file():
            return home / name
    raise InputError(f"The net {name!r} that {folder} has a code for is not beside it. Copy that folder, too.")


def load_painter(folder: str | Path) -> "keras.Model":
    """A net of many styles with the predictor of their codes, as `keras_nst.models.predictor.predicted` builds it.

    Args:
        folder: The net's folder.

    Raises:
        InputError: No such net, or one that cannot be loaded, as in `load_net`.
    """
    return _load(check_painter(folder) / PAINTER, _check_weights)


def check_painter(folder: str | Path) -> Path:
    """The folder of a net of many styles.

    Raises:
        InputError: It holds none.
    """
    if not (Path(folder) / PAINTER).is_file():
        raise InputError(f"{folder} holds no {PAINTER}. Expected the folder of a net that has learned many styles.")
    return Path(folder)


def _read_code(path: Path) -> np.ndarray:
    try:
        # Mapped, because a header can claim any size.
        code = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. Copy the style anew.") from error
    if code.ndim != 1 or code.dtype.kind != "f" or not np.isfinite(code).all():
        raise InputError(f"{path} is no code of a style. Expected one row of finite numbers. Copy the style anew.")
    return code.astype(np.float32)


def _load(path: Path, check: Callable[[Path, "keras.Model"], None]) -> "keras.Model":
    facts = read_facts(path.parent)
    if HASH in facts and sha256(path) != facts[HASH]:
        raise InputError(f"{path} is not the net that its {CARD} tells of: another SHA-256. Copy the style anew.")
    import keras

    import keras_nst.models.layers  # noqa: F401  (registers the layers that the file names)

    try:
        _check_archive(path)
        net = keras.saving.load_model(path, compile=False)
        check(path, net)
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
        net: As `load_net` or `load_painter` gives it.
        card: What made it.
        preview: The preview's file, which is copied; None, or a missing one, for no preview.

    Raises:
        InputError: The folder cannot be written, or weights are no numbers in half precision.
    """
    folder, file = Path(folder), PAINTER if isinstance(net.input, dict) else MODEL
    has_preview = preview is not None and preview.is_file()
    with contextlib.ExitStack() as files:  # They take their names in the opposite order, the card last.
        card_file = files.enter_context(replacing(folder / CARD))
        if has_preview:
            shutil.copyfile(preview, files.enter_context(replacing(folder / PREVIEW)))
        net_file = files.enter_context(replacing(folder / file))
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
    _check_weights(path, net)
    gray = np.full((1, 17, 22, 3), 0.5, np.float32)
    result = ops.convert_to_numpy(net(gray, training=False))
    if result.shape != gray.shape or not np.isfinite(result).all():
        made = "what are no numbers" if result.shape == gray.shape else result.shape
        raise InputError(f"{path} is no net of a style: it makes {made} of a picture {gray.shape}. {_EXPECTED}")


def _check_weights(path: Path, net: "keras.Model") -> None:
    from keras import ops

    if not all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in net.weights):
        raise InputError(f"{path} is damaged: some of its weights are no numbers. Copy it anew.")


def save_code(folder: str | Path, code: np.ndarray, card: dict, preview: Path | None = None) -> None:
    """Write a style that is a code of a net of many.

    Args:
        folder: The style's folder, beside that of the net.
        code: (n,).
        card: What made it; "painter" names the net's folder.
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
