"""The tab that gives a photograph a style: at once, and again with each change."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np

from keras_nst.app.choices import COLORS, LARGEST_STROKE, chosen, method, record, told
from keras_nst.app.history import PHOTOGRAPH, REMEMBERED, History
from keras_nst.app.limits import check_number
from keras_nst.app.parts import (
    HIDDEN,
    Result,
    Tab,
    bar,
    embedded,
    follow,
    made,
    photograph,
    size_of,
    slider,
    style_choices,
    style_picker,
    tile,
    title,
)
from keras_nst.app.selection import Selection
from keras_nst.app.several import Several
from keras_nst.app.watching import Watching, by_steps
from keras_nst.app.workshop import TILE, Workshop
from keras_nst.errors import InputError
from keras_nst.fields import values
from keras_nst.jobs.stylize import mixed
from keras_nst.models import painter
from keras_nst.models.styles import styles
from keras_nst.options import PixelOptions, Region
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.pyramid import Enlarged, fit
from keras_nst.pictures.samples import SAMPLES, sample_path
from keras_nst.select.subject import MASKS

_PROTECTED = [
    ("Nothing", "no"),
    ("The subject", "subject"),
    ("What stands out", "saliency"),
    ("Where a classifier looks", "cam"),
]
_SHRUNK = "Painted at {} pixels at most. <code>keras-nst stylize</code> keeps the photograph's size."
_SUFFIXES = [("PNG", "png"), ("JPEG", "jpg")]
_NO_STYLE = ("None", "")
_OWN = 8  # Paintings of a visitor.
_PREVIEW, _LOOK = 320, 5.0  # Longest side in pixels of what is learned so far; seconds between looks at it.


class StylizeTab(Tab):
    """Drop a photograph: it is painted at once, and the styles show it as they would paint it.

    Attributes:
        history: The results of a visitor.
        several: Paints several photographs or a clip with the same settings.
    """

    def __init__(self, workshop: Workshop):
        super().__init__(workshop)
        self.history = History(workshop.files)
        # As long as the page is served: a style that is learned meanwhile would shift the others.
        self._choices = style_choices()
        self._painting, self._tuning = (Watching(workshop, kind) for kind in ("optimization", "tuning"))
        self.several = Several(workshop, lambda path, settings: self.stylize(path, None, *settings)[-1][1])

    def build(self) -> None:
        """Lay out the tab."""
        opened, shown, latest = gr.State(), gr.State(), gr.State()
        remembered, own = (
            gr.BrowserState([], storage_key=f"keras_nst_{kept}", secret="keras_nst")
            for kept in ("results", "paintings")
        )
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=240):
                photo = photograph("Photograph", elem_id="stylize-picture", height=210)
                gr.HTML(
                    _SHRUNK.format(self._workshop.limits.side),
                    elem_id="stylize-size",
                    elem_classes="note",
                    padding=False,
                )
                self.several.build()
                gr.Examples([sample_path(name) for name in SAMPLES], photo, label="Or one of these")
            with gr.Column(scale=8, min_width=320, elem_classes="result"):
                result = Result("stylize")
                before = gr.Dropdown(
                    [PHOTOGRAPH],
                    value="",
                    label="Compare with",
                    info="A click on a result below opens it.",
                    visible=False,
                    elem_id="stylize-before",
                )
                history = gr.Gallery(
                    show_label=False,
                    columns=REMEMBERED // 2,
                    fit_columns=False,
                    height=110,
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    visible=False,
                    elem_id="stylize-history",
                )
            with gr.Column(scale=5, min_width=280):
                with gr.Column(elem_classes="picking"):
                    painting = gr.UploadButton(
                        "+ Your own painting", file_types=["image"], elem_id="stylize-own", visible=painter.is_there()
                    )
                    style = style_picker("Style", "stylize")
                tiles = gr.HTML(elem_id="stylize-tiles", elem_classes="unseen", padding=False)
                with gr.Row(visible=painter.is_there()):
                    tune, enough = self._tuning.buttons("Learn it well", "stylize-tune")
                    paint, stop = self._painting.buttons("Paint it well", "stylize-paint")
                learned = gr.HTML(elem_id="stylize-learned", elem_classes="note", padding=False)
        with gr.Row():
            strength = slider(0, 1, 1, "Strength", "stylize-strength", 0.05)
            stroke = slider(1, LARGEST_STROKE, 1, "Size of strokes", "stylize-stroke", 0.5)
            color = gr.Radio(COLORS, value="style", label="Colors", elem_id="stylize-color", min_width=340, scale=2)
            suffix = gr.Radio(_SUFFIXES, value="png", label="File", elem_id="stylize-file", min_width=200)
        with gr.Row(equal_height=False):
            with gr.Accordion("Protect a part", open=False, elem_id="stylize-protecting"):
                protect = gr.Radio(_PROTECTED, value="no", show_label=False, elem_id="stylize-protect")
                least = slider(0, 1, 0.4, "Strength there", "stylize-least", 0.05)
                protected = gr.Image(show_label=False, interactive=False, buttons=[], elem_id="stylize-mask")
            with gr.Accordion("Blend with a second style", open=False, elem_id="stylize-blending"):
                second = gr.Dropdown(
                    [_NO_STYLE, *style_choices()], value="", show_label=False, elem_id="stylize-second"
                )
                share = slider(0, 1, 0.5, "Its share", "stylize-share", 0.05)
        outputs = [*result.outputs, latest]
        settings = [photo, before, style, strength, stroke, color, protect, least, second, share, suffix]
        work = {
            "concurrency_id": "net",
            "concurrency_limit": 1,
            "show_progress_on": result.slider,
            "trigger_mode": "always_last",
        }
        # The picture changes twice, as it is chosen and as it is taken in; what is opened changes once.
        photo.change(
            self.open,
            photo,
            [photo, opened, shown, before],
            api_name="take_in",
            concurrency_id="upload",
            concurrency_limit=2,
            **HIDDEN,
        )
        chosen = gr.on([opened.change, style.change], self.stylize, settings, outputs, api_name="stylize", **work)
        mixing = [strength, stroke, color, protect, least, second, share, suffix]
        changes = [component.change for component in mixing]
        again = gr.on(changes, self.stylize, settings, outputs, api_visibility="undocumented", **work)
        follow("stylize", opened.change, style.change, paint.click, history.select)
        gr.on([shown.change, protect.change], self.show, [photo, protect], protected, **HIDDEN)
        hung = [own, style, second]
        painting.upload(
            self.add,
            [painting, own, second],
            hung,
            api_visibility="undocumented",
            concurrency_id="upload",
        )
        tuned = self._tuning.wire(tune.click, tune, enough, self.tune, [photo, style], learned, api_name="tune")
        better = tuned.success(self.stylize, settings, outputs, api_visibility="undocumented", **work)
        asked = [photo, before, style]
        well = self._painting.wire(paint.click, paint, stop, self.paint, asked, outputs, api_name="paint")
        self.several.wire(settings[2:], result.note)
        strip = [remembered, history, before]
        for ended in (chosen, again, better, well):
            ended.success(self.history.remember, [remembered, before, latest], strip, **HIDDEN)
        load = gr.context.Context.root_block.load
        load(self.history.recall, [remembered, before], strip, **HIDDEN)
        load(self.recall_paintings, hung, hung, **HIDDEN)
        for lost in (shown.change, chosen.failure, again.failure, tuned.failure, well.failure):
            lost(self.forget, hung, hung, **HIDDEN)
        for changed in (shown.change, own.change, tuned.success):
            changed(self.show_tiles, [photo, own], tiles, concurrency_id="tiles", concurrency_limit=1, **HIDDEN)
        history.select(self.history.reopen, [remembered, before], [photo, shown, *outputs], **HIDDEN)
        before.input(self.history.compare, [before, latest], result.slider, **HIDDEN)

    def open(self, photo: str | None) -> tuple:
        """Take a photograph in, unless it has been; its results are compared with it."""
        if photo and self._workshop.files.took_in(photo):
            return (gr.skip(),) * 4
        path = self._workshop.take_in(photo)[0] if photo else None
        return path, path, path, ""

    def stylize(
        self,
        photo: str | None,
        before: str | None,
        style: str | None,
        strength: float,
        stroke: float,
        color: str,
        protect: str | None,
        least: float,
        second: str | None,
        share: float,
        suffix: str,
    ) -> tuple:
        """Stylize a photograph. The net only runs for a new photograph, style or size of strokes: the rest is mixing.

        Args:
            photo: Path of the photograph.
            before: Path of a result that this one is compared with; nothing for the photograph.
            style: Name of a style, or path of a painting.
            strength: From 0, the photograph, to 1, the full style.
            stroke: Size of the strokes; 1 for the usual one.
            color: A value of `COLORS`.
            protect: How the protected subject is found, of `MASKS`; anything else for no protection.
            least: Strength of the style on the subject.
            second: Name of a style that is blended in, or path of a painting, or nothing.
            share: Its share, from 0 to 1.
            suffix: "png" or "jpg".

        Raises:
            InputError: The photograph cannot be read or has no subject, there is no such style, or a setting is not one
                of these.
        """
        if not photo:
            return (gr.skip(),) * 4
        options = chosen(style, strength, stroke, color, second, share)
        check_number(least, 0, 1, "The strength there")
        picture, mask = self._workshop.picture(photo), None
        if protect in MASKS:
            mask = self._workshop.mask(Selection(photo, begin=protect))
            if not mask.any():
                raise InputError(
                    "Nothing to protect was found in the photograph. Choose another way, or protect nothing."
                )
            options = dataclasses.replace(options, protect=protect, protect_strength=least)
        began = time.perf_counter()
        painted = self._workshop.painted(photo, options)
        result = mixed(picture, painted, options, mask)
        path = self._workshop.files.deliver(result, photo, method(options), record(options), suffix)
        height, width = result.rgb.shape[1:3]
        seconds = time.perf_counter() - began
        note = f"{told(options)}, {width} × {height} pixels, {size_of(path)}, {seconds:.1f} s"
        return *made(*self.history.compare(before, (photo, path)), note), (photo, path)

    def show_tiles(self, photo: str | None, own: list[str]) -> Iterator[str]:
        """The photograph in each style, small, as style sheets that grow as the pictures come.

        Without a photograph, the visitor's paintings.
        """
        sheet, offered = "", [*(name for _, name in self._choices), *own]
        if photo:
            pictures = self._workshop.tiles(photo, offered)
        else:
            there = self._paintings(own)
            paintings = ((place, style) for place, style in enumerate(offered) if style in there)
            pictures = ((place, resize(self._workshop.picture(style), TILE)) for place, style in paintings)
        for place, picture in pictures:
            sheet += tile(place + 1, picture, "#stylize-style")
            yield f"<style>{sheet}</style>"

    def show(self, photo: str | None, protect: str | None) -> str | None:
        """The path of a picture that shows the protected part; None if nothing is protected."""
        if not photo or protect not in MASKS:
            return None
        return self._workshop.show_selection(Selection(photo, begin=protect))

    def add(self, painting: str, own: list[str], second: str | None) -> tuple:
        """Make a painting one of the visitor's styles, and choose it."""
        path = self._workshop.take_in_painting(painting)
        own = [*self._paintings(own), path][-_OWN:]
        _, style, second = self.recall_paintings(own, path, second)
        return own, style | {"value": path}, second

    def recall_paintings(self, own: list, style: str | None, second: str | None) -> tuple:
        """The visitor's paintings that are still there, and the styles with them."""
        there = self._paintings(own)
        choices = [*self._choices, *((title(path), path) for path in there)]
        return there, _offer(choices, style), _offer([_NO_STYLE, *choices], second)

    def forget(self, own: list, style: str | None, second: str | None) -> tuple:
        """As `recall_paintings`, once a painting is gone."""
        return (gr.skip(),) * 3 if self._paintings(own) == own else self.recall_paintings(own, style, second)

    def _paintings(self, own: Any) -> list[str]:
        """Those paintings that a browser remembers that are still there."""
        return [path for path in own if self._workshop.files.took_in(path)][-_OWN:] if isinstance(own, list) else []

    def tune(self, request: gr.Request, photo: str | None, style: str | None) -> Iterator[str]:
        """Bring the style of a visitor's painting nearer to it, until that is stopped, and show what is learned.

        Args:
            request: The visitor's request.
            photo: Path of a photograph that shows it, if there is one.
            style: Path of the painting.

        Yields:
            A note in HTML.

        Raises:
            InputError: It is not the style of a painting.
        """
        if style in styles() or not style:
            raise InputError("Only the style of your own painting can be learned better. Add a painting first.")
        yield bar("Getting ready", 0)
        shown, looked, done = "", 0.0, 0.0
        for label, done, _ in self._tuning.watch(request, functools.partial(self._workshop.tune, style)):
            if photo and time.monotonic() - looked > _LOOK:
                shown, looked = self._learned(photo, style), time.monotonic()
            yield bar(label, done) + shown
        yield "Learned." if done == 1 else "Stopped. What was learned so far is kept."

    def _learned(self, photo: str, style: str) -> str:
        """A photograph in a style as it is now, in HTML."""
        pictures = self._workshop.tiles(photo, [style], _PREVIEW)
        return "".join(f'<img alt="What is learned so far" src="{embedded(one, "jpg")}">' for _, one in pictures)

    def paint(self, request: gr.Request, photo: str | None, before: str | None, style: str | None) -> Iterator[tuple]:
        """Paint a photograph like a visitor's painting by its pixels, and show progress.

        Args:
            request: The visitor's request.
            photo: Path of the photograph.
            before: As in `stylize`.
            style: Path of the painting.

        Yields:
            Values for a `Result`, and the paths of the photograph and the result.

        Raises:
            InputError: There is no photograph, or the style is not a painting.
        """
        if not photo or style in styles() or not style:
            raise InputError("This needs a photograph and your own painting. Add both first.")
        full, painting = self._workshop.picture(photo), self._workshop.picture(style).rgb
        began, options = time.perf_counter(), PixelOptions()
        yield gr.skip(), bar("Getting ready", 0), gr.update(visible=False), gr.skip()
        from keras_nst.jobs.optimize import optimize, scales, settled

        options = settled(options)
        small = resize(Picture(full.rgb), options.end_size).rgb
        start, done, result = self._workshop.files.show(small), 0.0, small

        plan = scales(small.shape[1:3], options)

        def job(progress: Callable) -> np.ndarray:
            step = by_steps(plan, self._workshop.limits.seconds, progress)
            return optimize(small, [Region([painting])], options, progress=step)

        for label, done, result in self._painting.watch(request, job):
            if done < 1:
                yield (start, self._workshop.files.show(fit(result, small))), bar(label, done), gr.skip(), gr.skip()
        rows = Enlarged(fit(result, small), small, full.rgb).rows(0, full.rgb.shape[1])
        record = {"style": title(style), **values(options, PixelOptions)}
        path = self._workshop.files.deliver(Picture(rows, full.alpha), photo, f"{title(style)}-painted".lower(), record)
        seconds = time.perf_counter() - began
        note = f"Painted in {seconds:.0f} s" if done == 1 else "Stopped. This was painted so far."
        yield *made(*self.history.compare(before, (photo, path)), note), (photo, path)


def _offer(choices: list[tuple[str, str]], picked: str | None) -> dict:
    """The update of a component that offers choices: the first is picked if the one that was is not among them."""
    gone = picked not in (value for _, value in choices)
    return gr.update(choices=choices, **({"value": choices[0][1]} if gone else {}))
