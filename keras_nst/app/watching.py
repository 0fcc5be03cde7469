"""Long work that a visitor watches, and may stop."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from keras_nst.app.workshop import Workshop
from keras_nst.pictures.pyramid import finished

_VISITORS = 200  # Visitors whose work can be stopped; more than can wait.
_GLANCE = 0.5  # Seconds between intermediate states.


class Watching:
    """Runs one kind of work of visitors, for one at a time.

    Args:
        workshop: Gives each visitor a turn.
        kind: The kind, as `Workshop.turn` takes it.
    """

    def __init__(self, workshop: Workshop, kind: str = "optimization"):
        self._workshop, self._kind = workshop, kind
        self._stops: dict[str | None, threading.Event] = {}

    def buttons(self, label: str, name: str) -> tuple[gr.Button, gr.Button]:
        """The buttons to run and to stop, of which one is shown."""
        run = gr.Button(label, variant="primary", elem_id=f"{name}-run", min_width=140)
        return run, self.stop_button(name)

    def stop_button(self, name: str, **kwargs) -> gr.Button:
        """The button to stop, which is shown while the work runs; it takes options of a button."""
        return gr.Button("Stop", variant="stop", visible=False, elem_id=f"{name}-stop", min_width=140, **kwargs)

    def wire(
        self, start: Callable, run: gr.components.Component, stop: gr.Button, work: Callable, inputs, outputs, **kwargs
    ):
        """Let the buttons run and stop the work.

        Args:
            start: The event that starts it: that of a click, or of an upload.
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
        start(None, js=_shown(working=True), **shown)
        begun = start(self.begin, None, None, **at_once)
        worked = begun.success(
            work,
            inputs,
            outputs,
            concurrency_id=self._kind,
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

    def watch(self, request: gr.Request, job: Callable[[Callable[[float, Any], None]], Any]) -> Iterator[tuple]:
        """Do the work of a visitor until it is done or stopped.

        Args:
            request: The visitor's request.
            job: Function of a function that it calls with the finished share and what there is to show; it returns the
                result. The call raises where the work is to end.

        Yields:
            A note, the finished share and what there is to show; for the share 1, the result.
        """
        stop = self._stops.setdefault(request.session_hash, threading.Event())
        news: queue.SimpleQueue = queue.SimpleQueue()
        # Python waits for it: a thread that is ended within TensorFlow takes the process down.
        threading.Thread(target=self._work, args=(job, stop, news.put)).start()
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

    def _work(self, job: Callable, stop: threading.Event, tell: Callable) -> None:
        """Do the work, and report its progress, the result, or an error."""
        first: tuple[float, float] | None = None

        def progress(done: float, shown: Any) -> None:
            nonlocal first
            if stop.is_set() or self._workshop.turns.closed.is_set():
                raise _StoppedError
            now, label = time.monotonic(), f"{100 * done:.0f} %"
            first = first or (done, now)  # What comes before, such as loading, tells nothing about the rest.
            if done > first[0]:
                label += f", about {_told((now - first[1]) / (done - first[0]) * (1 - done))} left"
            tell((label, 0.99 * done, shown))  # Below 1, which means the final result.

        try:
            with self._workshop.turns.turn(self._kind):
                if not stop.is_set():
                    tell(("Done", 1.0, job(progress)))
        except _StoppedError:
            pass
        except Exception as error:
            tell(error)


def by_steps(plan: Mapping[int, int], seconds: float, progress: Callable[[float, Any], None]) -> Callable:
    """The function that an optimization of pixels calls after each step.

    Args:
        plan: Longest side and number of steps of each scale.
        seconds: Time after which each scale ends with its next step.
        progress: Called with the finished share and the picture.
    """
    began = time.monotonic()

    def step(side: int, now) -> None:
        progress(min(1.0, finished(plan, side, now.iteration)), now.image.copy())
        if time.monotonic() - began > seconds:
            raise StopIteration

    return step


class _StoppedError(Exception):
    """The visitor has stopped the work."""


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _shown(working: bool) -> str:
    """JavaScript that shows the button to stop or the button to run."""
    updates = [{"__type__": "update", "visible": visible} for visible in (not working, working)]
    return f"() => {json.dumps(updates)}"
