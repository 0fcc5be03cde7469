"""The parts of a training: net, data, objective and optimizers."""

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras

from keras_nst.console import Console
from keras_nst.data.references import GivenReferences, References
from keras_nst.data.sets import PaintedPhotographs, PairedSets
from keras_nst.errors import InputError, unknown
from keras_nst.fields import changed
from keras_nst.files import sha256
from keras_nst.fit import devices, precision
from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.cyclic import CyclicTrainer
from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer, Trainer
from keras_nst.models import cyclegan, nets
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.predictor import STATISTICS, predicted
from keras_nst.models.saved import load_painter
from keras_nst.models.sdp_gan import MAP, PICTURE, discriminator, generator, part
from keras_nst.models.styles import load_net
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side
from keras_nst.recipes import ADVERSARIAL, recipe
from keras_nst.recipes.kinds import NO_SEMANTICS, AdversarialRecipe, Recipe
from keras_nst.select.subject import subject_map

# With Keras's default of 2^15, float16 gradients overflow and the first steps are skipped.
LOSS_SCALE = 64.0
# Largest norm of all gradients together, so that a batch with an unusual painting does not undo the training.
CLIP = 10.0
PREVIEW_STYLES = 8
ONLY_ADVERSARIAL = ("game", "spectral_norm", "concatenate", "saliency", "content_layer", "content_schedule")
"""Options that only recipes for collections take."""
CONTENT = ("content_layer", "content_schedule", "backbone", "vgg_weights")
"""Options of their content term."""
CLASSIFIER = ("classifier", "classifier_weights", "classifier_classes", "classifier_size")
"""Options of the classifier whose activation maps are kept."""


class Setup(NamedTuple):
    """A training that is ready to start.

    Attributes:
        options: The options, with the number of steps.
        trainer: The compiled trainer.
        source: The training data.
        validation: Photographs that are not used for training.
        made_of: Facts about the data, and further ones about the net, for the card.
        net: Builds the net in float32, for the style.
    """

    options: TrainingOptions
    trainer: Trainer
    source: PaintedPhotographs | PairedSets
    validation: PaintedPhotographs | None
    made_of: dict
    net: Callable[[], keras.Model]


def setup(options: TrainingOptions, console: Console) -> Setup:
    """Build the recipe's training.

    Args:
        options: The options.
        console: Shows what is computed before the training.

    Raises:
        InputError: A picture or set cannot be used, or options cannot be used together.
    """
    if options.epochs is not None and options.content is None:
        raise InputError("The built-in samples are endless and have no epochs. Give `content`, or `steps`.")
    if options.batch % devices.replicas():
        raise InputError(
            f"A batch of {options.batch} cannot be shared by {devices.replicas()} devices. "
            "Expected a multiple; change `batch`."
        )
    build = _against_discriminator if options.recipe in ADVERSARIAL else _against_painting
    return build(options, console)


def _against_painting(options: TrainingOptions, console: Console) -> Setup:
    """A transfer net that minimizes a recipe's loss for a painting, for a collection as one, or for many paintings."""
    _refuse(options, ONLY_ADVERSARIAL, f"The recipe {options.recipe} does not take options of sdp_gan.")
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    loss = chosen.loss(keep=options.keep, lambdas=(options.lambda1, options.lambda2), weights=options.weights)
    keeps_maps = "cam" in loss.networks("output")
    if not keeps_maps:
        _refuse(options, CLASSIFIER, "No classifier is used unless `keep` has cam.")
    options = dataclasses.replace(options, classifier=options.classifier or chosen.classifier)
    keras.utils.set_random_seed(options.seed)
    policy = precision.policy(options.mixed_precision)
    networks = {"vgg": _vgg(options, policy)}
    if keeps_maps:
        networks["cam"] = gap_classifier(
            options.classifier,
            weights=options.classifier_weights,
            classes=options.classifier_classes,
            size=options.classifier_size,
        )
    objective = Objective(loss, Observer(**networks))
    build, many = partial(nets.build, options.net), nets.NETS[options.net].conditional
    if many:
        if options.backbone not in (None, "vgg16"):
            raise InputError(f"The net {options.net} reads a painting's style from VGG16. Leave out `backbone`.")
        if options.batch % len(options.style):
            raise InputError(
                f"A batch of {options.batch} cannot be shared by {len(options.style)} styles. "
                "Expected a multiple; change `batch`."
            )
        if len(options.style) % devices.replicas():
            raise InputError(
                f"{len(options.style)} sets of paintings cannot be shared by {devices.replicas()} devices. "
                "Expected a multiple; change `style` or `devices`."
            )
        build = partial(predicted, options.net)
    alone = not many and len(options.style) == 1 and os.path.isfile(options.style[0])
    net = build(dtype=policy)
    sets = partial(
        PaintedPhotographs,
        styles=() if alone else options.style,
        collection=not many,
        style_size=options.style_size,
        subject=_references("subject") if "subject" in loss.probes("content") else None,
        download=options.download,
        console=console,
    )
    source, validation = sets(options.content), options.validation and sets(options.validation)
    options = _counted(options, source)
    if options.init:
        _begin_as(net, load_painter(options.init) if many else load_net(options.init), options)
    if many:
        if source.known:
            console.line(f"Measuring {len(source.known)} squares of the paintings.")
        shown = source.first_paintings(PREVIEW_STYLES)
        trainer = StyleTrainer(net, objective, STATISTICS, known=source.known, shown=shown)
    elif alone:
        painting = fit_short_side(read(options.style[0]).rgb, options.style_size)
        trainer = StyleTrainer(net, objective.bind(style=painting))
    else:
        trainer = StyleTrainer(net, objective.bind_collection("style", source.known))
    optimizer = _adam(options, _rate(trainer, chosen, options), global_clipnorm=CLIP)
    trainer.compile(optimizer=optimizer, jit_compile=devices.suits_xla(policy))
    # Before the first step, so that a checkpoint can restore the optimizer's variables.
    optimizer.build(trainer.trainable_variables)
    made_of = {"content": source.photos.describe()}
    if alone:
        (file,) = map(Path, options.style)
        made_of |= {"style_image": file.name, "style_sha256": sha256(file)}
    else:
        made_of["paintings"] = [paintings.describe() for paintings in source.styles]
    return Setup(options, trainer, source, validation, made_of, build)


def _against_discriminator(options: TrainingOptions, console: Console) -> Setup:
    """A generator that is trained with a discriminator on a collection."""
    named = f"The recipe {options.recipe}"
    if keras.backend.backend() == "jax":
        raise InputError(f"{named} does not run on JAX. Unset KERAS_BACKEND.")
    _refuse(options, ("validation",), f"{named} has no loss for validation.")
    _refuse(options, ("net",), f"{named} has its own net.")
    _refuse(options, ("keep", "lambda1", "lambda2", *CLASSIFIER), f"{named} {NO_SEMANTICS}")
    _refuse(options, ("style_size",), f"{named} crops the pictures of the style as the photographs.")
    if len(options.style) > 1:
        raise InputError(f"{named} learns one collection. Give `style` one folder or dataset.")
    (style,) = options.style
    chosen = recipe(options.recipe, as_printed=options.as_printed)
    layer, networks = _content(chosen, options)
    game = options.game or chosen.game
    loss = chosen.generator(game, options.weights, *layer)
    if not loss.weights.get("adversarial"):
        raise InputError(
            f"Without the adversarial term there is no game. Give it a weight, or learn {style} by kolkin2019."
        )
    has_map = MAP in loss.probes("output")
    guided = has_map or f"saliency/{MAP}" in loss.probes("content")
    if not has_map:
        _refuse(options, ("concatenate",), "There is no saliency net.")
    if not guided:
        _refuse(options, ("saliency",), "No saliency map is used.")
    keras.utils.set_random_seed(options.seed)
    policy = precision.policy(options.mixed_precision)
    build = partial(generator, concatenated=options.concatenate, **({} if has_map else {"saliency_filters": None}))
    learner, judge = partial(build, dtype=policy), partial(discriminator, spectral=options.spectral_norm, dtype=policy)
    if chosen.cyclic:
        kind, net, judges = CyclicTrainer, cyclegan.generators(learner), cyclegan.discriminators(judge)
    else:
        kind, net, judges = AdversarialTrainer, learner(), judge()
    if options.init:
        _begin_as(cyclegan.painter(net) if chosen.cyclic else part(net, PICTURE), load_net(options.init), options)
    # After all checks of the options, since it computes the missing maps.
    references = _references(options.saliency) if guided else None
    source = PairedSets(
        options.content,
        style,
        least=options.batch,
        saliency=references,
        download=options.download,
        console=console,
    )
    options = _counted(options, source)
    trainer = kind(
        net,
        judges,
        Objective(loss, Observer(**networks, saliency=net)),
        chosen.discriminator(game),
        partial(chosen.factors, steps=options.steps, schedule=options.content_schedule or "decay"),
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


def _refuse(options: TrainingOptions, names: Sequence[str], reason: str) -> None:
    """Refuse options that would have no effect."""
    for name in changed(options, TrainingOptions):
        if name in names:
            raise InputError(f"{reason} Leave out `{name}`.")


def _content(chosen: AdversarialRecipe, options: TrainingOptions) -> tuple[list[str], dict[str, keras.Model]]:
    """The layer that content is measured at, and the network with this layer; none if the recipe has no content."""
    if not chosen.content_layers:
        _refuse(options, CONTENT, f"The recipe {options.recipe} has no content term.")
        return [], {}
    layer = options.content_layer or chosen.content_layers[options.backbone or "vgg16"]
    features = _vgg(options, precision.policy(options.mixed_precision))
    if layer not in features.output:
        raise unknown("`content_layer`", layer, features.output)
    return [layer], {"vgg": features}


def _begin_as(net: keras.Model, start: keras.Model, options: TrainingOptions) -> None:
    """Give a net the weights of the style `init`."""
    if [weight.shape for weight in start.weights] != [weight.shape for weight in net.weights]:
        kind = f"recipe {options.recipe}" if options.recipe in ADVERSARIAL else f"net {options.net}"
        raise InputError(f"The style {options.init!r} does not have the architecture of the {kind}. Choose another.")
    net.set_weights(start.get_weights())


def _vgg(options: TrainingOptions, policy: str) -> keras.Model:
    backbone = options.backbone or "vgg16"
    return vgg(backbone=backbone, convolutions=vgg_weights(backbone, options.vgg_weights), dtype=policy)


def _references(saliency: str) -> Callable[[Path | None], References | GivenReferences]:
    """The function that opens the reference maps, given the photographs' folder."""
    known = {"rbd+mbd": References, "subject": partial(References, find=subject_map)}
    return known.get(saliency) or (lambda _: GivenReferences(Path(saliency)))


def _counted(options: TrainingOptions, source: PaintedPhotographs | PairedSets) -> TrainingOptions:
    """The options with the number of steps of their epochs."""
    if options.epochs is None:
        return options
    return dataclasses.replace(options, steps=math.ceil(options.epochs * len(source) / options.batch))


def _rate(trainer: Trainer, chosen: Recipe | AdversarialRecipe, options: TrainingOptions) -> Callable:
    schedule = chosen.schedule(options.learning_rate, options.steps)
    return trainer.scheduled(schedule if callable(schedule) else lambda step: schedule)


def _adam(options: TrainingOptions, rate: Callable, **moments):
    """Adam, with loss scaling if gradients are float16."""
    optimizer = keras.optimizers.Adam(rate, **moments)
    if options.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=LOSS_SCALE)
    return optimizer
