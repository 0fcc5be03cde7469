"""A picture in which an area is selected by hand."""

import json

import gradio as gr
import numpy as np

from keras_nst.app.parts import HIDDEN, photograph, script, slider
from keras_nst.app.selection import BRUSH, Fit, Selection, steps
from keras_nst.app.workshop import Workshop
from keras_nst.errors import InputError
from keras_nst.select.masks import TOLERANCE

_TOOLS = [("Click", "click"), ("Brush", "brush"), ("Box", "box")]
_MODES = [("Add", "add"), ("Take away", "take")]
_HINT = "Click on what you mean, paint over it, or draw a box around it."


class Selector:
    """A picture in which an area is selected by clicks, brush and box.

    Args:
        workshop: Reads and shows the picture.
        begin: The first selection, as in `Selection`.
    """

    def __init__(self, workshop: Workshop, begin: str):
        self._workshop, self._begin = workshop, begin

    def build(self, label: str, name: str) -> tuple[gr.State, list]:
        """Lay out the picture and its tools.

        Args:
            label: Label of the picture.
            name: Prefix of the page's identifiers.

        Returns:
            The component that holds the `Selection`, and events after which it may have changed.
        """
        selection = gr.State()
        drawing = gr.HTML(
            html_template="@children<canvas></canvas>",
            js_on_load=script("shown", "marks"),
            elem_id=f"{name}-drawing",
            elem_classes="drawing",
            padding=False,
            prefix=name,
        )
        with drawing:
            picture = photograph(label, elem_id=f"{name}-picture", elem_classes="clickable")
        hint = gr.HTML(_HINT, elem_id=f"{name}-hint", elem_classes="note", padding=False)
        with gr.Row():
            tool = gr.Radio(_TOOLS, value="click", label="Tool", elem_id=f"{name}-tool", min_width=250, scale=3)
            gr.Radio(
                _MODES,
                value="add",
                label="To the selection",
                interactive=True,
                elem_id=f"{name}-mode",
                min_width=200,
                scale=2,
            )
        tolerance = slider(1, 60, TOLERANCE, "How different the colors of an area may be", f"{name}-tolerance")
        brush = slider(*BRUSH, 4, "Size of the brush", f"{name}-brush", 0.5, visible="hidden", interactive=True)
        with gr.Row():
            fit = gr.Button("Fit outline", size="sm", elem_id=f"{name}-fit", min_width=90)
            undo = gr.Button("Undo", size="sm", elem_id=f"{name}-undo", min_width=70)
            clear = gr.Button("Clear", size="sm", elem_id=f"{name}-clear", min_width=70)
        tool.change(None, tool, [tolerance, brush], js=_SIZES, queue=False, **HIDDEN)
        outputs = [picture, selection, hint]
        uploading = {"api_visibility": "undocumented", "concurrency_id": "upload", "concurrency_limit": 2}
        drawn = drawing.input(self.draw, selection, outputs, api_name="draw", show_progress="hidden")
        for ended in (drawn.success, drawn.failure):
            ended(None, js=_ANSWERED.replace("NAME", name), queue=False, **HIDDEN)
        changes = [
            picture.upload(self.open, [picture, tolerance], outputs, **uploading),
            picture.clear(lambda: (None, _HINT), None, outputs[1:], **HIDDEN),
            drawn,
            tolerance.change(self.tolerate, [selection, tolerance], outputs, trigger_mode="always_last", **HIDDEN),
            fit.click(self.fit, selection, outputs, **HIDDEN),
            undo.click(self.undo, selection, outputs, **HIDDEN),
            clear.click(self.clear, selection, outputs, **HIDDEN),
        ]
        return selection, changes

    def open(self, path: str | None, tolerance: float) -> tuple:
        """Load a picture."""
        path, _ = self._workshop.take_in(path)
        selection = Selection(path, begin=self._begin, tolerance=tolerance)
        try:
            return self.show(selection)
        except InputError:  # There is no such object.
            return self.show(selection._replace(begin="nothing"))

    def draw(self, selection: Selection | None, event: gr.EventData) -> tuple:
        """Add what was drawn to the selection, or remove it."""
        if selection is None:
            raise InputError("There is no picture yet. Choose one first.")
        return self.show(selection.after(*steps(getattr(event, "marks", None))))

    def tolerate(self, selection: Selection | None, tolerance: float) -> tuple:
        """Change the tolerance of the clicks."""
        return self.show(selection and selection._replace(tolerance=tolerance))

    def fit(self, selection: Selection | None) -> tuple:
        """Move the outline to the edges in the picture."""
        return self.show(selection and selection.after(Fit()))

    def undo(self, selection: Selection | None) -> tuple:
        """Undo the last step."""
        return self.show(selection and selection.before())

    def clear(self, selection: Selection | None) -> tuple:
        """Select nothing."""
        return self.show(selection and selection._replace(steps=(), begin="nothing"))

    def show(self, selection: Selection | None) -> tuple:
        """The picture with the selection marked, the selection, and a hint."""
        if selection is None:
            return None, None, _HINT
        share = float(np.mean(self._workshop.mask(selection)))
        hint = f"{100 * share:.1f} % of the picture is selected." if share else _HINT
        return self._workshop.show_selection(selection), selection, hint


# The slider of the chosen tool.
_UPDATES = {
    tool: [{"__type__": "update", "visible": tool == own or "hidden"} for own in ("click", "brush")]
    for _, tool in _TOOLS
}
_SIZES = f"tool => ({json.dumps(_UPDATES)})[tool]"
_ANSWERED = "() => document.querySelector('#NAME-drawing canvas').dispatchEvent(new Event('answered'))"
