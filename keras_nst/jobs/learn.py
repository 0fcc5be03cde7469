"""Learn a style: from a painting or a collection, and photographs, to a folder that stylizes."""

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras

import keras_nst
from keras_nst.console import Console
from keras_nst.errors import InputError
from keras_nst.files import replacing, sha256
from keras_nst.fit import devices, precision
from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.callbacks import Checkpoint, Guard, Preview, ProgressLine
from keras_nst.fit.curves import curves, drop_torn_line, read_log, read_losses
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer, Trainer
from keras_nst.images.io import read
from keras_nst.images.picture import fit_short_side
from keras_nst.images.sets import PaintedPhotographs, PairedSets
from keras_nst.models import nets
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS, predicted
from keras_nst.models.sdp_gan import MAP, PICTURE, discriminator, generator, part
from keras_nst.models.styles import MODEL, PAINTER, PREVIEW, load_net, load_painter, read_card, read_facts, save_style
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import TrainingOptions
from keras_nst.recipes import ADVERSARIAL, recipe, weights

# A preview, a checkpoint and a line of log each so many steps, and at least so many times in a training.
EPOCH_STEPS, EPOCHS = 250, 8
# Float16 gradients overflow with Keras's own first scale of 2^15 and lose the first steps; with this one they fit.
LOSS_SCALE = 64.0
# The norm of all gradients together: a batch of a rare painting is no reason to leave what has been learned.
CLIP = 10.0
WARMUP_STEPS = 100
VALIDATION_CROPS = 64
# In the public domain, so that a preview can be published with its style.
PREVIEW_SAMPLES, PREVIEW_SIDE = ("astronaut", "chelsea", "coffee", "rocket"), 384
PREVIEW_STYLES = 8

# What may change when a training is resumed, to save one whose loss explodes or to let it run on.
ADJUSTABLE = ("devices", "epochs", "learning_rate", "steps", "weights")
OPTIONS, CHECKPOINT, LOG, LOSSES = "options.json", "checkpoint.npz", "log.csv", "losses.png"


def learn(
    options: TrainingOptions, *, resume: bool = False, overwrite: bool = False, console: Console | None = None
) -> Path:
    """Train a net to the style of a painting or a collection and write it as a style.

    The folder's `training/` holds the checkpoint, the preview of the last epoch, the log (CSV) and in the end its
    curves, and TensorBoard's logs. Nothing else in the folder changes before the training ends.

    Args:
        options: What to do.
        resume: Go on from the folder's checkpoint as if the training had never stopped.
        overwrite: Let a style that the folder holds be replaced in the end.
        console: Where the progress is shown; None for nowhere.

    Returns:
        The style's folder.

    Raises:
        InputError: A picture, source or folder cannot be used, the folder holds a style or an unfinished training, the
            training to resume was another one, or the loss is not finite any more.
    """
    if not resume:
        _check_free(options.folder, overwrite=overwrite)
    console = console or Console(quiet=True)
    options = dataclasses.replace(
        options,
        learning_rate=options.learning_rate or recipe(options.recipe).LEARNING_RATE,
        mixed_precision=precision.settled(options.mixed_precision),
    )
    strategy = devices.strategy(options.devices)
    if options.batch % strategy.num_replicas_in_sync:
        raise InputError(
            f"A batch of {options.batch} cannot be shared by {strategy.num_replicas_in_sync} devices. "
            "Expected a multiple; change --batch."
        )
    prepare = _against_discriminator if options.recipe in ADVERSARIAL else _against_painting
    with strategy.scope():
        job = prepare(options, console)
    options = job.options
    trainer, weights = job.trainer, job.trainer.objective.loss.weights
    facts = _facts(options, job.made_of, weights)
    training = options.folder / "training"
    is_chief = devices.is_chief(strategy)
    _open_training(training, facts, resume=resume, write=is_chief)
    if (training / CHECKPOINT).is_file():
        try:
            Checkpoint.restore(training / CHECKPOINT, trainer)
        except Exception as error:  # A damaged archive can fail anywhere between zip and NumPy.
            raise InputError(f"{training / CHECKPOINT} is damaged ({error}). Remove it to begin anew.") from error
    try:
        _fit(job, options, training, console, write=is_chief)
        if is_chief:
            _finish(job, options.folder, facts)
    finally:  # Of what went wrong with the pictures, when there is nothing left to lose.
        if job.source.skipped:
            console.line(f"Skipped {len(job.source.skipped)} pictures that cannot be read:")
            for name, reason in sorted(job.source.skipped.items()):
                console.line(f"  {name}: {reason}")
    return options.folder


def can_be_resumed(folder: Path) -> bool:
    """Whether the folder of a style holds a training that has not ended, and its last checkpoint."""
    return (folder / "training" / CHECKPOINT).is_file()


def _check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder in which a training would replace what is not to be lost.

    Raises:
        InputError: It holds an unfinished training, or a style that may not be overwritten.
    """
    if can_be_resumed(folder):
        where = folder / "training"
        raise InputError(f"{where} holds an unfinished training. Pass --resume to go on, or remove that folder.")
    if any((folder / net).exists() for net in (MODEL, PAINTER)) and not overwrite:
        raise InputError(
            f"{folder} holds a style. Choose another --output, or pass --overwrite to replace it in the end."
        )


class _Job(NamedTuple):
    """What is trained, and with what.

    Attributes:
        options: As asked for, the number of steps settled.
        trainer: At its first step, compiled.
        source: Its batches, and what of them could not be read.
        validation: Photographs that are not trained on.
        made_of: What the card says of the sets and, beside what was asked, of the net.
        net: Builds the net to keep in single precision.
    """

    options: TrainingOptions
    trainer: Trainer
    source: PaintedPhotographs | PairedSets
    validation: PaintedPhotographs | None
    made_of: dict
    net: Callable[[], keras.Model]


def _against_painting(options: TrainingOptions, console: Console) -> _Job:
    """A transfer net that minimizes a recipe's loss for a painting, or for each painting of some sets."""
    if options.game != TrainingOptions.game or options.spectral_norm or not options.concatenate:
        message = "Leave out --game, --spectral-norm and --no-concatenation, or choose --recipe sdp_gan."
        raise InputError(f"The recipe {options.recipe} has no discriminator and no saliency net. {message}")
    loss = recipe(options.recipe).loss(_weights(options))
    keras.utils.set_random_seed(options.seed)
    policy = precision.policy(options.mixed_precision)
    networks = {"vgg": vgg(convolutions=vgg_weights("vgg16", options.vgg_weights), dtype=policy)}
    if any(probe.startswith("cam/") for probe in loss.probes("output")):
        networks["cam"] = gap_classifier(
            options.classifier,
            weights=options.classifier_weights,
            classes=options.classifier_classes,
            size=options.classifier_size,
        )
    objective = Objective(loss, Observer(**networks))
    build, many = partial(nets.build, options.net), nets.NETS[options.net].conditional
    if many:
        if options.batch % len(options.styles):
            raise InputError(
                f"A batch of {options.batch} cannot be shared by {len(options.styles)} styles. "
                "Expected a multiple; change --batch."
            )
        build = partial(predicted, options.net)
    elif len(options.styles) > 1 or not os.path.isfile(options.styles[0]):
        raise InputError(f"The net {options.net} learns one painting. Give --style one file, or choose --net unet.")
    net = build(dtype=policy)
    sets = partial(
        PaintedPhotographs,
        styles=options.styles if many else (),
        style_size=options.style_size,
        download=options.download,
    )
    source, validation = sets(options.content), options.validation and sets(options.validation)
    options = _counted(options, source)
    if options.init:
        start = load_painter(options.init) if many else load_net(options.init)
        if [weight.shape for weight in start.weights] != [weight.shape for weight in net.weights]:
            raise InputError(
                f"The style {options.init!r} is not of the {options.net} transfer net's architecture. Choose another."
            )
        net.set_weights(start.get_weights())
    if many:
        trainer = StyleTrainer(net, objective, STATISTICS, shown=source.first_paintings(PREVIEW_STYLES))
    else:
        painting = fit_short_side(read(options.styles[0]).rgb, options.style_size)
        trainer = StyleTrainer(net, objective.bind(style=painting))
    optimizer = _adam(options, trainer.scheduled(_warmed(options.learning_rate, options.steps)), global_clipnorm=CLIP)
    trainer.compile(optimizer=optimizer, jit_compile=devices.suits_xla(policy))
    # Now, not with the first step, so that a checkpoint finds the optimizer's variables.
    optimizer.build(trainer.trainable_variables)
    made_of = {"content": source.photos.describe()}
    if many:
        made_of["paintings"] = [paintings.describe() for paintings in source.styles]
    else:
        (file,) = map(Path, options.styles)
        made_of |= {"style_image": file.name, "style_sha256": sha256(file)}
    return _Job(options, trainer, source, validation, made_of, build)


def _against_discriminator(options: TrainingOptions, console: Console) -> _Job:
    """A generator that a discriminator cannot tell from a collection."""
    if options.init:
        raise InputError(f"The recipe {options.recipe} begins with its own initialization. Leave out --init.")
    if options.validation:
        raise InputError(f"The recipe {options.recipe} has no loss to validate by. Leave out --validation.")
    if options.net != TrainingOptions.net:
        raise InputError(f"The recipe {options.recipe} has a net of its own. Leave out --net.")
    chosen, asked = recipe(options.recipe), _weights(options)
    if not asked["adversarial"]:
        raise InputError(f"Nothing but the adversarial term knows the style of {options.style}. Give it a weight.")
    loss = chosen.loss(asked, options.game)
    has_map = MAP in loss.probes("output")
    guided = has_map or f"saliency/{MAP}" in loss.probes("content")
    source = PairedSets(options.content, options.style, saliency=guided, download=options.download, console=console)
    options = _counted(options, source)
    keras.utils.set_random_seed(options.seed)
    policy = precision.policy(options.mixed_precision)
    build = partial(generator, concatenated=options.concatenate, **({} if has_map else {"saliency_filters": None}))
    net, judge = build(dtype=policy), discriminator(spectral=options.spectral_norm, dtype=policy)
    networks = {"vgg": vgg(convolutions=vgg_weights("vgg16", options.vgg_weights), dtype=policy)}
    trainer = AdversarialTrainer(
        net,
        judge,
        Objective(loss, Observer(**networks, saliency=net)),
        chosen.discrimination(options.game),
        partial(chosen.factors, steps=options.steps),
    )
    rate = trainer.scheduled(_stepped(options.learning_rate, options.steps))
    adams = [_adam(options, rate, beta_1=0.5) for _ in range(2)]
    trainer.compile(*adams, jit_compile=devices.suits_xla(policy))
    made_of = {
        "style_set": source.style.describe(),
        "content": source.photos.describe(),
        "saliency_net": has_map,
    }
    return _Job(options, trainer, source, None, made_of, lambda: part(build(), PICTURE))


def _counted(options: TrainingOptions, source: PaintedPhotographs | PairedSets) -> TrainingOptions:
    """The options with as many steps as the epochs asked for have."""
    if options.epochs is None:
        return options
    if options.content is None:
        raise InputError("The built-in samples have no end, and so no epochs. Give --content, or --steps.")
    return dataclasses.replace(options, steps=math.ceil(options.epochs * len(source) / options.batch))


def _weights(options: TrainingOptions) -> dict[str, float]:
    return weights(options.recipe, keep=options.keep, lambdas=options.lambdas, changed=options.weights)


def _adam(options: TrainingOptions, rate: Callable, **moments):
    """An optimizer, with loss scaling where gradients are float16."""
    optimizer = keras.optimizers.Adam(rate, **moments)
    if options.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=LOSS_SCALE)
    return optimizer


def _fit(job: _Job, options: TrainingOptions, training: Path, console: Console, *, write: bool) -> None:
    """Train from the trainer's step to the last; files and progress only where this process writes them."""
    trainer = job.trainer
    step = trainer.steps_taken
    epoch_steps = max(1, min(EPOCH_STEPS, options.steps // EPOCHS))
    samples = [fit_short_side(read(f"sample:{name}").rgb, PREVIEW_SIDE) for name in PREVIEW_SAMPLES]
    board = training / "tensorboard"
    if write:
        drop_torn_line(training / LOG)
    if write and board.is_file():
        board.unlink()
    callbacks = [Guard(options.steps)]
    if write:
        where = f"{options.devices} devices" if options.devices > 1 else keras.distribution.list_devices()[0]
        console.line(f"Steps {step + 1} to {options.steps} on {where}. The first is compiled, which takes a while.")
        callbacks += [
            ProgressLine(console, options.steps, options.batch),
            # Before the checkpoint: a process killed between the two logs an epoch twice, which is better than never.
            keras.callbacks.CSVLogger(training / LOG, append=step > 0 and bool(read_log(training / LOG))),
            Checkpoint(training / CHECKPOINT),
            keras.callbacks.TensorBoard(board, write_graph=False),
            Preview(training / PREVIEW, samples, board / "preview"),
        ]
    batches = job.source.batches(size=options.size, batch=options.batch, seed=options.seed, start=step)
    try:
        trainer.fit(
            devices.by_elements(batches),
            validation_data=job.validation and devices.by_elements(_crops(job.validation, options)),
            initial_epoch=step // epoch_steps,
            epochs=-(-options.steps // epoch_steps),
            steps_per_epoch=epoch_steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    except BaseException:
        for callback in callbacks:  # Keras ends them, with their files and our bar, only when all went well.
            with contextlib.suppress(Exception):  # One that could not begin cannot end.
                callback.on_train_end()
        raise


def _finish(job: _Job, folder: Path, facts: dict) -> None:
    """Write the style first, then what only tells of its training."""
    training = folder / "training"
    # Without the training's dtype policy, so that the style runs at full precision and speed anywhere.
    net = job.net()
    net.set_weights(job.trainer.trained.get_weights())
    *_, last = {}, *read_log(training / LOG)
    final = {name: last[name] for name in ("total", *facts["weights"]) if name in last}
    card = {**facts, "final": final, "version": keras_nst.__version__}
    save_style(folder, net, card, preview=training / PREVIEW)
    for file in (PREVIEW, CHECKPOINT, OPTIONS):
        (training / file).unlink(missing_ok=True)
    if losses := read_losses(training / LOG):
        with replacing(training / LOSSES) as temporary:
            curves({folder.name: losses}).savefig(temporary, dpi=150)


def _crops(source: PaintedPhotographs, options: TrainingOptions):
    """As many crops as there are photographs, or up to `VALIDATION_CROPS`; the same each time."""
    batches = -(-min(len(source), VALIDATION_CROPS) // options.batch)
    return source.batches(size=options.size, batch=options.batch, seed=options.seed).take(batches).cache()


def _stepped(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A tenth from half of the steps on, and a hundredth for the last quarter."""
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, 3 * steps // 4], [rate, rate / 10, rate / 100]
    )


def _warmed(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up from a hundredth of the peak, and down to a tenth along half a cosine.

    Adam's first steps have full length whatever the gradient. In the last convolution, with its 2592 inputs, they would
    drive tanh into saturation, where it has no gradient to come back by: black blobs for the rest of the training.
    """
    warmup = min(WARMUP_STEPS, steps // 5)
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, steps - warmup, alpha=0.1, warmup_target=peak, warmup_steps=warmup
    )


def _facts(options: TrainingOptions, made_of: dict, weights: Mapping[str, float]) -> dict:
    """What determines a training, for its card and to tell whether a resumed one is the same."""
    asked = dataclasses.asdict(options)
    # The lambdas are part of the weights.
    for other in ("style", "output", "download", "lambdas"):
        del asked[other]
    # A card is published: it says where a training started from, but names no folder of the machine it was made on.
    is_painter = nets.NETS[options.net].conditional
    asked["init"] = options.init and (read_facts if is_painter else read_card)(options.init)
    asked["validation"] = options.validation and Path(options.validation).name
    asked["vgg_weights"] = options.vgg_weights and Path(options.vgg_weights).name
    asked["classifier_weights"] = Path(options.classifier_weights).name
    return {"name": options.folder.name, **asked, **made_of, "weights": weights}


def _open_training(training: Path, facts: dict, *, resume: bool, write: bool) -> None:
    """Check the folder of a training, and make it where this process writes it.

    Raises:
        InputError: There is no unfinished training to be resumed, or another one.
    """
    stored = training / OPTIONS
    if resume:
        if not stored.is_file() and (training / CHECKPOINT).is_file():
            raise InputError(f"{stored} is gone, which says what was trained. Remove {training} to begin anew.")
        if not stored.is_file():
            raise InputError(f"{training} holds no unfinished training. Leave out --resume, or check --output.")
        try:
            before = dict(json.loads(stored.read_text("utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{stored} is damaged ({error}). Remove {training} to begin anew.") from error
        if changed := [key for key, value in facts.items() if key not in ADJUSTABLE and before.get(key) != value]:
            changes = ", ".join(f"{key} {before.get(key)!r} became {facts[key]!r}" for key in changed)
            raise InputError(f"The training in {training} was another one: {changes}. Resume it with its own options.")
    if not write:
        return
    with replacing(stored) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    for leftover in training.glob(f".*-{CHECKPOINT}"):  # Of a process that was killed as it wrote.
        leftover.unlink()
