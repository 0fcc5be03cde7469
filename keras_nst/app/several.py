"""Several photographs or a clip, painted with the settings of the one photograph."""

import html
from collections.abc import Callable, Iterator, Sequence

import gradio as gr

from keras_nst.app.choices import chosen, method, record
from keras_nst.app.parts import bar
from keras_nst.app.watching import Watching
from keras_nst.app.workshop import Workshop
from keras_nst.errors import InputError
from keras_nst.pictures.kinds import is_animation, is_clip
from keras_nst.select.subject import MASKS
from keras_nst.video import ffmpeg

_FILES = 20


class Several:
    """A button for files, and one for what is made of them.

    Args:
        workshop: Does the work.
        stylize: Function of a photograph's path and the settings to the path of its result.
    """

    def __init__(self, workshop: Workshop, stylize: Callable[..., str]):
        self._workshop, self._stylize = workshop, stylize
        self._watching = Watching(workshop, "several")

    def build(self) -> None:
        """Lay out the buttons."""
        clips = ffmpeg.is_there()
        self._files = gr.UploadButton(
            "Several photographs, or a clip" if clips else "Several photographs",
            file_types=["image", "video"] if clips else ["image"],
            file_count="multiple",
            size="sm",
            elem_id="stylize-several",
        )
        self._stop = self._watching.stop_button("stylize-several", size="sm")
        self._archive = gr.DownloadButton("Download all", visible=False, size="sm", elem_id="stylize-all")

    def wire(self, settings: Sequence[gr.components.Component], note: gr.HTML) -> None:
        """Let the buttons work: with `settings`, and with notes in `note`."""
        inputs, outputs = [self._files, *settings], [note, self._archive]
        self._watching.wire(
            self._files.upload, self._files, self._stop, self.paint, inputs, outputs, api_name="several"
        )

    def stop(self, request: gr.Request) -> None:
        """Stop the visitor's work."""
        self._watching.stop(request)

    def paint(self, request: gr.Request, files: list[str], *settings) -> Iterator[tuple]:
        """Stylize several photographs and clips.

        Args:
            request: The visitor's request.
            files: Paths of the uploaded files.
            settings: The settings of `StylizeTab.stylize`, from its style on.

        Yields:
            A note, and the update of the button that downloads the result, or an archive of all.

        Raises:
            InputError: There are too many, or none can be read, or a setting is not one of `stylize`.
        """
        if len(files) > _FILES:
            raise InputError(f"At most {_FILES} files are painted at once. Choose fewer.")
        yield bar("Getting ready", 0), gr.update(visible=False)
        results, refused, done = [], None, 0.0

        def job(progress: Callable) -> None:
            nonlocal refused
            for number, file in enumerate(files):

                def part(done: float, before: int = number) -> None:
                    progress((before + done) / len(files), None)

                try:
                    results.append(self._one(file, settings, part))
                except InputError as error:
                    refused = error
                part(1.0)

        for label, done, _ in self._watching.watch(request, job):
            yield bar(label, done), gr.skip()
        if not results and done == 1:
            raise refused or InputError("There are no photographs. Choose some first.")
        note = f"{len(results)} of {len(files)} painted. {html.escape(str(refused or ''))}"
        note = note if done == 1 else f"Stopped. {note}"
        if not results:
            yield note, gr.skip()
        elif len(results) == 1:
            yield note + _moving(results[0]), gr.update(value=results[0], label="Download it", visible=True)
        else:
            yield note, gr.update(value=self._workshop.files.pack(results), label="Download all", visible=True)

    def _one(self, file: str, settings: tuple, progress: Callable[[float], None]) -> str:
        """The path of what is made of an uploaded photograph or clip."""
        if not (ffmpeg.is_there() and is_clip(file)):
            return self._stylize(self._workshop.take_in(file)[0], settings)
        style, strength, stroke, color, protect, _, second, share, _ = settings
        if protect in MASKS:
            raise InputError("A part of a clip cannot be protected, since it moves. Protect nothing.")
        if stroke != 1:
            raise InputError("The strokes of a clip have one size. Set the size of strokes to 1.")
        options = chosen(style, strength, stroke, color, second, share)
        return self._workshop.stylize_clip(file, options, method(options), record(options), progress)


def _moving(path: str) -> str:
    """A clip or an animation in HTML; nothing for a photograph."""
    source = f"gradio_api/file={path}"
    if is_animation(path):
        return f'<img alt="The painted clip" src="{source}">'
    return f'<video controls loop src="{source}" aria-label="The painted clip"></video>' if is_clip(path) else ""
