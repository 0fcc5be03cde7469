"""Process many pictures, with reading, net and writing in parallel, on this machine or on workers of a Ray cluster."""

import collections
import json
import logging
import math
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from keras_nst.errors import InputError
from keras_nst.startup import one_operation_at_once

AHEAD = 4
"""Number of pictures that are read ahead, and of those that wait to be written. More would only take memory."""

_SHARE = 16  # Pictures that a worker gets at a time.
_MAX_SHARES = 10_000  # Ray keeps records of each share.

Source, Picture, Result = TypeVar("Source"), TypeVar("Picture"), TypeVar("Result")


def pipeline(
    jobs: Iterable[Source],
    read: Callable[[Source], Picture],
    process: Callable[[Picture], Picture],
    write: Callable[[Source, Picture], Result],
) -> Iterator[tuple[Source, Result | InputError]]:
    """Process each picture while the next ones are read and the previous ones are written.

    Args:
        jobs: The jobs; consumed as they are needed.
        read: Reads the picture of a job; runs in its own thread.
        process: Processes a picture; runs in this thread.
        write: Writes the result of a job; runs in its own thread.

    Yields:
        Each job, in order, with the value that `write` returned, or the error that one of the three functions raised.
    """
    jobs = iter(jobs)
    reading: collections.deque[tuple[Source, Future]] = collections.deque()
    writing: collections.deque[tuple[Source, Future]] = collections.deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            while True:
                while len(reading) < AHEAD and (job := next(jobs, reader)) is not reader:
                    reading.append((job, reader.submit(read, job)))
                if not reading:
                    break
                job, picture = reading.popleft()
                try:
                    writing.append((job, writer.submit(write, job, process(picture.result()))))
                except InputError as error:
                    writing.append((job, _failed(error)))
                while writing and (len(writing) > AHEAD or writing[0][1].done()):
                    yield _outcome(*writing.popleft())
            while writing:
                yield _outcome(*writing.popleft())
        finally:  # After an error or an interruption, cancel what has not started.
            for _, future in (*reading, *writing):
                future.cancel()


def _failed(error: InputError) -> Future:
    future = Future()
    future.set_exception(error)
    return future


def _outcome(job: Source, future: Future) -> tuple[Source, Result | InputError]:
    try:
        return job, future.result()
    except InputError as error:
        return job, error


Job = tuple[str, str]
"""Path of a picture, and path of its result."""


def on_ray(
    jobs: Sequence[Job],
    run: Callable[[Iterable[Job]], Iterator[tuple[Job, dict | InputError]]],
    *,
    workers: int = 1,
    address: str | None = None,
) -> Iterator[tuple[Job, dict | InputError]]:
    """Run jobs on Ray workers. If a worker is killed, another one repeats the jobs that it had not reported.

    Args:
        jobs: Jobs with absolute paths in folders that all workers share. A job may run twice, with the same result.
        run: Runs a share of the jobs in a worker. It should cache what it loads.
        workers: Number of workers.
        address: Address of a running cluster; None starts one on this machine for these jobs.

    Yields:
        Like `pipeline`, but in any order.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Fatal errors are also raised as exceptions.
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError("The engine ray needs Ray. Install it: pip install 'keras_nst[ray]'.") from error
    if address:
        _check_address(address)
    # An explicit "local" keeps Ray from using RAY_ADDRESS. One more CPU is needed for the tasks that hand out the jobs.
    place = {"address": address} if address else {"address": "local", "num_cpus": workers + 1}
    try:
        ray.init(**place, include_dashboard=None if address else False, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"Cannot start the engine ray{f' at {address}' if address else ''}: {reason}") from error
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        threads = None if address else max(1, (os.cpu_count() or 1) // workers)
        shares = min(math.ceil(len(jobs) / _SHARE), _MAX_SHARES)
        workers = min(workers, shares)
        told = ray.data.from_items([{"job": list(job)} for job in jobs], override_num_blocks=shares).map_batches(
            _Worker,
            fn_constructor_args=(run, threads),
            batch_size=_SHARE,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            num_gpus=1 if ray.cluster_resources().get("GPU") else 0,
        )
        for row in told.iter_rows():
            error = row["error"]
            yield tuple(row["job"]), InputError(error) if error else json.loads(row["result"])
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Check that something answers at the address: Ray itself would wait for a quarter of an hour."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "expected HOST:PORT"
        raise InputError(
            f"No Ray cluster answers at the `address` {address}: {reason}. Start one, or leave it out."
        ) from error


class _Worker:
    """A Ray worker, in its own process."""

    def __init__(self, run: Callable, threads: int | None):
        if threads:  # Workers on one machine share its cores. TensorFlow reads this variable when it is loaded.
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        one_operation_at_once()
        self._run = run

    def __call__(self, batch: dict) -> dict:
        told = list(self._run([tuple(job) for job in batch["job"]]))
        failed = [isinstance(result, InputError) for _, result in told]
        return {
            "job": [list(job) for job, _ in told],
            "error": [str(result) if bad else "" for bad, (_, result) in zip(failed, told, strict=True)],
            "result": ["" if bad else json.dumps(result) for bad, (_, result) in zip(failed, told, strict=True)],
        }
