"""Parts of several tabs: pictures, style picker, selector and result."""

import base64
from abc import ABCMeta
from collections.abc import Callable
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
from gradio.components.image_editor import WebcamOptions

from keras_nst.app.workshop import Workshop
from keras_nst.models.saved import PREVIEW
from keras_nst.models.styles import has_fast, styles
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import GAP, PREVIEW_ROW

_THUMBNAIL = 160
HIDDEN = {"api_visibility": "undocumented", "show_progress": "hidden"}
"""Options of events that answer at once."""


class _NoStub(type(gr.Image)):
    """Creates a component class like its base, but without a stub file next to the module."""

    def __new__(cls, name, bases, namespace):
        return ABCMeta.__new__(cls, name, bases, namespace)


class Photograph(gr.Image, metaclass=_NoStub):
    """A place to drop a picture. Handlers get the path of the uploaded file; the workshop reads it."""

    is_template = True  # The page shows it like its base class.

    def preprocess(self, payload):
        """The path of the file."""
        return payload and payload.path


class Camera(gr.Image, metaclass=_NoStub):
    """The streamed view of a camera. Handlers get each picture as a data URL."""

    is_template = True

    def preprocess(self, payload):
        """The data URL."""
        return payload and payload.url


def photograph(label: str, **kwargs) -> Photograph:
    """A place to drop a picture, or to take one."""
    return Photograph(label=label, sources=["upload", "webcam"], buttons=[], **kwargs)


def camera(label: str, side: int, **kwargs) -> Camera:
    """The view of a camera.

    Args:
        label: Label of the view.
        side: Preferred longest side in pixels.
        kwargs: Arguments of `gradio.Image`.
    """
    wish = {"video": {"width": {"ideal": side}, "height": {"ideal": 3 * side // 4}}}
    options = WebcamOptions(constraints=wish)
    return Camera(label=label, sources=["webcam"], streaming=True, webcam_options=options, buttons=[], **kwargs)


def slider(low: float, high: float, value: float, label: str, name: str, step: float = 1, **kwargs) -> gr.Slider:
    """A slider; two fit side by side."""
    return gr.Slider(low, high, value, step=step, label=label, elem_id=name, min_width=200, buttons=[], **kwargs)


def style_choices() -> list[tuple[str, str]]:
    """Titles and names of the styles."""
    return [(title(style), style) for style in styles()]


def style_picker(label: str, name: str, *, fast: bool = False) -> gr.Radio:
    """Thumbnails of the styles, the first of which is picked; the first with a fast net where it must be fast."""
    choices = style_choices()
    picked = next((style for style in styles() if fast and has_fast(style)), choices[0][1])
    return gr.Radio(choices, value=picked, label=label, elem_id=f"{name}-style", elem_classes="styles")


def thumbnails() -> str:
    """Style sheet that shows what each choice of `style_picker` looks like."""
    rules = (tile(number, _thumbnail(folder)) for number, folder in enumerate(styles().values(), 1))
    return "\n".join(rules)


def tile(number: int, picture: Picture, picker: str = ".styles") -> str:
    """The rule of a style sheet that shows a picture as one of the choices of a `style_picker`.

    Args:
        number: Which choice, from 1.
        picture: A small one.
        picker: Selector of the pickers.
    """
    return f"{picker} label:nth-of-type({number}) {{background-image: url({embedded(picture, 'jpg')})}}"


def embedded(picture: Picture, suffix: str) -> str:
    """A picture within the page, as a data URL, so that it is not written to a file."""
    kind = {"jpg": "jpeg"}.get(suffix, suffix)
    return f"data:image/{kind};base64,{base64.b64encode(encode(picture, suffix)).decode()}"


def script(*names: str) -> str:
    """The text of JavaScript files beside this module."""
    return "\n".join((Path(__file__).parent / f"{name}.js").read_text(encoding="utf-8") for name in names)


# Browsers only take PNG into the clipboard.
_COPY = """async note => {
  const shown = [...document.querySelectorAll("#NAME-result img")].at(-1);
  if (!shown) return note;
  const picture = async () => {
    await shown.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [shown.naturalWidth, shown.naturalHeight];
    canvas.getContext("2d").drawImage(shown, 0, 0);
    return new Promise(made => canvas.toBlob(made, "image/png"));
  };
  try {
    await navigator.clipboard.write([new ClipboardItem({"image/png": picture()})]);
    return "Copied.";
  } catch {  // Browsers only let pages from this computer or over https copy.
    return "The browser does not let this page copy. Download the picture instead.";
  }
}"""


# A result grows as its picture comes.
_SHOW = """() => {
  const shown = document.querySelector("#NAME-result"), {top} = shown.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) shown.scrollIntoView();
}"""


class Tab:
    """A tab of the page.

    Args:
        workshop: Does the work.
    """

    def __init__(self, workshop: Workshop):
        self._workshop = workshop


class Result:
    """A slider between before and after, with a download.

    Attributes:
        outputs: The components that `made` returns values for.
    """

    def __init__(self, name: str):
        self.slider = gr.ImageSlider(
            label="Before and after",
            interactive=False,
            buttons=["fullscreen"],
            elem_id=f"{name}-result",
            max_height=440,
        )
        self.note = gr.HTML(elem_id=f"{name}-note", elem_classes="note", padding=False)
        with gr.Row():
            self.download = gr.DownloadButton("Download", visible=False, elem_id=f"{name}-download", min_width=140)
            copy = gr.Button("Copy", elem_id=f"{name}-copy", min_width=90)
        copy.click(None, self.note, self.note, js=_COPY.replace("NAME", name))
        self.outputs = [self.slider, self.note, self.download]


def follow(name: str, *events: Callable) -> None:
    """Scroll to the result of a tab, if it is out of sight, when the work begins."""
    gr.on(events, None, js=_SHOW.replace("NAME", name), queue=False, **HIDDEN)


def made(before: str, after: str, note: str) -> tuple:
    """Values for a `Result`.

    Args:
        before: Path of the original picture.
        after: Path of the result.
        note: A note about it.
    """
    return (before, after), note, gr.update(value=after, visible=True)


def title(style: str) -> str:
    """The name of a style, or of a painting's file, as it is shown."""
    return Path(style).stem.replace("_", " ").capitalize()


def size_of(path: str) -> str:
    """The size of a file as it is shown."""
    return f"{Path(path).stat().st_size / 1e6:.1f} MB"


def bar(label: str, done: float) -> str:
    """A progress bar with a label, for a part done from 0 to 1."""
    return f'<progress value="{done:.3f}"></progress> {label} …'


def _thumbnail(folder: Path) -> Picture:
    """The first result that a style's preview shows below its photograph; gray where there is none."""
    thumbnail = np.full((_THUMBNAIL, _THUMBNAIL, 3), 0.8, np.float32)
    if (folder / PREVIEW).is_file():
        below = GAP + PREVIEW_ROW + GAP
        result = read(folder / PREVIEW).rgb[0, below : below + PREVIEW_ROW, GAP : GAP + PREVIEW_ROW]
        if result.size:
            thumbnail = cv2.resize(result, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return Picture(thumbnail[None])
