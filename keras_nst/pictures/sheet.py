"""Contact sheets: pictures side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 8
_LABEL, _SIDE = 22, 40


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    *,
    height: int = 320,
    labels: Sequence[str] | None = None,
    sides: Sequence[str] | None = None,
    columns: int | None = None,
) -> np.ndarray:
    """Lay out pictures in rows on white.

    Args:
        rows: Pictures (1, h, w, 3) in [0, 1] of each row. They are scaled to the row's height, and columns are aligned.
        height: Height of each row in pixels.
        labels: Text above each column.
        sides: Text left of each row, a few letters long.
        columns: Most pictures beside each other; the columns after them go on below. None for any number.

    Returns:
        The sheet, (1, H, W, 3) float32 in [0, 1].
    """
    if columns and max(map(len, rows)) > columns:
        blocks = []
        for begin in range(0, max(map(len, rows)), columns):
            some = slice(begin, begin + columns)
            part = [row[some] for row in rows]
            blocks.append(contact_sheet(part, height=height, labels=labels and labels[some], sides=sides))
        width = max(block.shape[2] for block in blocks)
        white = [((0, 0), (0, 0), (0, width - block.shape[2]), (0, 0)) for block in blocks]
        return np.concatenate(
            [np.pad(*padded, constant_values=1) for padded in zip(blocks, white, strict=True)], axis=1
        )
    cells = [[_fit(picture[0], height) for picture in row] for row in rows]
    longest = max(map(len, cells))
    widths = [max(row[place].shape[1] for row in cells if place < len(row)) for place in range(longest)]
    top, begin = GAP + (_LABEL if labels else 0), GAP + (_SIDE if sides else 0)
    sheet = np.ones((top + len(cells) * (height + GAP), begin + sum(width + GAP for width in widths), 3), np.float32)
    lefts = begin + np.cumsum([0, *(width + GAP for width in widths)])
    for index, row in enumerate(cells):
        for left, cell in zip(lefts, row, strict=False):
            above = top + index * (height + GAP)
            sheet[above : above + height, left : left + cell.shape[1]] = cell
    if labels:
        places = ((left, GAP // 2) for left in lefts)
        sheet[:top] = _texts(sheet[:top], zip(places, labels, strict=False))
    if sides:
        middles = ((GAP, top + index * (height + GAP) + height // 2 - _LABEL // 2) for index in range(len(sides)))
        sheet[:, :begin] = _texts(sheet[:, :begin], zip(middles, sides, strict=True))
    return sheet[None]


def _fit(picture: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    interpolation = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.clip(cv2.resize(picture, (width, height), interpolation=interpolation), 0, 1)


def _texts(part: np.ndarray, texts) -> np.ndarray:
    """Draw texts at places (x, y) on a part of the sheet."""
    band = Image.fromarray(np.rint(255 * part).astype(np.uint8))
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(_LABEL - GAP)
    for (left, above), text in texts:
        draw.text((int(left), int(above)), text, fill="black", font=font)
    return np.asarray(band, np.float32) / 255
