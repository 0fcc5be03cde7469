"""`keras-nst evaluate`: measure models on photographs."""

import json
import os
from functools import partial

from keras_nst.commands.arguments import Evaluate
from keras_nst.commands.inputs import check_painting
from keras_nst.console import Console, track
from keras_nst.evaluation.inputs import find_models, read_photographs
from keras_nst.files import make_folder
from keras_nst.pictures.io import read


def run(options: Evaluate) -> int:
    """Measure, print the means, and write the report if asked for."""
    console = Console()
    whole = os.path.isdir(options.style) or options.style.startswith("tfds:")
    if not whole:
        check_painting(options.style)
        read(options.style)  # Report a wrong path before TensorFlow loads.
    photographs = read_photographs(options.photos, options.size, options.limit)
    models = find_models(options.model, photographs.images)
    if options.report:
        make_folder(options.report)
    for reason in photographs.skipped:
        console.line(f"Skipped: {reason}")
    from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST

    from keras_nst.evaluation.evaluate import evaluate
    from keras_nst.evaluation.report import table, write_report
    from keras_nst.evaluation.sets import StyleSet, embedding
    from keras_nst.models.cam import gap_classifier
    from keras_nst.models.vgg import vgg

    features, classifier = vgg(), gap_classifier(options.classifier, weights=options.classifier_weights)
    progress = partial(track, console=console)
    style = options.style
    if whole:
        style = StyleSet(
            style,
            options.size,
            embedding(options.inception_weights, features=features, classifier=classifier),
            download=options.download,
            progress=partial(progress, description="Reading the style"),
        )
        for name, reason in style.skipped.items():
            console.line(f"Skipped: {name}: {reason}")
    evaluation = evaluate(
        models,
        photographs,
        style,
        features=features,
        classifier=classifier,
        classes=[names.partition(",")[0] for names in IMAGENET_LABELS_LIST],
        progress=partial(progress, description="Evaluating"),
    )
    if options.report:
        write_report(options.report, evaluation)
    if options.json:
        print(json.dumps(evaluation.summary()))
    else:
        Console(stderr=False).print(table(evaluation))
    return 0
