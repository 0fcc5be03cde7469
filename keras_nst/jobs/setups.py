"""What a training trains, and with what: net, data, objective and optimizers."""

import dataclasses
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras

from keras_nst.console import Console
from keras_nst.data.references import GivenReferences, References
from keras_nst.data.sets import PaintedPhotographs, PairedSets
from keras_nst.errors import InputError
from keras_nst.files import sha256
from keras_nst.fit import devices, precision
from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer, Trainer
from keras_nst.models import nets
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS, predicted
from keras_nst.models.sdp_gan import MAP, PICTURE, discriminator, generator, part
from keras_nst.models.styles import load_net, load_painter
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side
from keras_nst.recipes import ADVERSARIAL, recipe
from keras_nst.recipes.kinds import AdversarialRecipe, Recipe
from keras_nst.select.subject import subject_map

# Float16 gradients overflow with Keras's own first scale of 2^15 and lose the first steps; with this one they fit.
LOSS_SCALE = 64.0
# The norm of all gradients together: a batch of a rare painting is no reason to leave what has been learned.
CLIP = 10.0
PREVIEW_STYLES = 8


class Setup(NamedTuple):
    """A training that is ready to begin.

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


def setup(options: TrainingOptions, console: Console) -> Setup:
    """Build what the recipe asks for.

    Args:
        options: What to do.
        console: Where the making of reference maps is shown.

    Raises:
        InputError: A picture or a set cannot be used, or options do not go together.
    """
    build = _against_discriminator if options.recipe in ADVERSARIAL else _against_painting
    return build(options, console)


def _against_painting(options: TrainingOptions, console: Console) -> Setup:
    """A transfer net that minimizes a recipe's loss for a painting, or for each painting of some sets."""
    plain = (TrainingOptions.game, TrainingOptions.spectral_norm, TrainingOptions.concatenate, TrainingOptions.saliency)
    if (options.game, options.spectral_norm, options.concatenate, options.saliency) != plain:
        message = "Leave out `game`, `spectral_norm`, `concatenate` and `saliency`, or choose the recipe sdp_gan."
        raise InputError(f"The recipe {options.recipe} has no discriminator and no saliency net. {message}")
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    loss = chosen.loss(keep=options.keep, lambdas=(options.lambda1, options.lambda2), weights=options.weights)
    keras.utils.set_random_seed(options.seed)
    policy = precision.policy(options.mixed_precision)
    networks = {"vgg": vgg(convolutions=vgg_weights("vgg16", options.vgg_weights), dtype=policy)}
    if "cam" in loss.networks("output"):
        networks["cam"] = gap_classifier(
            options.classifier,
            weights=options.classifier_weights,
            classes=options.classifier_classes,
            size=options.classifier_size,
        )
    objective = Objective(loss, Observer(**networks))
    build, many = partial(nets.build, options.net), nets.NETS[options.net].conditional
    if many:
        if options.batch % len(options.style):
            raise InputError(
                f"A batch of {options.batch} cannot be shared by {len(options.style)} styles. "
                "Expected a multiple; change `batch`."
            )
        build = partial(predicted, options.net)
    elif len(options.style) > 1 or not os.path.isfile(options.style[0]):
        raise InputError(f"The net {options.net} learns one painting. Give `style` one file, or choose the net unet.")
    net = build(dtype=policy)
    sets = partial(
        PaintedPhotographs,
        styles=options.style if many else (),
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
        painting = fit_short_side(read(options.style[0]).rgb, options.style_size)
        trainer = StyleTrainer(net, objective.bind(style=painting))
    optimizer = _adam(options, _rate(trainer, chosen, options), global_clipnorm=CLIP)
    trainer.compile(optimizer=optimizer, jit_compile=devices.suits_xla(policy))
    # Now, not with the first step, so that a checkpoint finds the optimizer's variables.
    optimizer.build(trainer.trainable_variables)
    made_of = {"content": source.photos.describe()}
    if many:
        made_of["paintings"] = [paintings.describe() for paintings in source.styles]
    else:
        (file,) = map(Path, options.style)
        made_of |= {"style_image": file.name, "style_sha256": sha256(file)}
    return Setup(options, trainer, source, validation, made_of, build)


def _against_discriminator(options: TrainingOptions, console: Console) -> Setup:
    """A generator that a discriminator cannot tell from a collection."""
    if options.init:
        raise InputError(f"The recipe {options.recipe} begins with its own initialization. Leave out `init`.")
    if options.validation:
        raise InputError(f"The recipe {options.recipe} has no loss to validate by. Leave out `validation`.")
    if options.net != TrainingOptions.net:
        raise InputError(f"The recipe {options.recipe} has a net of its own. Leave out `net`.")
    if options.keep is not None or (options.lambda1, options.lambda2) != (
        TrainingOptions.lambda1,
        TrainingOptions.lambda2,
    ):
        raise InputError(
            f"The recipe {options.recipe} keeps no semantics and has no lambdas. Choose the recipe liu2019."
        )
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    loss = chosen.generator(options.game, options.weights)
    if "adversarial" not in loss.weights:
        raise InputError(f"Nothing but the adversarial term knows the style of {options.style}. Give it a weight.")
    has_map = MAP in loss.probes("output")
    guided = has_map or f"saliency/{MAP}" in loss.probes("content")
    references = _references(options.saliency) if guided else None
    source = PairedSets(options.content, options.style, saliency=references, download=options.download, console=console)
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
        chosen.discriminator(options.game),
        partial(chosen.factors, steps=options.steps),
    )
    rate = _rate(trainer, chosen, options)
    adams = [_adam(options, rate, beta_1=0.5) for _ in range(2)]
    trainer.compile(*adams, jit_compile=devices.suits_xla(policy))
    made_of = {
        "style_set": source.style.describe(),
        "content": source.photos.describe(),
        "saliency_net": has_map,
    }
    return Setup(options, trainer, source, None, made_of, lambda: part(build(), PICTURE))


def _references(saliency: str) -> Callable[[Path | None], References | GivenReferences]:
    """Return what makes or reads the reference maps, for the folder that keeps them."""
    known = {"rbd+mbd": References, "subject": partial(References, find=subject_map)}
    return known.get(saliency) or (lambda _: GivenReferences(Path(saliency)))


def _counted(options: TrainingOptions, source: PaintedPhotographs | PairedSets) -> TrainingOptions:
    """The options with as many steps as the epochs asked for have."""
    if options.epochs is None:
        return options
    if options.content is None:
        raise InputError("The built-in samples have no end, and so no epochs. Give `content`, or `steps`.")
    return dataclasses.replace(options, steps=math.ceil(options.epochs * len(source) / options.batch))


def _rate(trainer: Trainer, chosen: Recipe | AdversarialRecipe, options: TrainingOptions) -> Callable:
    schedule = chosen.schedule(options.learning_rate, options.steps)
    return trainer.scheduled(schedule if callable(schedule) else lambda step: schedule)


def _adam(options: TrainingOptions, rate: Callable, **moments):
    """An optimizer, with loss scaling where gradients are float16."""
    optimizer = keras.optimizers.Adam(rate, **moments)
    if options.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=LOSS_SCALE)
    return optimizer
