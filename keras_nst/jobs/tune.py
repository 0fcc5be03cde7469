"""Improve the predicted code of a painting, in a minute or more."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_nst.data.sets import PaintedPhotographs
from keras_nst.errors import InputError
from keras_nst.fit import precision
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.models import painter
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import SLOWER, STATISTICS, parts
from keras_nst.models.saved import load_painter, read_facts
from keras_nst.models.styles import read_code
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read_painting
from keras_nst.recipes import kolkin2019

SIZE, BATCH, RATE = 128, 4, 1e-3 / SLOWER
EVERY = 1.0
"""Seconds after which the code so far is stored."""


def tune(
    painting: str | Path, seconds: float, *, content: str | None = None, progress: Callable[[float], None] | None = None
) -> Path:
    """Train the predictor's last layer on one painting, and store the code that it predicts, again and again.

    The net itself does not change, so the style is still a code for it. What is learned stays if the work is ended, and
    the next tuning goes on from there.

    Args:
        painting: Path of the painting.
        seconds: Duration, counted from the first step.
        content: Photographs, as in `keras_nst.data.datasets.photographs`.
        progress: Called after each step with the part of the time that has passed. An error of it ends the work.

    Returns:
        The style's folder, as from `keras_nst.models.painter.style_of`.

    Raises:
        InputError: The painting or the photographs cannot be read, or there is no net of many styles.
    """
    read_painting(painting)
    facts = read_facts(painter.home())
    policy = precision.policy("auto")
    model = load_painter(painter.home())
    net, predictor = parts(model)
    net.trainable = False
    for layer in predictor.layers:
        layer.trainable = layer.name == "code"
    objective = Objective(kolkin2019.tuned().loss(), Observer(vgg=vgg(dtype=policy)))
    folder = painter.style_of(painting)
    (statistics,) = STATISTICS(objective.observer(painter.seen_of(painting, painter.home()), STATISTICS.probes))
    layer, before = predictor.get_layer("code"), painter.tuned_seconds(painting)
    # The code so far is that of the prediction, and later that of the last tuning.
    layer.bias.assign(layer.bias + (read_code(folder, net) - predictor(statistics)[0]) / SLOWER)
    size = int(facts.get("style_size", 384))
    source = PaintedPhotographs(content, [painting], style_size=size)
    trainer = StyleTrainer(model, objective, STATISTICS, known=source.known)
    optimizer = keras.optimizers.Adam(RATE)
    trainer.compile(optimizer, jit_compile=False)  # To compile would take longer than to tune.
    batches = source.batches(size=SIZE, batch=BATCH, seed=0)

    def keep(elapsed: float) -> None:
        code = np.asarray(parts(trainer.trained)[1](statistics))[0]
        if not np.isfinite(code).all():
            raise InputError(f"Tuning to {painting} did not give finite numbers. Choose a painting with more detail.")
        painter.keep(folder, code, painting, tuned=before + elapsed)

    until = _Until(seconds, progress or (lambda done: None), keep)
    trainer.fit(batches, epochs=1, steps_per_epoch=10**6, shuffle=False, verbose=0, callbacks=[until])
    return folder


class _Until(keras.callbacks.Callback):
    """Ends a training after a time, reports how much of it has passed, and keeps what is learned."""

    def __init__(self, seconds: float, progress: Callable[[float], None], keep: Callable[[float], None]):
        super().__init__()
        self._seconds, self._progress, self._keep = seconds, progress, keep
        self._began, self._kept = None, 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Start the clock at the first step, and stop at its end."""
        self._began = self._began or time.monotonic()
        elapsed = min(time.monotonic() - self._began, self._seconds)
        self._progress(elapsed / self._seconds)
        self.model.stop_training = elapsed == self._seconds
        if self.model.stop_training or elapsed - self._kept > EVERY:
            self._keep(elapsed)
            self._kept = elapsed
