"""What is on more than one tab: pictures to drop, styles to pick, an area to click together, a result to compare."""

import functools
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from keras_nst.app.workshop import Selection, Workshop, clicked
from keras_nst.errors import InputError
from keras_nst.images.masks import TOLERANCE
from keras_nst.models.styles import PREVIEW, styles

_THUMBNAIL = 192
HIDDEN = {"api_visibility": "undocumented", "show_progress": "hidden"}
"""Of events that answer at once."""

class Photograph(gr.Image):
    """An image whose handlers get the path of the uploaded file, unread: reading is the workshop's."""

    is_template = True  # It looks like its base class.

    def preprocess(self, payload):
        """The path, or None."""
        return payload and payload.path

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        """The path as it is: Gradio would fetch what an address names."""
        if url_or_file_path and "://" in str(url_or_file_path):
            raise InputError("Pictures are not fetched from addresses. Choose a file.")
        return await super().async_move_resource_to_block_cache(url_or_file_path)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

class StylePicker:
    """Thumbnails of the styles.

    Attributes:
        value: The component that holds the name of the one that is picked.
    """

    def __init__(self, label: str, name: str):
        names = list(styles())
        self.value = gr.Radio(names, value=names[0], label=label, visible="hidden", elem_id=f"{name}-style")
        thumbnails = [(_thumbnail(folder), title(style)) for style, folder in styles().items()]
        gallery = gr.Gallery(
            thumbnails,
            label=label,
            columns=4,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            selected_index=0,
            interactive=False,
            buttons=[],
            elem_id=f"{name}-styles",
            elem_classes="styles",
        )
        gallery.select(functools.partial(_pick, names), None, self.value, **HIDDEN)

class Result:
    """A slider from before to after, and the file.

    Attributes:
        outputs: The components that `made` gives values for.
    """

    def __init__(self, name: str):
        self.slider = gr.ImageSlider(
            label="Before and after", interactive=False, buttons=["fullscreen"], elem_id=f"{name}-result"
        )
        self.note = gr.HTML(elem_id=f"{name}-note", elem_classes="note", padding=False)
        self.download = gr.DownloadButton("Download", visible=False, elem_id=f"{name}-download", variant="secondary")
        self.outputs = [self.slider, self.note, self.download]

def made(before: str, after: str, note: str) -> tuple:
    """Values for a `Result`.

    Args:
        before: Path of the picture.
        after: Path of the result.
        note: A line about it.
    """
    return (before, after), note, gr.DownloadButton(value=after, visible=True)

class Selector:
    """A picture of which an area is clicked together.

    Args:
        workshop: What reads and shows it.
        label: Of the picture.
        name: For the page's identifiers.
        finds: Whether an object on plain or transparent ground is selected to begin with.

    Attributes:
        inputs: Components whose values tell the mask: arguments of `workshop.mask`.
        changes: Events after which it may be another.
    """

    def __init__(self, workshop: Workshop, label: str, name: str, *, finds: bool = False):
        self._workshop, self._finds = workshop, finds
        self._selection = gr.State()
        self.picture = Photograph(label, elem_id=f"{name}-picture", elem_classes="clickable")
        self._hint = gr.HTML(elem_id=f"{name}-hint", elem_classes="note", padding=False)
        with gr.Row(elem_classes="tools"):
            modes = [("Add", True), ("Take away", False)]
            self._adds = gr.Radio(modes, value=True, label="A click", elem_id=f"{name}-mode", min_width=180)
            self._tolerance = gr.Slider(
                1, 60, TOLERANCE, step=1, label="Tolerance of color", elem_id=f"{name}-tolerance", min_width=180
            )
        with gr.Row(elem_classes="tools"):
            self._refined = gr.Checkbox(label="Fit the outline", elem_id=f"{name}-refine", min_width=140)
            undo = gr.Button("Undo", size="sm", elem_id=f"{name}-undo", min_width=80)
            clear = gr.Button("Select nothing", size="sm", elem_id=f"{name}-clear", min_width=120)
        self.inputs = [self._selection, self._tolerance, self._refined]
        outputs = [self.picture, self._selection, self._hint]
        options = {**HIDDEN, "trigger_mode": "always_last"}
        uploading = {"api_visibility": "undocumented", "concurrency_id": "upload", "concurrency_limit": 2}
        self.changes = [
            self.picture.upload(self.open, [self.picture, self._tolerance, self._refined], outputs, **uploading),
            self.picture.clear(lambda: (None, ""), None, outputs[1:], **HIDDEN),
            self.picture.select(self.click, [*self.inputs, self._adds], outputs, **HIDDEN),
            self._tolerance.change(self.show, self.inputs, outputs, **options),
            self._refined.change(self.show, self.inputs, outputs, **options),
            undo.click(self.undo, self.inputs, outputs, **HIDDEN),
            clear.click(self.clear, self.inputs, outputs, **HIDDEN),
        ]

    def open(self, path: str | None, tolerance: float, refined: bool) -> tuple:
        """Take a picture in."""
        path, _ = self._workshop.take_in(path)
        selection = Selection(path, (), "object" if self._finds else "nothing")
        try:
            return self.show(selection, tolerance, refined)
        except InputError:  # It stands on no plain ground.
            return self.show(selection._replace(begin="nothing"), tolerance, refined)

    def click(
        self, selection: Selection | None, tolerance: float, refined: bool, adds: bool, event: gr.SelectData
    ) -> tuple:
        """Add what was clicked, or take it away."""
        return self.show(clicked(selection, event.index, adds), tolerance, refined)

    def undo(self, selection: Selection | None, tolerance: float, refined: bool) -> tuple:
        """As before the last click."""
        return self.show(selection and selection._replace(clicks=selection.clicks[:-1]), tolerance, refined)

    def clear(self, selection: Selection | None, tolerance: float, refined: bool) -> tuple:
        """Nothing selected."""
        return self.show(selection and Selection(selection.path), tolerance, refined)

    def show(self, selection: Selection | None, tolerance: float, refined: bool) -> tuple:
        """The picture with what is selected, the selection, and a line about it."""
        if selection is None:
            return None, None, ""
        share = float(np.mean(self._workshop.mask(selection, tolerance, refined)))
        hint = f"{100 * share:.1f} % of the picture is selected." if share else "Click on what you mean."
        return self._workshop.show_selection(selection, tolerance, refined), selection, hint

def title(style: str) -> str:
    """The name of a style as it is shown."""
    return style.replace("_", " ").capitalize()

def _pick(names: list[str], event: gr.SelectData) -> str:
    if not (isinstance(event.index, int) and 0 <= event.index < len(names)):
        raise InputError("There is no such style. Choose another one.")
    return names[event.index]

def _thumbnail(folder: Path) -> Image.Image:
    """The first result that a style's preview shows below its photograph; gray where there is no preview."""
    if not (folder / PREVIEW).is_file():
        return Image.new("RGB", (_THUMBNAIL, _THUMBNAIL), "lightgray")
    with Image.open(folder / PREVIEW) as preview:
        side = preview.height // 2
        margin = side // 16
        box = margin, side + margin, side - margin, 2 * side - margin
        return preview.convert("RGB").crop(box).resize((_THUMBNAIL, _THUMBNAIL))
