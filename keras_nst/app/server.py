"""The page with its tabs, and its server."""

import contextlib
import json
import os
import re
import socket
import tempfile
import threading
import traceback
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta, traverse

from keras_nst.app.cleaning import cleaning
from keras_nst.app.door import Door, Names
from keras_nst.app.harmonize import HarmonizeTab
from keras_nst.app.limits import Limits
from keras_nst.app.live import LiveTab
from keras_nst.app.partial import PartialTab
from keras_nst.app.parts import script, thumbnails
from keras_nst.app.stylize import StylizeTab
from keras_nst.app.workshop import Workshop
from keras_nst.errors import InputError
from keras_nst.models.styles import origin, styles

TABS = {"Stylize": StylizeTab, "Harmonize": HarmonizeTab, "Partial": PartialTab, "Live": LiveTab}
"""The tabs, by the name on the page."""

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif"]
_SESSIONS = 200

_STYLE = """
body {--quiet: var(--neutral-500)}
body.dark {--quiet: var(--neutral-400)}
/* Within "hidden", Gradio's own, nothing is sticky. */
.gradio-container {width: 100%; max-width: 1240px !important; margin: 0 auto !important; overflow: clip !important}
.gradio-container h1 {display: inline; margin: 0 12px 0 0; font-size: 24px}
.gradio-container h1 + p {display: inline; color: var(--quiet)}
@media (prefers-reduced-motion: no-preference) {html {scroll-behavior: smooth}}
.unseen {position: absolute}
@media (min-width: 900px) {
  .result {position: sticky; top: 8px}
  .picking, .styles .wrap {max-height: 400px; overflow-y: auto}
}
@media (max-width: 899px) {.result:last-child {min-height: 100vh}}
.clickable img {cursor: crosshair; object-fit: contain !important; width: 100%; height: 100%}
.drawing, .stage {position: relative; user-select: none; gap: 0 !important}
.drawing canvas {position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none}
.drawing:not([data-tool=click]) img {touch-action: none}
.stage .object {position: absolute; outline: 2px dashed white; box-shadow: 0 0 0 2px rgb(0 0 0 / 60%); cursor: move;
  touch-action: none}
.stage .object:focus-visible {outline: 3px solid var(--primary-500)}
.stage .object .cut {position: absolute; inset: 0; overflow: hidden}
.stage .object img {position: absolute; max-width: none; margin: 0}
.stage .object i {position: absolute; width: 14px; height: 14px; margin: -7px; border-radius: 50%; background: white;
  border: 2px solid var(--primary-600)}
.stage .object i::after {content: ""; position: absolute; inset: -10px}
.stage .nw, .stage .sw {left: 0} .stage .ne, .stage .se {left: 100%}
.stage .nw, .stage .ne {top: 0} .stage .sw, .stage .se {top: 100%}
.stage .nw, .stage .se {cursor: nwse-resize} .stage .ne, .stage .sw {cursor: nesw-resize}
.stage .object .turn {left: 50%; top: -24px; cursor: grab}
.styles .wrap, .picking {display: grid !important; gap: 6px;
  grid-template-columns: repeat(auto-fill, minmax(84px, 1fr))}
.styles label {position: relative; aspect-ratio: 1; padding: 0; overflow: hidden; background-size: cover}
.styles label.selected {outline: 3px solid var(--primary-500)}
.styles input {position: absolute; opacity: 0}
.styles label:has(input:focus-visible) {outline: 3px solid var(--primary-300); outline-offset: 2px}
.styles label span {position: absolute; inset: auto 0 0 0; margin: 0; padding: 2px 6px; font-size: var(--text-xs);
  color: white; background: rgb(0 0 0 / 60%)}
.picking .form, .picking .styles, .picking .wrap:not([data-testid]) {display: contents !important}
.picking .styles > span {grid-column: 1 / -1; order: -1}
#stylize-own {aspect-ratio: 1; min-width: 0; padding: 4px; font-size: var(--text-xs); border: 2px dashed var(--quiet)}
#live-result img {width: 100%; border-radius: var(--radius-lg)}
.gallery img {object-fit: cover !important}
#stylize-history .grid-container {counter-reset: result}
#stylize-history .thumbnail-item::after {counter-increment: result; content: counter(result); position: absolute;
  inset: auto 0 0 auto; padding: 2px 8px; font-size: var(--text-xs); color: white; background: rgb(0 0 0 / 60%)}
.note {min-height: 1.3em}
.note .html-container {padding: 0 4px}
.note .prose {font-size: var(--text-sm); color: var(--quiet)}
.min_value, .max_value, .info-text {color: var(--quiet) !important}
.note img, .note video {display: block; max-width: 100%; max-height: 440px; margin-top: 6px;
  border-radius: var(--radius-lg)}
.note progress {appearance: none; width: 100%; height: 6px; border-radius: 3px; background: var(--neutral-200)}
.note progress::-webkit-progress-bar {border-radius: 3px; background: var(--neutral-200)}
.note progress::-webkit-progress-value {border-radius: 3px; background: var(--primary-500)}
.note progress::-moz-progress-bar {border-radius: 3px; background: var(--primary-500)}
footer {display: none !important}
"""


class _Page(gr.Blocks):
    """Blocks whose handlers may raise errors like any function. Visitors only see those of bad input.

    Args:
        workshop: Holds the files that handlers may get.
        kwargs: Arguments of `gradio.Blocks`.
    """

    def __init__(self, workshop: Workshop, **kwargs):
        super().__init__(**kwargs)
        self._workshop = workshop

    async def preprocess_data(self, block_fn, inputs, *args, **kwargs):
        """Check files first: for any component, the base class would fetch URLs and accept folders as files."""
        traverse(inputs, self._check_file, is_file_obj_with_meta)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)

    def _check_file(self, file: dict) -> None:
        if not self._workshop.files.holds(file["path"]):
            raise InputError("That picture is not here any more. Choose it again.")

    async def process_api(self, *args, **kwargs):
        """Like the base class, with errors for visitors."""
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except InputError as error:
            message = re.sub("`(.+?)`", lambda option: option[1].replace("_", " "), str(error))
            raise gr.Error(message, title="", print_exception=False) from None
        except Exception as error:
            traceback.print_exception(error)
            raise gr.Error("That did not work. Try again, or another picture.", print_exception=False) from None


def page(workshop: Workshop) -> gr.Blocks:
    """Build the page.

    Args:
        workshop: Does the work.

    Raises:
        InputError: There is no style.
    """
    if not styles():
        raise InputError("There is no style. Train one with keras-nst train, or install keras_nst with its styles.")
    with _Page(workshop, title="keras_nst", analytics_enabled=False) as blocks:
        gr.Markdown("# keras_nst\nStyle transfer that keeps what matters in a picture.")
        for label, tab in TABS.items():
            with gr.Tab(label, id=label.lower()):
                tab(workshop).build()
        origins = json.dumps({style: origin(style) for style in styles()})
        blocks.load(None, None, None, js=script("page").replace("ORIGINS", origins))
    return blocks.queue(max_size=workshop.limits.waiting, default_concurrency_limit=2, api_open=False)


@contextlib.contextmanager
def serve(
    host: str = "127.0.0.1",
    port: int = 7860,
    share_dir: str | Path | None = None,
    names: Collection[str] = (),
    limits: Limits | None = None,
) -> Iterator[str]:
    """Context in which the page is served.

    Args:
        host: Address of a network interface of this computer; one of IPv6 with or without brackets.
        port: The port; 0 for any free one.
        share_dir: Folder in which to keep results; None to delete them when the server stops.
        names: Other names that browsers use for the server.
        limits: The limits for visitors.

    Yields:
        The page's address.

    Raises:
        InputError: The port is taken, the address is not this computer's, or there is no style.
    """
    with tempfile.TemporaryDirectory(prefix="keras_nst-") as name, contextlib.ExitStack() as cleaner:
        folder, limits = Path(name).resolve(), limits or Limits()
        host = host.strip("[]")
        address = f"[{host}]" if ":" in host else host
        for variable in ("GRADIO_TEMP_DIR", "GRADIO_EXAMPLES_CACHE"):
            os.environ[variable] = str(folder)  # The only folder that Gradio writes to or serves from.
        workshop = Workshop(folder, share_dir and Path(share_dir), limits)
        blocks = page(workshop)
        cleaner.enter_context(cleaning(folder, limits))

        @contextlib.asynccontextmanager
        async def lifespan(app) -> AsyncIterator[None]:
            # Outside of Gradio's own layers, one of which answers requests from other sites.
            app.middleware_stack = Door(app.middleware_stack, Names(host, names), folder, limits)
            yield

        try:
            _, url, _ = blocks.launch(
                server_name=address,
                server_port=_free_port(host, port),
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                run_history=False,
                max_file_size=limits.file,
                state_session_capacity=_SESSIONS,
                footer_links=[],
                theme=_theme(),
                css=_STYLE + thumbnails(),
                app_kwargs={"lifespan": lifespan},
            )
        except OSError as error:
            raise InputError(f"Cannot serve at {address}:{port}. Choose another `port` or `host`.") from error
        # Python waits for it: a thread that is ended within TensorFlow takes the process down.
        threading.Thread(target=workshop.warm_up).start()
        try:
            yield url.replace("[::]", "[::1]")  # A browser may not open the first.
        finally:
            workshop.close()
            blocks.close(verbose=False)


def _theme() -> gr.themes.Base:
    """Gradio's own, with colors of more contrast."""
    theme = gr.themes.Default(primary_hue="indigo", font=_FONTS, font_mono=["monospace"])
    fill = {f"button_primary_background_fill{mode}": "*primary_600" for mode in ("", "_dark")}
    return theme.set(**fill)


def _free_port(host: str, port: int) -> int:
    """The port, or any for 0; raises an OSError if it is taken, or the address is not this computer's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # It may have been in use until now.
        probe.bind((host, port))
        return probe.getsockname()[1]
