"""Keras callbacks of a training: its end, log, checkpoints, previews and the progress bar."""

import contextlib
import csv
import math
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from keras_nst.console import Console, progress
from keras_nst.errors import InputError
from keras_nst.files import replacing
from keras_nst.fit import checkpoints
from keras_nst.fit.curves import read_log
from keras_nst.pictures.io import write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import PREVIEW_ROW, contact_sheet


class Guard(keras.callbacks.Callback):
    """Stops after the last step, or as soon as the loss is not finite.

    Args:
        steps: The last step, counted from the beginning of the training even if it was resumed.

    Raises:
        InputError: From `fit`, if the loss is not finite. The last checkpoint is good, since checkpoints are only
            written between epochs.
    """

    def __init__(self, steps: int):
        super().__init__()
        self._steps = steps

    def on_train_begin(self, logs=None):
        """Read the step at which the training starts or resumes."""
        self._step = self.model.steps_taken

    def on_train_batch_end(self, batch, logs=None):
        """Check the loss and the step."""
        self._step += 1
        if not math.isfinite(logs["total"]):
            raise InputError(
                f"The loss is {logs['total']} at step {self._step}; the last checkpoint is kept. "
                "Lower `learning_rate` or a weight and `resume`, or start again with `mixed_precision` off."
            )
        if self._step >= self._steps:
            self.model.stop_training = True


class Log(keras.callbacks.Callback):
    """Adds the means of each epoch to a log (CSV), which may have begun with other terms.

    Args:
        path: The file; it has a column for each name of any epoch, and an empty cell where an epoch has no value.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch, logs=None):
        """Replace the file by one with this epoch."""
        rows = [*read_log(self._path), {"epoch": epoch, **logs}]
        with replacing(self._path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, dict.fromkeys(name for row in rows for name in row))
            writer.writeheader()
            # All digits of float32.
            writer.writerows({name: f"{value:.9g}" for name, value in row.items()} for row in rows)


class Checkpoint(keras.callbacks.Callback):
    """Writes a checkpoint of the trainer after each epoch.

    Args:
        folder: As `keras_nst.fit.checkpoints.save` takes it.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self._folder = folder

    def on_epoch_end(self, epoch, logs=None):
        """Write the checkpoint."""
        checkpoints.save(self._folder, self.model.state)


class Preview(keras.callbacks.Callback):
    """Writes a sheet of photographs, with their results below, to a file and TensorBoard after each epoch.

    Args:
        path: File of the sheet.
        photographs: (1, height, width, 3) each, in [0, 1].
        board: Folder of the TensorBoard logs; None for the file alone.
    """

    def __init__(self, path: Path, photographs: Sequence[np.ndarray], board: Path | None = None):
        super().__init__()
        self._path, self._photographs, self._board = path, photographs, board

    def on_epoch_end(self, epoch, logs=None):
        """Replace the last preview."""
        columns = [[photograph, *map(np.asarray, self.model.preview(photograph))] for photograph in self._photographs]
        sheet = contact_sheet(list(zip(*columns, strict=True)), height=PREVIEW_ROW)
        write(self._path, Picture(sheet))
        if self._board:
            import tensorflow as tf

            # The preview is optional: a folder that was removed or replaced must not end the training.
            with contextlib.suppress(tf.errors.OpError):
                board = tf.summary.create_file_writer(str(self._board))
                with board.as_default(step=self.model.steps_taken):
                    tf.summary.image("preview", sheet)


class ProgressLine(keras.callbacks.Callback):
    """Shows a bar with speed and remaining time, and prints the weighted terms of the loss after each epoch.

    Args:
        console: Where to print.
        steps: As in `Guard`.
        batch: Images per batch.
    """

    def __init__(self, console: Console, steps: int, batch: int):
        super().__init__()
        self._console, self._steps, self._batch = console, steps, batch
        columns = BarColumn(), MofNCompleteColumn(), "{task.fields[speed]}", TimeRemainingColumn()
        self._bar = progress(*columns, console=console)

    def on_train_begin(self, logs=None):
        """Start the bar at the step where the training starts or resumes."""
        self._step = self.model.steps_taken
        self._task = self._bar.add_task("", total=self._steps, completed=self._step, speed="compiling")
        self._bar.start()

    def on_epoch_begin(self, epoch, logs=None):
        """Start to measure the speed."""
        self._timed, self._began = 0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Advance the bar."""
        self._step += 1
        self._timed += 1
        self._speed = self._timed * self._batch / (time.perf_counter() - self._began)
        self._bar.update(self._task, completed=self._step, speed=f"{self._speed:.1f} images/s")

    def on_epoch_end(self, epoch, logs=None):
        """Print the loss and its weighted terms."""
        parts = " + ".join(f"{name} {weight * logs[name]:.3g}" for name, weight in self.model.term_weights.items())
        validated = f", validation {logs['val_total']:.4g}" if "val_total" in logs else ""
        skipped = f", {logs['skipped']:.0f} skipped" if logs.get("skipped") else ""
        self._console.line(
            f"step {self._step}/{self._steps}: {logs['total']:.4g} = {parts}{validated}, "
            f"{self._speed:.1f} images/s{skipped}"
        )

    def on_train_end(self, logs=None):
        """Remove the bar."""
        self._bar.stop()
