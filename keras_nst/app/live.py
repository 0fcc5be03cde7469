"""The tab that stylizes a camera's pictures live."""

import base64
import binascii
import time

import gradio as gr

from keras_nst.app.limits import check_number
from keras_nst.app.parts import Tab, camera, embedded, follow, slider, style_picker
from keras_nst.errors import InputError
from keras_nst.pictures.io import read

SIDE = 320
"""Longest side in pixels; small enough for several pictures per second on two cores."""
_BYTES = 4_000_000  # Of a picture in base64.
_EVERY = 0.1  # Least number of seconds between pictures. The next is sent when the last has returned.
_MINUTES = 10
# After a failure Gradio's camera continues, and each picture starts another stream that fails. A second failure at the
# same time must not switch it on again.
_SWITCH_OFF = """() => {
  const camera = document.querySelector("#live-picture");
  if (Date.now() - (camera.switchedOff ?? 0) > 1000) camera.querySelector("[aria-label='capture photo']").click();
  camera.switchedOff = Date.now();
}"""


class LiveTab(Tab):
    """The tab to switch on the camera and choose a style."""

    def build(self) -> None:
        """Lay out the tab."""
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=240):
                view = camera("Camera", 2 * SIDE, elem_id="live-picture")
            with gr.Column(scale=8, min_width=320, elem_classes="result"):
                # Within the page, so that pictures are not written to files.
                result = gr.HTML(elem_id="live-result", padding=False)
                note = gr.HTML(elem_id="live-note", elem_classes="note", padding=False)
            with gr.Column(scale=5, min_width=280):
                style = style_picker("Style", "live", fast=True)
                strength = slider(0, 1, 1, "Strength", "live-strength", 0.05)
        streamed = view.stream(
            self.stylize,
            [view, style, strength],
            [result, note],
            stream_every=_EVERY,
            time_limit=60 * _MINUTES,
            api_visibility="undocumented",
            show_progress="hidden",
            concurrency_id="live",
            concurrency_limit=1,
        )
        streamed.failure(None, js=_SWITCH_OFF)
        follow("live", style.input)

    def stylize(self, frame: str | None, style: str | None, strength: float) -> tuple[str, str]:
        """Stylize a picture from the camera.

        Args:
            frame: The picture as a data URL.
            style: Name of a style.
            strength: From 0, the picture itself, to 1, the full style.

        Returns:
            The result and a note, in HTML.

        Raises:
            InputError: The picture cannot be read, or the strength is out of range.
        """
        check_number(strength, 0, 1, "The strength")
        stylizer, picture = self._workshop.stylizer(style, fast=True), self._picture(frame)
        with self._workshop.turns.turn("camera"):
            began = time.perf_counter()
            stylized = stylizer(picture, strength=strength)
        height, width = stylized.rgb.shape[1:3]
        note = f"{width} × {height} pixels, {1 / (time.perf_counter() - began):.1f} per second"
        return f'<img alt="The camera\'s picture in the style" src="{embedded(stylized, "jpg")}">', note

    def _picture(self, frame: str | None):
        kind, _, content = (frame or "").partition(";base64,")
        if not kind.startswith("data:image/") or len(content) > _BYTES:
            raise InputError("That is not a picture from a camera. Switch it on again.")
        try:
            data = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise InputError("The camera's picture is damaged. Switch it on again.") from None
        return read(data, max_pixels=self._workshop.limits.pixels, max_size=SIDE)
