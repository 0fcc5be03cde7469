"""`keras-nst optimize`: restyle a picture by optimizing its pixels."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, TaskProgressColumn, TimeRemainingColumn

import keras_nst
from keras_nst.commands.arguments import Optimize
from keras_nst.commands.inputs import check_destination, check_painting, deliver, destination, read_picture, show_mask
from keras_nst.console import Console, progress
from keras_nst.errors import InputError
from keras_nst.fields import values
from keras_nst.files import make_folder
from keras_nst.options import STARTS, PixelOptions, Region
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.pyramid import finished
from keras_nst.recipes import left_open
from keras_nst.select.named import named_mask


def run(options: Optimize) -> int:
    """Optimize, show progress, and write the result."""
    output = destination(options.output, options.content, Path(options.style[0]).stem)
    _check_numbers(options)
    if options.show_mask:
        check_destination(options.show_mask)
    for style in options.style:
        check_painting(style, options.content)
    picture = read_picture(options.content)
    regions = _regions(options, picture)
    if options.show_mask:
        show_mask(options.show_mask, picture.rgb, *(region.mask for region in regions))
    if options.report:
        make_folder(options.report)
    if options.init not in (None, *STARTS):
        read(options.init)  # Report a wrong path before TensorFlow loads.
    from keras_nst.jobs.optimize import restyle, scales, settled

    chosen = settled(options)
    console = Console()
    if options.recipe == "jin2020" and chosen.backbone == "vgg16" and options.backbone is None:
        console.line(
            "Using VGG16, since VGG19's weights are not installed. --backbone vgg19 downloads them, "
            "--vgg-weights FILE reads them."
        )
    if options.as_printed:
        for line in left_open(options.recipe):
            console.line(line)
    with Reporter(console, scales(picture.rgb.shape[1:3], chosen), output, options.save_every) as reporter:
        try:
            result = restyle(picture, regions, chosen, progress=reporter)
        except KeyboardInterrupt:
            if reporter.saved:
                again = f"--init {reporter.saved} --start-size {reporter.saved_side}"
                raise KeyboardInterrupt(f"{again} continues from the last preview.") from None
            raise
    record = _record(chosen, reporter.facts)
    deliver(output, result, record=record)
    if options.report:
        from keras_nst.evaluation.page import write_page

        paintings = {Path(style).name: read(style).rgb for style in options.style}
        shown = {Path(options.content).name: picture.rgb, **paintings, **reporter.pictures, "result": result.rgb}
        write_page(options.report, f"{Path(output).name}, optimized", shown, reporter.history, record)
    height, width = result.rgb.shape[1:3]
    if options.json:
        facts = {"input": options.content, "output": output, "width": width, "height": height, **reporter.facts}
        print(json.dumps(facts), file=sys.stderr if output == "-" else sys.stdout)
    elif output != "-":
        print(f"{output}  {width}x{height}  {reporter.facts['seconds']:.0f} s")
    return 0


def _regions(options: Optimize, picture: Picture) -> list[Region]:
    """Read the regions from the named masks and paintings."""
    paintings = [read(style) for style in options.style]
    masks = [named_mask(source, picture) for source in options.content_mask]
    if len(masks) < 2:
        style_mask = named_mask(options.style_mask[0], paintings[0]) if options.style_mask else None
        shares = options.blend or [1.0] * len(paintings)
        return [Region([painting.rgb for painting in paintings], shares, *masks or [None], style_mask)]
    sources = [*options.style_mask, *[None] * (len(masks) - len(options.style_mask))]
    if len(paintings) == 1:
        paintings *= len(masks)
    return [
        Region([painting.rgb], mask=mask, style_mask=source and named_mask(source, painting))
        for painting, mask, source in zip(paintings, masks, sources, strict=True)
    ]


def _record(chosen: Optimize, facts: dict) -> dict:
    """The record of the result. A picture may be published, so it names no folders."""
    settings = values(chosen, PixelOptions)
    for file in ("init", "vgg_weights"):
        settings[file] = settings[file] and Path(settings[file]).name
    style = " ".join(Path(style).name for style in chosen.style)
    return {"version": keras_nst.__version__, "style": style, **settings, **facts}


def _check_numbers(options: Optimize) -> None:
    """Check that the numbers of paintings, masks and shares match.

    Raises:
        InputError: They do not.
    """
    masks, style_masks, styles = len(options.content_mask), len(options.style_mask), len(options.style)
    if options.show_mask and not masks:
        raise InputError("`show_mask` shows what a `content_mask` selects. Give one.")
    if style_masks > masks:
        raise InputError(
            f"There are more style masks ({style_masks}) than content masks ({masks}). "
            "Each `style_mask` belongs to a `content_mask`, in order."
        )
    if masks > 1 and styles not in (1, masks):
        raise InputError(f"{masks} content masks need one style, or one each. Received: {styles}.")
    if style_masks and masks == 1 < styles:
        raise InputError("Blended styles cannot have a `style_mask`. Give one style, or a `content_mask` for each.")
    if options.blend and (masks > 1 or len(options.blend) != styles):
        raise InputError(f"`blend` needs a share for each of the {styles} styles, and a single region.")


class Reporter:
    """Shows the progress of an optimization, and writes previews.

    Args:
        console: The console.
        plan: Longest side and number of steps of each scale.
        output: The result's file; previews are written next to it.
        every: Steps between previews; None for no previews.

    Attributes:
        facts: Facts for the result's record.
        history: For each scale, {term: its unweighted value after each step}, with "total".
        pictures: The result of each scale.
        saved: The last preview, and `saved_side` its longest side.
    """

    def __init__(self, console: Console, plan: Mapping[int, int], output: str = "-", every: int | None = None):
        self._plan = plan
        self._console, self._output, self._every = console, Path("stdout.png" if output == "-" else output), every
        columns = "{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        self._bar = progress(*columns, console=console)
        self._steps = self._evaluations = 0
        self._seconds = 0.0
        self._side = self._last = None
        self.facts: dict = {}
        self.history: dict[str, dict[str, list[float]]] = {}
        self.pictures: dict[str, np.ndarray] = {}
        self.saved: Path | None = None
        self.saved_side = 0

    def __enter__(self) -> "Reporter":
        self._bar.start()
        self._task = self._bar.add_task("preparing", total=1.0)
        return self

    def __exit__(self, *_):
        self._bar.stop()
        self._end_scale()

    def __call__(self, side: int, now) -> None:
        """Report a step at a scale."""
        if side != self._side:
            self._end_scale()
            self._side = side
        self._last = now
        self._steps += 1
        scale = self.history.setdefault(f"{side} px", {})
        for name, value in {"total": now.value, **now.terms}.items():
            scale.setdefault(name, []).append(value)
        done = finished(self._plan, side, now.iteration)
        self._bar.update(self._task, description=f"painting at {side} pixels", completed=done)
        if self._every and self._steps % self._every == 0:
            path = self._output.with_name(f"{self._output.stem}-{self._steps:05}{self._output.suffix}")
            write(path, Picture(now.image))
            self.saved, self.saved_side = path, side
        self.facts = {
            "loss": now.value,
            "terms": now.terms,
            "steps": self._steps,
            "evaluations": self._evaluations + now.evaluations,
            "seconds": round(self._seconds + now.seconds, 2),
        }

    def _end_scale(self) -> None:
        if self._last:
            terms = ", ".join(f"{name} {value:.4g}" for name, value in self._last.terms.items())
            self._console.line(
                f"{self._side} px: {self._last.value:.4g} after {self._last.evaluations} evaluations ({terms}), "
                f"{self._last.seconds:.0f} s"
            )
            self.pictures[f"{self._side} px"] = self._last.image
            self._evaluations += self._last.evaluations
            self._seconds += self._last.seconds
            self._last = None
