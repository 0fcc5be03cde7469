"""Sheets of pictures in columns, with captions that grow with the sheet and keep to their columns."""

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_nst.pictures.sheet import GAP, scaled

_FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")

_WIDEST, _HIGHEST, _NARROWEST = 3, 1.5, 0.5
"""Most width of a picture, most height of a picture and least width of a column, in heights of the sheet."""

_LONGEST = 200
"""Most characters of a text: more never fit into two lines."""

_SMALLER = 0.7
"""Size of an origin by that of its title; also how much titles shrink so that all fit."""

_LEAST_SIZE = 10
"""Least size of a text, in pixels."""


@dataclass(frozen=True)
class Caption:
    """What stands above a column.

    Attributes:
        name: In place of a title that is empty or does not fit.
        title: In one or two lines.
        origin: Smaller, below the title; left out where it does not fit into two lines.
    """

    name: str
    title: str = ""
    origin: str = ""


class Box(NamedTuple):
    """A rectangle of a sheet, in pixels; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int


class Text(NamedTuple):
    """A line of text on a sheet."""

    text: str
    box: Box
    size: int
    color: str


class Layout(NamedTuple):
    """Where everything is on a sheet.

    Attributes:
        width: Of the sheet, in pixels.
        height: Of the sheet, in pixels.
        column: Width of each column, in pixels.
        cells: The box of each picture, by row and column.
        texts: All lines of text.
    """

    width: int
    height: int
    column: int
    cells: list[list[Box]]
    texts: list[Text]


def captioned_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Caption],
    *,
    height: int = 320,
    sides: Sequence[str] | None = None,
    columns: int | None = None,
) -> np.ndarray:
    """Lay out pictures in rows and columns on white, with captions.

    Args:
        rows: Pictures (1, h, w, 3) in [0, 1]; those of a row have the same size.
        captions: What stands above each column.
        height: As of `lay_out`.
        sides: As of `lay_out`.
        columns: As of `lay_out`.

    Returns:
        The sheet, (1, H, W, 3) float32 in [0, 1].
    """
    layout = lay_out([row[0].shape[1:3] for row in rows], captions, height=height, sides=sides, columns=columns)
    sheet = np.ones((layout.height, layout.width, 3), np.float32)
    for row, boxes in zip(rows, layout.cells, strict=True):
        for picture, (left, top, right, bottom) in zip(row, boxes, strict=True):
            sheet[top:bottom, left:right] = scaled(picture[0], bottom - top, right - left)
    for text, (left, top, right, bottom), size, color in layout.texts:
        line = Image.new("RGB", (right - left, bottom - top), "white")
        ImageDraw.Draw(line).text((0, 0), text, fill=color, font=_font(size))
        sheet[top:bottom, left:right] = np.asarray(line, np.float32) / 255
    return sheet[None]


def lay_out(
    shapes: Sequence[tuple[int, int]],
    captions: Sequence[Caption],
    *,
    height: int = 320,
    sides: Sequence[str] | None = None,
    columns: int | None = None,
) -> Layout:
    """Find the places of pictures and texts on a sheet.

    The widest picture is `height` pixels high, and all columns are as wide as it. Narrower pictures have the same area,
    but are at most half again as high, and stand in the middle of their columns. Titles are about a hundredth of the
    sheet's width high, and all of one size.

    Args:
        shapes: Height and width of the pictures of each row.
        captions: What stands above each column.
        height: Height in pixels of the row of the widest picture; a panorama is at most three times as wide.
        sides: Text left of each row, a few letters long.
        columns: Most columns beside each other; the others go on below, as evenly as possible. None for any number.
    """
    aspects = [width / tall for tall, width in shapes]
    widest = height * min(_WIDEST, max(aspects))
    sizes = [_size(aspect, widest, height) for aspect in aspects]
    column = max(round(widest), math.ceil(_NARROWEST * height))
    lines = math.ceil(len(captions) / columns) if columns else 1
    beside = math.ceil(len(captions) / lines)
    size = _title_size(captions, column, beside * (column + GAP))
    begin = GAP + (max(_width(side, size) for side in sides) + GAP if sides else 0)
    cells: list[list[Box]] = [[] for _ in shapes]
    texts: list[Text] = []
    top = GAP
    for first in range(0, len(captions), beside):
        lefts = [begin + place * (column + GAP) for place in range(min(beside, len(captions) - first))]
        written = [_lines(caption, column, size) for caption in captions[first : first + beside]]
        below = top + max(sum(_line_height(small) for _, small, _ in some) for some in written)
        for left, some in zip(lefts, written, strict=True):
            above = below - sum(_line_height(small) for _, small, _ in some)
            for text, small, color in some:
                texts.append(_placed(text, small, color, left + (column - _width(text, small)) // 2, above))
                above += _line_height(small)
        top = below + GAP // 2
        for row, (wide, tall) in enumerate(sizes):
            band = max(tall, _line_height(size)) if sides else tall
            for left in lefts:
                inside, above = left + (column - wide) // 2, top + (band - tall) // 2
                cells[row].append(Box(inside, above, inside + wide, above + tall))
            if sides:
                texts.append(_placed(sides[row], size, "black", GAP, top + (band - _line_height(size)) // 2))
            top += band + GAP
        top += size
    return Layout(begin + beside * (column + GAP), top - size, column, cells, texts)


def _size(aspect: float, widest: float, height: int) -> tuple[int, int]:
    """Width and height of a picture by its width to height, and by width and height of the widest picture."""
    filling = widest / aspect
    tall = min(filling, math.sqrt(filling * height), _HIGHEST * height)
    return max(1, round(tall * aspect)), max(1, round(tall))


def _title_size(captions: Sequence[Caption], column: int, width: int) -> int:
    """A hundredth of the sheet's width, between a twentieth and a tenth of a column; less if all titles fit then."""
    size = max(_LEAST_SIZE, round(min(max(width / 100, column / 20), column / 10)))
    titles = [caption.title or caption.name for caption in captions]
    fitting = (less for less in range(size, _smaller(size) - 1, -1) if all(_wrapped(t, column, less) for t in titles))
    return next(fitting, size)


def _lines(caption: Caption, width: int, size: int) -> list[tuple[str, int, str]]:
    """The lines of a caption that fit: text, size and color of each."""
    title, small = _wrapped(caption.title, width, size), _smaller(size)
    if not title:
        name = _wrapped(caption.name, width, size) or [_shortened(caption.name, width, size)]
        return [(line, size, "black") for line in name]
    origin = _wrapped(caption.origin, width, small)
    return [*((line, size, "black") for line in title), *((line, small, "dimgray") for line in origin)]


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """A text in one line, or in two as even as possible, preferably broken after a comma; none if they do not fit."""
    text = re.sub(r"[^\S\xa0]+", " ", text).strip()
    if len(text) > _LONGEST:
        return []
    if _width(text, size) <= width:
        return [text] if text else []
    pairs = [(text[: found.end()].rstrip(" "), text[found.end() :]) for found in re.finditer("_+| ", text)]
    longest = {pair: max(_width(line, size) for line in pair) for pair in pairs}
    fitting = [pair for pair in pairs if longest[pair] <= width]
    return list(min(fitting, key=lambda pair: (not pair[0].endswith(","), longest[pair]), default=()))


def _shortened(text: str, width: int, size: int) -> str:
    """The longest beginning of a text that fits with an ellipsis; empty if there is none."""
    beginnings = (text[:end] + "…" for end in range(min(len(text), _LONGEST), -1, -1))
    return next((short for short in beginnings if _width(short, size) <= width), "")


def _placed(text: str, size: int, color: str, left: int, top: int) -> Text:
    return Text(text, Box(left, top, left + _width(text, size), top + _line_height(size)), size, color)


def _smaller(size: int) -> int:
    return max(_LEAST_SIZE, round(_SMALLER * size))


def _width(text: str, size: int) -> int:
    return math.ceil(_font(size).getlength(text))


def _line_height(size: int) -> int:
    return sum(_font(size).getmetrics())


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, size)
