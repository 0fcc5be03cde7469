"""Bring the predicted code of a painting nearer to it, in about a minute."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_nst.data.sets import PaintedPhotographs
from keras_nst.errors import InputError
from keras_nst.fit import devices, precision
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.models import painter
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import SLOWER, STATISTICS, parts
from keras_nst.models.styles import load_painter, read_facts
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.recipes import ghiasi2017

SIZE, BATCH, RATE = 128, 4, 1e-3 / SLOWER


def tune(
    painting: str | Path, seconds: float, *, content: str | None = None, progress: Callable[[float], None] | None = None
) -> Path:
    """Train the predictor's last layer on one painting, and keep the code that it then predicts.

    The net itself stays as it is, so the style is still a code of it.

    Args:
        painting: A picture's file.
        seconds: For how long, from the first step on.
        content: Photographs, as `keras_nst.data.datasets.photographs` takes them.
        progress: Called after each step with the part of the time that has passed.

    Returns:
        The style's folder, as `keras_nst.models.painter.style_of` gives it.

    Raises:
        InputError: The painting or the photographs cannot be read, or there is no net of many styles.
    """
    read(painting)
    facts = read_facts(painter.home())
    policy = precision.policy("auto")
    model = load_painter(painter.home())
    net, predictor = parts(model)
    net.trainable = False
    for layer in predictor.layers:
        layer.trainable = layer.name == "code"
    objective = Objective(ghiasi2017.tuned().loss(), Observer(vgg=vgg(dtype=policy)))
    trainer = StyleTrainer(model, objective, STATISTICS)
    optimizer = keras.optimizers.Adam(RATE)
    trainer.compile(optimizer, jit_compile=devices.suits_xla(policy))
    size = int(facts.get("style_size", 384))
    batches = PaintedPhotographs(content, [painting], style_size=size).batches(size=SIZE, batch=BATCH, seed=0)
    until = _Until(seconds, progress or (lambda done: None))
    trainer.fit(batches, epochs=1, steps_per_epoch=10**6, shuffle=False, verbose=0, callbacks=[until])
    (statistics,) = STATISTICS(objective.observer(painter.seen_of(painting), STATISTICS.probes))
    code = np.asarray(parts(trainer.trained)[1](statistics))[0]
    if not np.isfinite(code).all():
        raise InputError(f"Tuning to {painting} did not end in numbers. Choose a painting with more in it.")
    folder = painter.folder_of(painting)
    painter.keep(folder, code, painting, tuned=seconds)
    return folder


class _Until(keras.callbacks.Callback):
    """Ends a training after a time, and reports how much of it has passed."""

    def __init__(self, seconds: float, progress: Callable[[float], None]):
        super().__init__()
        self._seconds, self._progress = seconds, progress
        self._began = None

    def on_train_batch_end(self, batch, logs=None):
        """Start the clock with the first step, and stop by it."""
        self._began = self._began or time.monotonic()
        elapsed = time.monotonic() - self._began
        self._progress(min(1.0, elapsed / self._seconds))
        self.model.stop_training = elapsed >= self._seconds
