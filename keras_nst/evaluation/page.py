"""A self-contained HTML page that shows how a result was made."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_nst.files import replacing
from keras_nst.fit.curves import curves
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.picture import Picture, resize

PAGE = "report.html"
SIDE = 640
"""Longest side in pixels of the pictures on a page."""

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1200px;margin:2em auto;padding:0 1em}"
    "section{display:flex;flex-wrap:wrap;gap:1em}figure{margin:0;flex:1 1 240px;max-width:640px}"
    "img,svg{max-width:100%;height:auto}td,th{padding:0 1em 0 0;vertical-align:top;text-align:left}"
    "button{font:inherit;padding:.4em .8em;cursor:pointer}"
)


def write_page(
    folder: str | Path,
    title: str,
    pictures: Mapping[str, np.ndarray],
    history: Mapping[str, Mapping[str, Sequence[float]]],
    facts: Mapping[str, object],
) -> Path:
    """Write `report.html`.

    Args:
        folder: Folder to write to.
        title: Title of the page.
        pictures: Pictures (1, h, w, 3) in [0, 1] by caption, in order.
        history: {scale: {term: its value after each step}}; empty if nothing was minimized.
        facts: Options and figures by name.

    Returns:
        The file of the page.

    Raises:
        InputError: The folder cannot be written.
    """
    shown = "".join(
        f'<figure><img alt="" src="{embedded(rgb)}"><figcaption>{html.escape(caption)}</figcaption></figure>'
        for caption, rgb in pictures.items()
    )
    rows = "".join(f"<tr><td>{html.escape(name)}<td>{html.escape(str(value))}" for name, value in facts.items())
    blocks = [f"<h1>{html.escape(title)}</h1>", f"<section>{shown}</section>"]
    if history:
        blocks.append(f"<h2>Losses</h2>{_drawn(history)}")
    blocks.append(f"<h2>Options and figures</h2><table>{rows}</table>")
    path = Path(folder) / PAGE
    write_html(path, html.escape(title), "\n".join(blocks))
    return path


def write_html(path: str | Path, title: str, body: str) -> None:
    """Write a page of HTML.

    Args:
        path: The file.
        title: Its title, in HTML.
        body: What it shows, in HTML.

    Raises:
        InputError: The file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style>\n{body}\n</html>\n",
            "utf-8",
        )


def embedded(rgb: np.ndarray) -> str:
    """A picture (1, h, w, 3) in [0, 1] as a data URL, at most `SIDE` pixels long."""
    return f"data:image/jpeg;base64,{base64.b64encode(encode(resize(Picture(rgb), SIDE), 'jpg')).decode()}"


def _drawn(history: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Draw the curves as an SVG element, without the header of an SVG file."""
    drawn = io.StringIO()
    curves(history, axis="step").savefig(drawn, format="svg")
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]
