"""Styles by name: those that are shipped, those that were trained here, and those of paintings.

Keras is loaded only with the first net, not to find or list styles.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_nst.errors import InputError, unknown
from keras_nst.models import saved
from keras_nst.models.painter import NAME, style_of
from keras_nst.models.saved import CODE, MODEL, PAINTER, check_weights, load, load_painter, read_facts

if TYPE_CHECKING:
    import keras

FAST = "-lite"
"""Ending of the name of a style's fast net."""

_EXPECTED = "Expected RGB (None, None, None, 3) to the same. Train the style or copy it again."


def styles() -> dict[str, Path]:
    """The folders of all styles by name: the shipped ones and those in the working directory.

    The fast net of a style is not a style of its own: see `find_style`.

    >>> "starry_night" in keras_nst.styles()
    True
    """
    known = _known()
    return {name: folder for name, folder in known.items() if name == _plain(name) or _plain(name) not in known}


def _known() -> dict[str, Path]:
    """The folders of all nets and codes, by name."""
    folders = [*sorted(saved.SHIPPED.glob("*")), *sorted(saved.TRAINED.glob("*"))]
    inside = [style for folder in folders if (folder / PAINTER).is_file() for style in sorted(folder.glob("*"))]
    return {folder.name: folder for folder in (*inside, *folders) if is_style(folder)}


def _plain(name: str) -> str:
    """The name of the style whose fast net has this name, or the name itself."""
    return name.removesuffix(FAST)


def has_fast(style: str) -> bool:
    """Whether a style of `styles` has a fast net."""
    return style + FAST in _known()


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


def find_style(style: str | Path, *, fast: bool = False) -> Path:
    """Find the folder of a style.

    Args:
        style: The name of a style, its folder, or the file of a painting, whose style is predicted.
        fast: Whether to find its fast net: the folder beside it with the suffix `FAST`.

    Raises:
        InputError: No such style, a folder without a net or code, no fast net, or a painting that cannot be read.
    """
    folder = _find(style)
    if not fast or folder.name.endswith(FAST):
        return folder
    if not is_style(smaller := folder.with_name(folder.name + FAST)):
        raise InputError(f"The style {style} has no fast net. Leave out `fast`, or learn one with --net lite.")
    return smaller


def _find(style: str | Path) -> Path:
    known = _known()
    named = str(style) if str(style) in known else str(style).lower().replace(" ", "_")
    if named in known and (named == style or not Path(style).exists()):
        return known[named]
    folder = Path(style)
    if folder.is_dir():
        if (folder / PAINTER).is_file():
            raise InputError(
                f"{folder} is a net of many styles. Expected one of them: a folder in it; or a painting, if the net "
                f"is {saved.TRAINED / NAME}."
            )
        if not is_style(folder):
            raise InputError(
                f"{folder} is not a style: it holds neither {MODEL} nor {CODE}. "
                "Expected a folder that train.py has written."
            )
        return folder
    if folder.is_file():
        return style_of(folder)
    raise unknown("style", str(style), styles())


def read_card(style: str | Path) -> dict:
    """Read the card of a style; empty if it has none.

    Raises:
        InputError: No such style, or a card that is not a JSON object.
    """
    return read_facts(find_style(style))


def origin(style: str | Path) -> str:
    """Title, artist and year of a style's painting, as far as its card tells them.

    >>> origin("wave")
    'The Great Wave off Kanagawa, Katsushika Hokusai, 1831'

    Raises:
        InputError: As from `read_card`.
    """
    card = read_card(style)
    return ", ".join(str(card[key]) for key in ("title", "artist", "date") if card.get(key))


def steps_of(card: dict) -> int:
    """The steps that a style's net was trained for, with those of the style that it was started from."""
    start = card.get("init")
    return int(card.get("steps", 0)) + (steps_of(start) if isinstance(start, dict) else 0)


def load_net(style: str | Path) -> "keras.Model":
    """Load the net of a style, from photographs (batch, height, width, 3) in [0, 1] to the same shape and range.

    Raises:
        InputError: No such style; a file that Keras cannot read, whose hash differs from its card's, or whose layers,
            shapes or weights are not those of a style's net.
    """
    folder = find_style(style)
    if not (folder / CODE).is_file():
        return load(folder / MODEL, _check_net)
    from keras_nst.models.rewrite import bake

    net = load_conditional(find_painter(folder))
    return bake(net, read_code(folder, net))


def load_conditional(home: Path) -> "keras.Model":
    """Load a net of many styles without its predictor, from {"image", "code"} to the picture. It is kept for the next.

    Raises:
        InputError: As `load_painter`.
    """
    return _conditional(home, (home / PAINTER).stat().st_mtime_ns)


@functools.lru_cache(1)
def _conditional(home: Path, changed: int) -> "keras.Model":
    from keras_nst.models.predictor import parts

    return parts(load_painter(home))[0]


def read_code(folder: Path, net: "keras.Model") -> np.ndarray:
    """Read the code of a style, (n,), for its net of many styles.

    Raises:
        InputError: The file is damaged, or the net expects another length.
    """
    code = _read_code(folder / CODE)
    if len(code) != (expected := net.input["code"].shape[-1]):
        raise InputError(
            f"{folder / CODE} has {len(code)} numbers, and its net expects {expected}. Copy the style again."
        )
    return code


def find_painter(folder: Path) -> Path:
    """Find the net that a style's code is for: around or next to the style, in `TRAINED`, or shipped.

    Raises:
        InputError: The style's card does not name a net, the net is missing, or it is another one by this name.
    """
    card = read_facts(folder)
    name = str(card.get("painter", ""))
    named = [home / name for home in (folder.parent, saved.TRAINED, saved.SHIPPED) if name and Path(name).name == name]
    homes = [home for home in (folder.parent, *named) if (home / PAINTER).is_file()]
    for home in homes:
        if card.get(saved.PAINTER_HASH) in (None, read_facts(home).get(saved.HASH)):
            return home
    if homes:
        raise InputError(f"{folder} is a code for another net than {homes[0]}. Copy its own net, or learn it again.")
    raise InputError(f"{folder} is a code for the net {name!r}, which is not next to it. Copy the net's folder, too.")


def _read_code(path: Path) -> np.ndarray:
    try:
        # Mapped, because a header can claim any size.
        code = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. Copy the style again.") from error
    if code.ndim != 1 or code.dtype.kind != "f" or not np.isfinite(code).all():
        raise InputError(f"{path} is not the code of a style. Expected a row of finite numbers. Copy the style again.")
    return code.astype(np.float32)


def _check_net(path: Path, net: "keras.Model") -> None:
    """Check that a model is a style's net: its shapes, its weights and its result for a gray picture.

    Raises:
        InputError: It is not.
    """
    from keras import ops

    shapes = [getattr(getattr(net, side, None), "shape", None) for side in ("input", "output")]
    if shapes != [(None, None, None, 3)] * 2:
        raise InputError(f"{path} is not a style's net: it turns {shapes[0]} into {shapes[1]}. {_EXPECTED}")
    check_weights(path, net)
    gray = np.full((1, 17, 22, 3), 0.5, np.float32)
    result = ops.convert_to_numpy(net(gray, training=False))
    if result.shape != gray.shape or not np.isfinite(result).all():
        made = "values that are not finite" if result.shape == gray.shape else result.shape
        raise InputError(f"{path} is not a style's net: it turns a picture {gray.shape} into {made}. {_EXPECTED}")
