"""The tab that pastes an object into a painting and makes it look painted."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import gradio as gr
import numpy as np

from keras_nst.app.limits import check_number
from keras_nst.app.parts import HIDDEN, Result, Tab, bar, embedded, follow, made, photograph, script, slider
from keras_nst.app.selection import Selection
from keras_nst.app.selector import Selector
from keras_nst.app.watching import Watching, by_steps
from keras_nst.app.workshop import Workshop
from keras_nst.errors import InputError
from keras_nst.options import HarmonizeOptions
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.pyramid import fit
from keras_nst.select.masks import bounding_box, seen
from keras_nst.select.paste import colors, outline, place

_SIZE, _TURN = (5, 100), (-180, 180)
_COLUMN = 260  # Pixels; three fit into a window of 900.
_CUT = 640  # Longest side in pixels of the object as the page shows it.
_STROKES = [("Automatic", "auto"), ("Light", "0.3"), ("Medium", "0.5"), ("Strong", "0.8")]
_QUALITIES = [("Draft", "draft"), ("Good", "good"), ("Best", "best")]
_HINT = "Drag the object, scale it by its corners, turn it by the handle above."
_CORNERS = {"nw": "-1,-1", "ne": "1,-1", "se": "1,1", "sw": "-1,1"}
_KEYS = "Arrow keys move the object, plus and minus scale it, brackets turn it."
_STAGE = (
    f'@children<div class="object" hidden tabindex="0" role="application" aria-label="{_KEYS}">'
    '<span class="cut"><img alt=""></span><i class="turn" data-way="turn"></i>'
    + "".join(f'<i class="{corner}" data-way="scale" data-sides="{sides}"></i>' for corner, sides in _CORNERS.items())
    + "</div>"
)
_PLACE = "(stage, x, y, size, turn) => [{...stage, x, y, size, turn}]"
_PLACED = "({x, y, size, turn}) => [x, y, size, turn]"


class Scene(NamedTuple):
    """An object and its place in a painting.

    Attributes:
        selection: The object.
        painting: Path of the painting.
        x: Column in the painting of the object's center; None for the middle.
        y: Row.
        size: Percentage of the painting's sides that the object fits into.
        turn: Degrees, counterclockwise.
    """

    selection: Selection | None
    painting: str | None
    x: int | None
    y: int | None
    size: float
    turn: float


class HarmonizeTab(Tab):
    """The tab to drop an object and a painting, place the object, watch it being painted, and download."""

    def __init__(self, workshop: Workshop):
        super().__init__(workshop)
        self.watching = Watching(workshop)

    def build(self) -> None:
        """Lay out the tab."""
        painting = gr.State()
        with gr.Row(equal_height=False):
            with gr.Column(min_width=_COLUMN):
                selected, changes = Selector(self._workshop, "object").build("Object", "object")
            with gr.Column(min_width=_COLUMN):
                stage = gr.HTML(
                    html_template=_STAGE,
                    js_on_load=script("shown", "stage"),
                    elem_id="harmonize-stage",
                    elem_classes="stage",
                    padding=False,
                )
                with stage:
                    canvas = photograph("Painting", elem_id="painting-picture", elem_classes="clickable")
                gr.HTML(_HINT, elem_classes="note", padding=False)
                with gr.Accordion("By numbers", open=False, elem_id="harmonize-numbers"):
                    with gr.Row():
                        x = gr.Number(label="Column", precision=0, minimum=0, elem_id="harmonize-x", min_width=90)
                        y = gr.Number(label="Row", precision=0, minimum=0, elem_id="harmonize-y", min_width=90)
                    with gr.Row():
                        size = slider(*_SIZE, 50, "Size (%)", "harmonize-size", 0.1)
                        turn = slider(*_TURN, 0, "Turn (°)", "harmonize-turn")
                strokes = gr.Radio(_STROKES, value="auto", label="Strokes", elem_id="harmonize-strokes")
                quality = gr.Radio(_QUALITIES, value="draft", label="Quality", elem_id="harmonize-quality")
                with gr.Row():
                    run, stop = self.watching.buttons("Harmonize", "harmonize")
            with gr.Column(min_width=_COLUMN, elem_classes="result"):
                result = Result("harmonize")
        scene = [selected, painting, x, y, size, turn]
        opened = canvas.upload(
            self.open,
            canvas,
            [canvas, painting, x, y],
            api_visibility="undocumented",
            concurrency_id="upload",
        )
        canvas.clear(lambda: None, None, painting, **HIDDEN)
        for change in (*changes, opened):
            change.then(self.stage, scene, stage, **HIDDEN)
        placed = [x, y, size, turn]
        gr.on([value.input for value in placed], None, [stage, *placed], stage, js=_PLACE, queue=False, **HIDDEN)
        stage.input(None, stage, placed, js=_PLACED, queue=False, **HIDDEN)
        inputs = [strokes, quality, *scene]
        follow("harmonize", run.click)
        self.watching.wire(run.click, run, stop, self.harmonize, inputs, result.outputs, api_name="harmonize")

    def open(self, path: str | None) -> tuple:
        """Load a painting, and place the object in its middle."""
        path, _ = self._workshop.take_in(path)
        height, width = self._workshop.picture(path).rgb.shape[1:3]
        return path, path, width // 2, height // 2

    def stage(self, *values) -> dict:
        """What the page shows on the painting, for the values of a `Scene`: the object by itself, and its place."""
        scene = Scene(*values)
        place = {"x": scene.x, "y": scene.y, "size": scene.size, "turn": scene.turn}
        return {"object": self._cut(scene.selection), **place}

    def harmonize(self, request: gr.Request, strokes: str, quality: str, *values) -> Iterator[tuple]:
        """Harmonize, and show progress.

        Args:
            request: The visitor's request.
            strokes: Style strength, or "auto".
            quality: As in `HarmonizeOptions`.
            values: Values of a `Scene`.

        Yields:
            Values for a `Result`.

        Raises:
            InputError: There is no painting or object, or the object cannot be placed there.
        """
        began = time.perf_counter()
        scene = Scene(*values)
        if scene.painting is None or scene.selection is None:
            raise InputError("An object and a painting are needed. Choose both first.")
        pasted, mask = self._pasted(scene)
        inside = outline(mask) > 0
        chosen = HarmonizeOptions(style_strength=None if strokes == "auto" else float(strokes), quality=quality)
        picture = self._workshop.picture(scene.painting)
        before = self._workshop.files.show(pasted)
        done, result = 0.0, pasted
        # The slider divides the object.
        middle = 50 if scene.x is None else round(100 * scene.x / pasted.shape[2])
        slider = gr.update(value=(before, before), slider_position=middle)
        yield slider, bar("Getting ready", done), gr.update(visible=False)
        from keras_nst.jobs.harmonize import harmonize, scales

        plan = scales(max(pasted.shape[1:3]), chosen.quality)

        def job(progress: Callable) -> np.ndarray:
            step = by_steps(plan, self._workshop.limits.seconds, progress)
            return harmonize(picture.rgb, pasted, mask, chosen, progress=step)

        for label, done, image in self.watching.watch(request, job):
            result = image if done == 1 else np.where(inside, fit(image, pasted), picture.rgb)
            if done < 1:
                yield (before, self._workshop.files.show(result)), bar(label, done), gr.skip()
        record = dataclasses.asdict(chosen)
        path = self._workshop.files.deliver(Picture(result, picture.alpha), scene.painting, "harmonized", record)
        seconds = time.perf_counter() - began
        yield made(before, path, f"Done in {seconds:.0f} s" if done == 1 else "Stopped. This was painted so far.")

    def _cut(self, selection: Selection | None) -> str:
        """The object by itself, as text for the page; nothing if nothing is selected."""
        if selection is None or not (mask := self._workshop.mask(selection)).any():
            return ""
        picture = self._workshop.picture(selection.path)
        mask = seen(mask, picture)
        box = slice(None), *bounding_box(mask)
        return embedded(resize(Picture(colors(picture, mask)[box], mask[box]), _CUT), "png")

    def _pasted(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        """The painting with the object, and the object's mask in it."""
        check_number(scene.size, *_SIZE, "The size")
        check_number(scene.turn, *_TURN, "The turn")
        picture, mask = self._workshop.picture(scene.selection.path), self._workshop.mask(scene.selection)
        if not mask.any():
            raise InputError("Select the object first: click it, paint over it, or draw a box around it.")
        at = None if scene.x is None or scene.y is None else (scene.x, scene.y)
        painting = self._workshop.picture(scene.painting).rgb
        mask = seen(mask, picture)
        return place(painting, colors(picture, mask), mask, at, rotate=scene.turn, share=scene.size / 100)
