"""Learn a style from a painting or a collection, with photographs as content."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import keras

import keras_nst
from keras_nst.console import Console
from keras_nst.data.sets import PaintedPhotographs
from keras_nst.errors import InputError
from keras_nst.fields import values
from keras_nst.fit import devices, precision
from keras_nst.fit.callbacks import Checkpoint, Guard, Log, Preview, ProgressLine
from keras_nst.fit.curves import read_log
from keras_nst.jobs.setups import Setup, setup
from keras_nst.jobs.shelf import SAMPLES, SIDE, shelve
from keras_nst.jobs.training_folder import TrainingFolder
from keras_nst.memory import check_memory
from keras_nst.models.nets import NETS
from keras_nst.models.saved import CARD, LOG, PREVIEW, TRAINING, find_home, holds_net, name_for, read_facts, save_style
from keras_nst.models.styles import read_card
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side
from keras_nst.recipes import left_open, recipe

# Steps per epoch, and least number of epochs. After each epoch, a preview, a checkpoint and a log line are written.
EPOCH_STEPS, EPOCHS = 250, 8
VALIDATION_CROPS = 64
CROP_BYTES = 4000  # A step takes at least this for each pixel of a batch.
_SHELF = 64  # Of so many paintings, each becomes a style.


def learn(options: TrainingOptions, *, console: Console | None = None) -> Path:
    """Train a net on the style of a painting or a collection, and write it as a style.

    The subfolder `training/` holds the checkpoints, the preview of the last epoch, the log (CSV), its curves at the
    end, and TensorBoard's logs. Nothing else in the folder changes before the training ends.

    Args:
        options: The options. With `resume`, the training continues from the checkpoint as if it had never stopped.
        console: Shows progress; None for no output.

    Returns:
        The style's folder.

    Raises:
        InputError: A picture, source or folder cannot be used, the folder holds a style or an unfinished training, the
            training to resume has other options, more steps or is running, or the loss is no longer finite.
    """
    folder = TrainingFolder(options.folder)
    if not options.resume:
        folder.check_free(overwrite=options.overwrite)
    console = console or Console(quiet=True)
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    options = dataclasses.replace(
        options,
        learning_rate=options.learning_rate or chosen.learning_rate,
        mixed_precision=precision.settled(options.mixed_precision),
    )
    if not devices.has_gpu():
        needed = options.batch * options.size**2 * CROP_BYTES
        check_memory((options.size, options.size), needed, lambda free: "Try a smaller `size` or `batch`.")
    strategy = devices.strategy(options.devices)
    with strategy.scope():
        training = setup(options, console)
    facts = _facts(training)
    if options.as_printed:
        for line in left_open(options.recipe):
            console.line(line)
    if options.resume:
        folder.check_same(facts)
    is_chief = devices.is_chief(strategy)
    if is_chief:
        folder.claim(facts)
    try:
        folder.restore(training.trainer, console)
        if (taken := training.trainer.steps_taken) > training.options.steps:
            raise InputError(f"The training in {folder.path} has taken {taken} steps. Give at least as many `steps`.")
        if taken < training.options.steps:
            _fit(training, folder.path, console, write=is_chief)
        if is_chief:
            _write(training, facts, folder.path)
            if NETS[options.net].conditional:
                _write_codes(training, console)
            folder.finish()  # Last: if the process is killed before, `resume` writes all again.
    finally:
        folder.release()
        # At the end, after everything is written.
        if training.source.skipped:
            console.line(f"Skipped {len(training.source.skipped)} pictures that cannot be read:")
            for name, reason in sorted(training.source.skipped.items()):
                console.line(f"  {name}: {reason}")
    return options.folder


def _fit(training: Setup, folder: Path, console: Console, *, write: bool) -> None:
    """Train from the trainer's step to the last. Only the process with `write` writes files and shows progress."""
    trainer, options = training.trainer, training.options
    step = trainer.steps_taken
    epoch_steps = max(1, min(EPOCH_STEPS, options.steps // EPOCHS))
    samples = [fit_short_side(read(f"sample:{name}").rgb, SIDE) for name in SAMPLES]
    board = folder / "tensorboard"
    if write and board.is_file():
        board.unlink()
    if write and step == 0:  # It is of the training that is replaced.
        (folder / LOG).unlink(missing_ok=True)
    callbacks = [Guard(options.steps)]
    if write:
        where = f"{options.devices} devices" if options.devices > 1 else keras.distribution.list_devices()[0]
        console.line(f"Steps {step + 1} to {options.steps} on {where}. Compiling the first step takes a while.")
        callbacks += [
            ProgressLine(console, options.steps, options.batch),
            # If the process is killed between these two, an epoch is logged twice, not lost.
            Log(folder / LOG),
            Checkpoint(folder),
            keras.callbacks.TensorBoard(board, write_graph=False),
            Preview(folder / PREVIEW, samples, board / "preview"),
        ]
    batches = training.source.batches(size=options.size, batch=options.batch, seed=options.seed, start=step)
    try:
        trainer.fit(
            devices.by_elements(batches),
            validation_data=training.validation and devices.by_elements(_crops(training.validation, options)),
            initial_epoch=step // epoch_steps,
            epochs=-(-options.steps // epoch_steps),
            steps_per_epoch=epoch_steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    except BaseException:
        for callback in callbacks:  # Close files and the bar; after an error, Keras does not.
            with contextlib.suppress(Exception):  # A callback may not have begun.
                callback.on_train_end()
        raise


def _crops(source: PaintedPhotographs, options: TrainingOptions):
    """One crop per photograph, at most `VALIDATION_CROPS`; always the same."""
    batches = -(-min(len(source), VALIDATION_CROPS) // options.batch)
    return source.batches(size=options.size, batch=options.batch, seed=options.seed).take(batches).cache()


def _write(training: Setup, facts: Mapping, folder: Path) -> None:
    """Write the style, with the log's values of the last epoch."""
    # In float32, so that the style runs at full precision and speed anywhere.
    net = training.net()
    net.set_weights(training.trainer.trained.get_weights())
    *_, last = {}, *read_log(folder / LOG)
    final = {name: last[name] for name in ("total", *facts["weights"]) if name in last}
    card = {**facts, "final": final, "version": keras_nst.__version__}
    save_style(training.options.folder, net, card, preview=folder / PREVIEW)


def _write_codes(training: Setup, console: Console) -> None:
    """Write the styles of the paintings of the first set, if these are few files, in the net's folder."""
    folder, first = training.options.folder, training.source.styles[0]
    taken = {TRAINING, *(card.parent.name for card in folder.glob(f"*/{CARD}") if holds_net(card.parent))}
    files = _named((source for _, source in first.sources() if isinstance(source, Path)), taken)
    if not 0 < len(files) <= _SHELF:
        return
    if keras.backend.backend() != "tensorflow":
        console.line("To write the styles of the paintings needs TensorFlow, so there are none.")
        return
    shelve(folder, files, folder, console=console)


def _named(paintings: Iterable[Path], taken: Set[str]) -> dict[str, Path]:
    """The paintings by the names of their styles; a name that is taken gets a number."""
    named: dict[str, Path] = {}
    for painting in paintings:
        name, number = name_for(painting), 1
        while name in named or name in taken:
            number += 1
            name = f"{name_for(painting)}_{number}"
        named[name] = painting
    return named


def _facts(training: Setup) -> dict:
    """The facts that determine a training, for its card and to compare with a resumed training."""
    options = training.options
    asked = values(options, TrainingOptions)
    # The lambdas are part of the weights.
    for other in ("style", "output", "download", "lambda1", "lambda2", "overwrite", "resume"):
        del asked[other]
    # A card may be published, so it names no folders. For `init` it includes the other style's facts.
    is_painter = NETS[options.net].conditional
    asked["init"] = options.init and (read_facts(find_home(options.init)) if is_painter else read_card(options.init))
    asked["validation"] = options.validation and Path(options.validation).name
    asked["saliency"] = Path(options.saliency).name
    asked["vgg_weights"] = options.vgg_weights and Path(options.vgg_weights).name
    asked["classifier_weights"] = Path(options.classifier_weights).name
    weights = training.trainer.objective.loss.weights
    return {"name": options.folder.name, **asked, **training.made_of, "weights": weights}
