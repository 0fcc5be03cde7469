"""Work on pixels that a visitor watches, and may stop."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import gradio as gr
import numpy as np

from keras_nst.app.workshop import Workshop
from keras_nst.pictures.pyramid import finished

_VISITORS = 200  # Visitors whose work can be stopped; more than can wait.
_GLANCE = 0.5  # Seconds between intermediate pictures.


class Watching:
    """Runs the work of visitors, one at a time.

    Args:
        workshop: Gives each visitor a turn.
    """

    def __init__(self, workshop: Workshop):
        self._workshop = workshop
        self._stops: dict[str | None, threading.Event] = {}

    def buttons(self, label: str, name: str) -> tuple[gr.Button, gr.Button]:
        """The buttons to run and to stop, of which one is shown."""
        run = gr.Button(label, variant="primary", elem_id=f"{name}-run", min_width=140)
        return run, gr.Button("Stop", variant="stop", visible=False, elem_id=f"{name}-stop", min_width=140)

    def wire(self, run: gr.Button, stop: gr.Button, work: Callable, inputs: list, outputs: list, **kwargs):
        """Let the buttons run and stop the work.

        Args:
            run: The button to run.
            stop: The button to stop.
            work: Handler of a request and `inputs` that yields values for `outputs`, with `watch` within.
            inputs: Components.
            outputs: Components.
            kwargs: Options of the event.

        Returns:
            The event of the work.
        """
        # In the page itself, without waiting in the queue.
        shown = {"outputs": [run, stop], "show_progress": "hidden", "queue": False}
        at_once = {"api_visibility": "undocumented", "show_progress": "hidden", "queue": False}
        run.click(None, js=_shown(working=True), **shown)
        begun = run.click(self.begin, None, None, **at_once)
        worked = begun.success(
            work,
            inputs,
            outputs,
            concurrency_id="optimization",
            concurrency_limit=1,
            show_progress="hidden",
            **kwargs,
        )
        for ended in (begun.failure, worked.success, worked.failure):
            ended(None, js=_shown(working=False), **shown)
        stop.click(self.stop, None, None, **at_once)
        return worked

    def begin(self, request: gr.Request) -> None:
        """Let the visitor stop the work, even while it waits."""
        self._stops[request.session_hash] = threading.Event()
        if len(self._stops) > _VISITORS:
            self._stops.pop(next(iter(self._stops)))

    def stop(self, request: gr.Request) -> None:
        """Stop the visitor's work."""
        if running := self._stops.get(request.session_hash):
            running.set()

    def watch(
        self, request: gr.Request, job: Callable[[Callable], np.ndarray], plan: Mapping[int, int]
    ) -> Iterator[tuple[str, float, np.ndarray]]:
        """Do the work of a visitor until it is done or stopped.

        Args:
            request: The visitor's request.
            job: Function of a function that it calls after each step, with the longest side of the scale and the
                progress; it returns the result.
            plan: Longest side and number of steps of each scale.

        Yields:
            A note, the finished share and the picture at its scale; for the share 1, the result.
        """
        stop = self._stops.setdefault(request.session_hash, threading.Event())
        news: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(job, plan, stop, news.put), daemon=True).start()
        shown = 0.0
        try:
            while not stop.is_set():
                try:
                    latest = news.get(timeout=_GLANCE)
                except queue.Empty:
                    continue
                if isinstance(latest, Exception):
                    raise latest
                if latest[1] == 1:
                    yield latest
                    return
                if time.perf_counter() - shown > _GLANCE:
                    yield latest
                    shown = time.perf_counter()
        finally:
            stop.set()
            self._stops.pop(request.session_hash, None)

    def _work(self, job: Callable, plan: Mapping[int, int], stop: threading.Event, tell: Callable) -> None:
        """Do the work, and report each step, the result, or an error."""
        try:
            with self._workshop.turn("optimization"):
                if stop.is_set():
                    return
                began = time.monotonic()

                def progress(side: int, now) -> None:
                    if stop.is_set() or self._workshop.closed.is_set():
                        raise _StoppedError
                    done, seconds = min(1.0, finished(plan, side, now.iteration)), time.monotonic() - began
                    label = f"{100 * done:.0f} %, about {_told(seconds / done * (1 - done))} left"
                    tell((label, 0.99 * done, now.image.copy()))  # Below 1, which means the final result.
                    if seconds > self._workshop.limits.seconds:
                        raise StopIteration

                tell(("Done", 1.0, job(progress)))
        except _StoppedError:
            pass
        except Exception as error:
            tell(error)


class _StoppedError(Exception):
    """The visitor has stopped the work."""


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _shown(working: bool) -> str:
    """JavaScript that shows the button to stop or the button to run."""
    updates = [{"__type__": "update", "visible": visible} for visible in (not working, working)]
    return f"() => {json.dumps(updates)}"
