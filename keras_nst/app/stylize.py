"""The tab that stylizes a photograph."""

import time

import gradio as gr

from keras_nst.app.parts import HIDDEN, Result, made, photograph, slider, style_picker
from keras_nst.app.workshop import Selection, Workshop
from keras_nst.jobs.stylize import stylize
from keras_nst.options import StylizeOptions
from keras_nst.pictures.samples import SAMPLES, sample_path
from keras_nst.select.masks import TOLERANCE, check
from keras_nst.select.subject import MASKS

_PROTECTED = [
    ("Nothing", "no"),
    ("The subject", "subject"),
    ("What stands out", "saliency"),
    ("Where a classifier looks", "cam"),
]


class StylizeTab:
    """The tab to drop a photograph, choose a style, compare and download.

    Args:
        workshop: Does the work.
    """

    def __init__(self, workshop: Workshop):
        self._workshop = workshop

    def build(self) -> None:
        """Lay out the tab."""
        with gr.Row(equal_height=False):
            with gr.Column():
                photo = photograph("Photograph", elem_id="stylize-picture")
                gr.Examples([sample_path(name) for name in SAMPLES], photo, label="Or one of these")
                style = style_picker("Style", "stylize")
                strength = slider(0, 1, 1, "Strength", "stylize-strength", 0.05)
                keep = gr.Checkbox(label="Keep the photograph's colors", elem_id="stylize-color")
                protect = gr.Radio(_PROTECTED, value="no", label="Protect", elem_id="stylize-protect")
                with gr.Group(visible=False) as protecting:
                    least = slider(0, 1, 0.4, "Strength there", "stylize-least", 0.05)
                    protected = gr.Image(
                        label="What is protected", interactive=False, buttons=[], elem_id="stylize-mask"
                    )
                run = gr.Button("Stylize", variant="primary", elem_id="stylize-run")
            with gr.Column():
                result = Result("stylize")
        uploaded = photo.upload(
            self._workshop.take_in,
            photo,
            [photo, result.note],
            api_visibility="undocumented",
            concurrency_id="upload",
            concurrency_limit=2,
        )
        protect.change(lambda source: gr.update(visible=source in MASKS), protect, protecting, **HIDDEN)
        for change in (protect.change, uploaded.then, photo.clear):
            change(self.show, [photo, protect], protected, **HIDDEN)
        run.click(
            self.stylize,
            [photo, style, strength, keep, protect, least],
            result.outputs,
            api_name="stylize",
            concurrency_id="net",
            concurrency_limit=1,
            show_progress_on=result.slider,
        )

    def show(self, photo: str | None, protect: str | None) -> str | None:
        """The path of a picture that shows the protected part; None if nothing is protected."""
        if not photo or protect not in MASKS:
            return None
        selection = Selection(photo, begin=protect)
        return self._workshop.show_selection(selection, TOLERANCE, False)

    def stylize(
        self,
        photo: str | None,
        style: str | None,
        strength: float,
        keep: bool,
        protect: str | None,
        least: float,
    ) -> tuple:
        """Stylize a photograph.

        Args:
            photo: Path of the photograph.
            style: Name of a style.
            strength: From 0, the photograph itself, to 1, the full style.
            keep: Whether to keep the photograph's colors.
            protect: A name in `MASKS` to protect the subject; anything else protects nothing.
            least: Strength in the protected part.

        Raises:
            InputError: The photograph cannot be read, it has no subject, or a strength is out of range.
        """
        picture, mask = self._workshop.picture(photo), None
        self._workshop.stylizer(style)
        record = {"style": style, "strength": strength, "color": "keep" if keep else "style"}
        if protect in MASKS:
            mask = self._workshop.mask(Selection(photo, begin=protect), TOLERANCE, False)
            check(mask, *picture.rgb.shape[1:3], "The subject")
            record |= {"protect": protect, "protect_strength": least}
        options = StylizeOptions(**record | {"style": [style]})
        with self._workshop.turn("net"):
            began = time.perf_counter()
            stylized = stylize(picture, options, protected=mask)
        height, width = stylized.rgb.shape[1:3]
        note = f"{width} × {height} pixels in {time.perf_counter() - began:.1f} s"
        return made(photo, self._workshop.deliver(stylized, photo, style, record), note)
