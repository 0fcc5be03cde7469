"""Apply trained styles to a picture."""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_nst.errors import InputError
from keras_nst.infer.stylizer import Blend, Stylizer
from keras_nst.models.saved import CODE
from keras_nst.models.styles import find_style
from keras_nst.options import StylizeOptions
from keras_nst.pictures.color import with_colors
from keras_nst.pictures.compositing import blend
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.proof import Proof
from keras_nst.select.masks import strengths
from keras_nst.select.named import named_mask
from keras_nst.select.subject import MASKS, subject_mask

STROKES = {"fine": None, "small": 2048, "medium": 1280, "large": 720}
"""Longest side in pixels at which a larger picture is painted."""

_LOADED = 32


def stylize(
    picture: Picture,
    options: StylizeOptions,
    *,
    protected: np.ndarray | None = None,
    proof: Proof | None = None,
    grain: bool | np.ndarray = True,
    alone: bool = False,
) -> Picture:
    """Apply styles to a picture.

    Args:
        picture: At least 16x16 pixels.
        options: The options.
        protected: The mask of the protected part, (1, h, w, 1) in [0, 1]; None for `options.protect`.
        proof: None for `options.proof`.
        grain: As in `Stylizer`.
        alone: As in `Stylizer`.

    Returns:
        A picture of the same size, with the same alpha.

    Raises:
        InputError: There is no such style or mask, or too little memory.
    """
    if protected is None and options.protect:
        protected = protected_part(picture, options.protect)
    strength = options.strength
    if protected is not None:
        strength = strengths(protected, strength, options.protect_strength)
    folders = tuple(str(find_style(style, fast=options.fast)) for style in options.style)
    net = stylizer(folders, options.blend and tuple(options.blend), options.mixed_precision)
    size = painted_size(picture, options.stroke)
    result = net(picture, strength=strength, color=options.color, grain=grain, painted_size=size, alone=alone)
    if proof is None and options.proof:
        proof = Proof(options.proof)
    return Picture(proof(result.straight), result.alpha) if proof else result


def painted_size(picture: Picture, stroke: str | float) -> int | None:
    """Longest side in pixels at which a picture is painted with strokes of a size, which `Stylizer` takes."""
    return STROKES[stroke] if isinstance(stroke, str) else round(max(picture.rgb.shape[1:3]) / stroke)


def protected_part(picture: Picture, source: str, drawn: np.ndarray | None = None) -> np.ndarray:
    """The mask of the protected part, (1, h, w, 1) in [0, 1]; all zeros if there is no subject.

    Args:
        picture: The photograph.
        source: As in `named_mask`.
        drawn: As in `named_mask`.

    Raises:
        InputError: There is no such mask, or it has another size.
    """
    return subject_mask(picture, source) if source in MASKS else named_mask(source, picture, drawn)


def mixed(picture: Picture, painted: Picture, options: StylizeOptions, protected: np.ndarray | None = None) -> Picture:
    """Mix a picture with itself in a style, as `stylize` does with these options.

    Args:
        picture: The picture.
        painted: The same in the full style.
        options: Strength, color and protection.
        protected: As in `stylize`.
    """
    strength = options.strength
    if protected is not None:
        strength = strengths(protected, strength, options.protect_strength)
    colored = with_colors(painted.rgb, picture.rgb, options.color)
    return Picture(blend(picture.rgb, colored, strength), picture.alpha)


def in_styles(picture: Picture, styles: Sequence[str]) -> Iterator[tuple[int, Picture]]:
    """Paint a small picture in many styles. Those of a net of many styles come first: only the net has to be loaded.

    Args:
        picture: A small picture.
        styles: As `find_style` takes them.

    Yields:
        The place of a style in the sequence, and the picture in it.

    Raises:
        InputError: There is no such style, or it cannot be loaded.
    """
    for place in sorted(range(len(styles)), key=lambda place: not (find_style(styles[place]) / CODE).is_file()):
        yield place, stylizer((styles[place],)).glimpse(picture)


def stylizer(
    styles: Sequence[str], shares: Sequence[float] | None = None, mixed_precision: str = "auto"
) -> Callable[..., Picture]:
    """Load a style, or several to blend. It is the same object again, until one is a painting that has been tuned.

    Args:
        styles: Names, or paths of folders or paintings.
        shares: Weight of each style; None for equal weights.
        mixed_precision: As in `Stylizer`.

    Raises:
        InputError: There is no such style, or the numbers differ.
    """
    return _loaded(styles, shares, mixed_precision, tuple(map(_changed, styles)))


def _changed(style: str) -> int | None:
    """When the code of a style was last changed; None for a net of its own."""
    code = find_style(style) / CODE
    return code.stat().st_mtime_ns if code.is_file() else None


@functools.lru_cache(_LOADED)
def _loaded(styles: Sequence[str], shares: Sequence[float] | None, mixed_precision: str, changed: Sequence[int | None]):
    if shares is None and len(styles) == 1:
        return Stylizer(styles[0], mixed_precision=mixed_precision)
    if shares is not None and len(shares) != len(styles):
        raise InputError(f"`blend` needs a share for each `style`. Received: {len(shares)}.")
    return Blend(styles, shares, mixed_precision=mixed_precision)
