"""What a visitor has chosen, as options, and how it is told."""

import dataclasses

from keras_nst.app.limits import check_number
from keras_nst.app.parts import title
from keras_nst.errors import InputError
from keras_nst.options import StylizeOptions

COLORS = [("Style", "style"), ("Photograph", "keep"), ("Colors only", "only")]
"""Labels and values."""

LARGEST_STROKE = 3


def chosen(
    style: str | None, strength: float, stroke: float, color: str, second: str | None, share: float
) -> StylizeOptions:
    """The options of what a visitor has chosen.

    Args:
        style: Name of a style, or path of a painting.
        strength: From 0, the photograph, to 1, the full style.
        stroke: Size of the strokes; 1 for the usual one, 2 for strokes twice as large.
        color: A value of `COLORS`.
        second: Name of a style that is blended in, or nothing.
        share: Its share, from 0 to 1.

    Raises:
        InputError: A setting is not one of these.
    """
    check_number(strength, 0, 1, "The strength")
    check_number(stroke, 1, LARGEST_STROKE, "The size of strokes")
    if color not in [value for _, value in COLORS]:
        raise InputError("There is no such choice of colors. Choose another one.")
    usual = StylizeOptions(strength=strength, color=color, **({"stroke": stroke} if stroke > 1 else {}))
    if not second:
        return dataclasses.replace(usual, style=[style])
    check_number(share, 0, 1, "The share")
    return dataclasses.replace(usual, style=[style, second], blend=[1 - share, share])


def told(options: StylizeOptions) -> str:
    """The titles of the styles."""
    return " + ".join(map(title, options.style))


def method(options: StylizeOptions) -> str:
    """The styles, for the name of a file."""
    return told(options).replace(" + ", "-").replace(" ", "_").lower()


def record(options: StylizeOptions) -> dict:
    """How a result is made, for its metadata."""
    used = ["strength", "stroke", "color", *["blend"] * bool(options.blend)]
    used += ["protect", "protect_strength"] * bool(options.protect)
    return {"style": told(options), **{name: getattr(options, name) for name in used}}
