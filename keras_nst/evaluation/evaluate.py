"""Models run over photographs, and everything measured of what they make."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import ops

import keras_nst
from keras_nst import losses
from keras_nst.evaluation.inputs import Photographs, is_style, picture_files, read_square
from keras_nst.evaluation.measures import (
    border,
    checkerboard,
    color_distance,
    correlation,
    edges,
    flat,
    interval,
    iou,
    normalized,
    prominent,
    ssim,
    weave,
)
from keras_nst.evaluation.sets import StyleSet
from keras_nst.fit.objective import Objective
from keras_nst.images.io import read
from keras_nst.images.picture import Picture, fit_short_side
from keras_nst.images.saliency import saliency
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.styles import load_net, net_files
from keras_nst.models.vgg import vgg
from keras_nst.options import TrainingOptions
from keras_nst.recipes import johnson2016

STYLE_SIZE = TrainingOptions.style_size
"""The painting's shorter side in pixels: the one that styles are trained with, unless told otherwise."""

STYLE_SCALES = {"style": "", "style_half": "@2", "style_quarter": "@4"}
"""What an observer's probes end with for the style distance at each scale."""

MEASURES = {
    "style": ("↓", "distance of the Gram matrices from the painting's: the finest marks"),
    "style_half": ("↓", "the same at half of both pictures' size: strokes"),
    "style_quarter": ("↓", "the same at a quarter: groups of strokes"),
    "content": ("↓", "distance of VGG's features from the photograph's"),
    "cam_ssim": ("↑", "likeness of the class activation maps"),
    "cam_iou": ("↑", "overlap of what is salient in both maps"),
    "top1": ("↑", "share of results in the photograph's class"),
    "top5": ("↑", "share of results with that class among the first five"),
    "edge_ssim": ("↑", "likeness of the edges"),
    "salient_edge_ssim": ("↑", "likeness of the edges where the photograph is salient"),
    "saliency_corr": ("↑", "correlation of the saliency maps"),
    "color": ("↓", "distance of the colors without their lightness"),
    "checkerboard": ("↓", "share of grids of 2 or 4 pixels in the fine detail"),
    "weave": ("↓", "an even hatch or grid where the photograph is flat, above the painting's own"),
    "border": ("↓", "outer 16 pixels against the inside"),
}
"""What is measured of each result: which direction is better, and what it is. The `STYLE_SCALES` need a painting."""

FACTS = {
    "checkerboard_flat": ("↓", "the share of such grids in what becomes of plain gray"),
    "ms": ("↓", "milliseconds for a picture, the median"),
    "mb": ("↓", "megabytes of the model's file"),
    "parameters": ("↓", "weights of the net"),
}
"""What is measured once of each model that is a style."""

VIEWS = 8
"""Photographs that are kept with their results, to be shown."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture and what the classifier sees in it.

    Attributes:
        image: (1, size, size, 3) in [0, 1].
        cam: Activation map of the photograph's class, (size, size) in [0, 1].
        saliency: The mean of RBD and MBD, (size, size) in [0, 1].
        ranking: The classifier's classes, the likeliest first.
        name: What the likeliest is called.
    """

    image: np.ndarray
    cam: np.ndarray
    saliency: np.ndarray
    ranking: np.ndarray
    name: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured.

    Attributes:
        setting: What it was measured with.
        models: Folder of each model by its label.
        facts: Of each model by its label the `FACTS`, but for a folder of results, and what `StyleSet` compares.
        rows: One for each photograph and model: "photograph", "class", "model" and the `MEASURES`. The weave is None
            for a photograph without a flat area.
        views: The first photographs, {stem: (view of the photograph, {label: view of the result})}.
    """

    setting: Mapping[str, str | int]
    models: Mapping[str, Path]
    facts: Mapping[str, Mapping[str, float]]
    rows: Sequence[Mapping[str, str | float | None]]
    views: Mapping[str, tuple[View, Mapping[str, View]]]

    def values(self, label: str, measure: str) -> list[float | None]:
        """A measure of one model's results, photograph by photograph."""
        return [row[measure] for row in self.rows if row["model"] == label]

    def summary(self) -> dict:
        """The setting, and of each model the facts and the mean of each measure with its 95 % interval.

        The mean is that of the photographs that have the measure; None where fewer than two do.
        """
        return {**self.setting, "models": {label: self._means(label) | self.facts[label] for label in self.models}}

    def _means(self, label: str) -> dict[str, dict[str, float] | None]:
        measured = (measure for measure in MEASURES if measure in self.rows[0])
        return {measure: _mean(self.values(label, measure)) for measure in measured}


def _mean(values: Sequence[float | None]) -> dict[str, float] | None:
    values = [value for value in values if value is not None]
    if len(values) < 2:
        return None
    low, high = interval(values)
    return {"mean": float(np.mean(values)), "low": low, "high": high}


def evaluate(
    models: Mapping[str, Path],
    photographs: Photographs,
    style: str | Path | StyleSet,
    *,
    features: keras.Model | None = None,
    classifier: keras.Model | None = None,
    classes: Sequence[str] | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Evaluation:
    """Measure models on photographs.

    Args:
        models: As `find_models` gives them.
        photographs: As `read_photographs` gives them.
        style: The painting's file, or a set of pictures that the results are compared with as a whole.
        features: What `keras_nst.models.vgg.vgg` builds, unless given.
        classifier: What `keras_nst.models.cam.gap_classifier` builds, unless given.
        classes: Names of the classes; None for their numbers.
        progress: Passes on the photographs as they are taken up.

    Raises:
        InputError: The painting, a style or a result cannot be read.
    """
    features, classifier = features or vgg(), classifier or gap_classifier()
    whole = style if isinstance(style, StyleSet) else None
    objective, own = Objective(losses.content(johnson2016.CONTENT_LAYER), Observer(vgg=features)), 0.0
    if not whole:
        painting = fit_short_side(read(style).rgb, STYLE_SIZE)
        objective = Objective(style_distances() + objective.loss, objective.observer).bind(style=painting)
        own = weave(painting[0], np.ones(painting.shape[1:3], bool))
    makers = {label: (_Style if is_style(path) else _Results)(path, photographs.size) for label, path in models.items()}
    view = partial(_view, classifier, classes)
    rows, views = [], {}
    embedded = {label: [] for label in models}
    for stem, image in progress(photographs.images.items()):
        photograph = view(image)
        results = {label: view(make(stem, image), photograph.ranking[0]) for label, make in makers.items()}
        bound = objective.bind(content=image)
        for label, result in results.items():
            measured = _terms(bound, result) | _likeness(photograph, result) | _defects(photograph, result, own)
            rows.append({"photograph": stem, "class": photograph.name, "model": label, **measured})
            if whole:
                embedded[label].append(whole.embedding.embed(result.image))
        if len(views) < VIEWS:
            views[stem] = photograph, results
    setting = {
        "version": keras_nst.__version__,
        "photographs": len(photographs.images),
        "size": photographs.size,
        **(whole.describe() if whole else {"style": Path(style).name, "style_size": STYLE_SIZE}),
        "classifier": classifier.name,
    }
    facts = {label: make.facts() for label, make in makers.items()}
    if whole:
        facts = {label: facts[label] | whole.compare(embedded[label]) for label in models}
    return Evaluation(setting, models, facts, rows, views)


class _Style:
    """Stylizes photographs, and takes the time it needs."""

    def __init__(self, folder: Path, size: int):
        self._folder, self._seconds = folder, []
        self._stylizer = Stylizer(folder)
        gray = Picture(np.full((1, size, size, 3), 0.5, np.float32))
        # The first run, which also compiles. Without the grain, which would hide what the net itself adds.
        self._flat = self._stylizer(gray, grain=False).rgb

    def __call__(self, stem: str, photograph: np.ndarray) -> np.ndarray:
        began = time.perf_counter()
        result = self._stylizer(Picture(photograph)).rgb
        self._seconds.append(time.perf_counter() - began)
        return result

    def facts(self) -> dict[str, float]:
        return {
            "checkerboard_flat": checkerboard(self._flat[0]),
            "ms": 1000 * float(np.median(self._seconds)),
            "mb": sum(file.stat().st_size for file in net_files(self._folder)) / 1e6,
            "parameters": load_net(self._folder).count_params(),
        }


class _Results:
    """Reads what another tool made of the photographs."""

    def __init__(self, folder: Path, size: int):
        self._files, self._size = picture_files(folder), size

    def __call__(self, stem: str, photograph: np.ndarray) -> np.ndarray:
        return read_square(self._files[stem], self._size)

    def facts(self) -> dict[str, float]:
        return {}


def _view(
    classifier: keras.Model, classes: Sequence[str] | None, image: np.ndarray, category: int | None = None
) -> View:
    """What the classifier sees in an image, with the map of a category; None for the image's own class."""
    seen = classifier(image, training=False)
    ranking = np.argsort(-ops.convert_to_numpy(seen["logits"])[0])
    activation = ops.convert_to_numpy(seen["maps"])[0, :, :, ranking[0] if category is None else category]
    cam = cv2.resize(normalized(activation), image.shape[2:0:-1], interpolation=cv2.INTER_LINEAR)
    name = classes[ranking[0]] if classes else f"class {ranking[0]}"
    return View(image, cam, saliency(image)[0, ..., 0], ranking, name)


def style_distances() -> losses.Loss:
    """The style distance at each of the `STYLE_SCALES`."""
    layers, shares = johnson2016.STYLE_LAYERS, johnson2016.STYLE_SHARES
    scales = STYLE_SCALES.items()
    return sum(losses.style(*(f"{layer}{at}" for layer in layers), shares=shares).named(name) for name, at in scales)


def _terms(objective: Objective, result: View) -> dict[str, float]:
    _, terms = objective(output=result.image)
    return {name: float(value) for name, value in terms.items()}


def _likeness(photograph: View, result: View) -> dict[str, float]:
    category, before, after = photograph.ranking[0], photograph.image[0], result.image[0]
    return {
        "cam_ssim": ssim(photograph.cam, result.cam),
        "cam_iou": iou(photograph.cam, result.cam),
        "top1": float(category == result.ranking[0]),
        "top5": float(category in result.ranking[:5]),
        "edge_ssim": ssim(edges(before), edges(after)),
        "salient_edge_ssim": ssim(edges(before), edges(after), inside=prominent(photograph.saliency)),
        "saliency_corr": correlation(photograph.saliency, result.saliency),
        "color": color_distance(before, after),
    }


def _defects(photograph: View, result: View, own: float) -> dict[str, float | None]:
    woven = weave(result.image[0], flat(photograph.image[0]))
    return {
        "checkerboard": checkerboard(result.image[0]),
        "weave": None if woven is None else max(0.0, woven - own),
        "border": border(result.image[0]),
    }
