"""Contact sheets: pictures side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 8
PREVIEW_ROW = 256
"""Height in pixels of each row of a style's preview: photographs, their pictures and, for some recipes, maps."""

_LABEL = 22


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], *, height: int = 320, labels: Sequence[str] | None = None
) -> np.ndarray:
    """Lay out pictures in rows on white.

    Args:
        rows: Pictures (1, h, w, 3) in [0, 1] of each row. They are scaled to the row's height, and columns are aligned.
        height: Height of each row in pixels.
        labels: Text above each column.

    Returns:
        The sheet, (1, H, W, 3) float32 in [0, 1].
    """
    cells = [[_fit(picture[0], height) for picture in row] for row in rows]
    longest = max(map(len, cells))
    widths = [max(row[place].shape[1] for row in cells if place < len(row)) for place in range(longest)]
    top = GAP + (_LABEL if labels else 0)
    sheet = np.ones((top + len(cells) * (height + GAP), GAP + sum(width + GAP for width in widths), 3), np.float32)
    lefts = GAP + np.cumsum([0, *(width + GAP for width in widths)])
    for index, row in enumerate(cells):
        for left, cell in zip(lefts, row, strict=False):
            above = top + index * (height + GAP)
            sheet[above : above + height, left : left + cell.shape[1]] = cell
    if labels:
        band = Image.fromarray(np.full((top, sheet.shape[1], 3), 255, np.uint8))
        draw, font = ImageDraw.Draw(band), ImageFont.load_default(_LABEL - GAP)
        for left, text in zip(lefts, labels, strict=False):
            draw.text((int(left), GAP // 2), text, fill="black", font=font)
        sheet[:top] = np.asarray(band, np.float32) / 255
    return sheet[None]


def scaled(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale a picture (h, w, 3) in [0, 1] to a height and width in pixels."""
    interpolation = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.clip(cv2.resize(picture, (width, height), interpolation=interpolation), 0, 1)


def _fit(picture: np.ndarray, height: int) -> np.ndarray:
    return scaled(picture, height, max(1, round(picture.shape[1] * height / picture.shape[0])))
