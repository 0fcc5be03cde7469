"""The tab that restyles a part of a photograph."""

import time

import gradio as gr

from keras_nst.app.parts import Result, Tab, follow, made, style_picker, title
from keras_nst.app.selection import Selection
from keras_nst.app.selector import Selector
from keras_nst.app.workshop import FEATHER
from keras_nst.errors import InputError
from keras_nst.jobs.partial import restyle_part
from keras_nst.models.styles import styles
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import feather


class PartialTab(Tab):
    """The tab to select an area, choose its style, compare and download."""

    def build(self) -> None:
        """Lay out the tab."""
        with gr.Row(equal_height=False):
            with gr.Column():
                selected, _ = Selector(self._workshop, "subject").build("Photograph", "partial")
                style = style_picker("Style of the area", "partial")
                around = [("As it is", ""), *((title(name), name) for name in styles())]
                background = gr.Dropdown(around, value="", label="Around it", elem_id="partial-background")
                run = gr.Button("Restyle the area", variant="primary", elem_id="partial-run")
            with gr.Column(elem_classes="result"):
                result = Result("partial")
        inputs = [selected, style, background]
        work = {"concurrency_id": "net", "show_progress_on": result.slider}
        run.click(self.restyle, inputs, result.outputs, api_name="restyle_part", **work)
        choices = [style.input, background.input]
        gr.on(
            choices,
            self.restyle_selected,
            inputs,
            result.outputs,
            api_visibility="undocumented",
            trigger_mode="always_last",
            **work,
        )
        follow("partial", run.click, *choices)

    def restyle(self, selection: Selection | None, style: str | None, background: str | None) -> tuple:
        """Restyle the selected area.

        Args:
            selection: The selection.
            style: Name of the area's style.
            background: Name of a style for the rest; None or "" for none.

        Raises:
            InputError: Nothing is selected.
        """
        if selection is None:
            raise InputError("There is no photograph yet. Choose one first.")
        picture = self._workshop.picture(selection.path)
        mask = self._workshop.mask(selection)
        if not mask.any():
            raise InputError("Select the area to restyle first: click it, paint over it, or draw a box around it.")
        inside, outside = self._restyling(style), background and self._restyling(background)
        with self._workshop.turns.turn("net"):
            began = time.perf_counter()
            result = restyle_part(picture.rgb, feather(mask, FEATHER), inside, outside or None)
        record = {"style": style, "background_style": background or None}
        path = self._workshop.files.deliver(Picture(result, picture.alpha), selection.path, f"{style}-part", record)
        return made(selection.path, path, f"{time.perf_counter() - began:.1f} s")

    def restyle_selected(self, selection: Selection | None, *styles) -> tuple:
        """As `restyle`, once something is selected."""
        if selection is None or not self._workshop.mask(selection).any():
            return (gr.skip(),) * 3
        return self.restyle(selection, *styles)

    def _restyling(self, style: str):
        stylizer = self._workshop.stylizer(style)
        return lambda rgb, mask=None: stylizer(Picture(rgb)).rgb
