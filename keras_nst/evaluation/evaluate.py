"""Run models over photographs, and measure the results."""

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
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.styles import load_net, net_files
from keras_nst.models.vgg import vgg
from keras_nst.options import TrainingOptions
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture, fit_short_side
from keras_nst.recipes import johnson2016
from keras_nst.select.saliency import saliency

STYLE_SIZE = TrainingOptions.style_size
"""Shorter side of the painting in pixels: the default of a style's training."""

STYLE_SCALES = {"style": "", "style_half": "@2", "style_quarter": "@4"}
"""Suffix of the observer's probes for the style distance at each scale."""

MEASURES = {
    "style": ("↓", "distance of the Gram matrices from the painting's: the finest marks"),
    "style_half": ("↓", "the same with both pictures at half size: strokes"),
    "style_quarter": ("↓", "the same at a quarter of the size: groups of strokes"),
    "content": ("↓", "distance of the VGG features from the photograph's"),
    "cam_ssim": ("↑", "SSIM of the class activation maps"),
    "cam_iou": ("↑", "overlap of the salient areas of both maps"),
    "top1": ("↑", "share of results that are classified like the photograph"),
    "top5": ("↑", "share of results with the photograph's class among the top five"),
    "edge_ssim": ("↑", "SSIM of the edges"),
    "salient_edge_ssim": ("↑", "SSIM of the edges where the photograph is salient"),
    "saliency_corr": ("↑", "correlation of the saliency maps"),
    "color": ("↓", "distance of the colors, lightness ignored"),
    "checkerboard": ("↓", "share of grids of 2 or 4 pixels in the fine detail"),
    "weave": ("↓", "an even hatch or grid where the photograph is flat, minus that of the painting"),
    "border": ("↓", "difference of the outer 16 pixels from the inside"),
}
"""The measures of each result: {name: (better direction, meaning)}. The `STYLE_SCALES` need a painting."""

FACTS = {
    "checkerboard_flat": ("↓", "share of such grids in the result of a plain gray picture"),
    "ms": ("↓", "median time per picture in milliseconds"),
    "mb": ("↓", "size of the model's files in megabytes"),
    "parameters": ("↓", "number of weights of the net"),
}
"""The measures of each model that is a style, like `MEASURES`."""

VIEWS = 8
"""Number of photographs that are kept with their results, for the report."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture with its activation map, saliency map and classes.

    Attributes:
        image: (1, size, size, 3) in [0, 1].
        cam: Activation map of the photograph's class, (size, size) in [0, 1].
        saliency: Mean of RBD and MBD, (size, size) in [0, 1].
        ranking: Indices of the classes, the most probable first.
        name: Name of the most probable class.
    """

    image: np.ndarray
    cam: np.ndarray
    saliency: np.ndarray
    ranking: np.ndarray
    name: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The measurements of an evaluation.

    Attributes:
        setting: The settings of the evaluation.
        models: Folder of each model, by label.
        facts: The `FACTS` of each model, by label, except for a folder of results, and the measures of `StyleSet`.
        rows: One row for each photograph and model: "photograph", "class", "model" and the `MEASURES`. The weave is
            None for a photograph without a flat area.
        views: The first photographs, {stem: (view of the photograph, {label: view of the result})}.
    """

    setting: Mapping[str, str | int]
    models: Mapping[str, Path]
    facts: Mapping[str, Mapping[str, float]]
    rows: Sequence[Mapping[str, str | float | None]]
    views: Mapping[str, tuple[View, Mapping[str, View]]]

    def values(self, label: str, measure: str) -> list[float | None]:
        """The values of a measure for one model, one per photograph."""
        return [row[measure] for row in self.rows if row["model"] == label]

    def summary(self) -> dict:
        """The settings, and for each model its facts and the mean of each measure with a 95 % interval.

        The mean is over the photographs that have a value; None if there are fewer than two.
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
        models: From `find_models`.
        photographs: From `read_photographs`.
        style: The file of the painting, or a set of pictures to compare the set of results with.
        features: VGG; None for `keras_nst.models.vgg.vgg()`.
        classifier: Classifier; None for `keras_nst.models.cam.gap_classifier()`.
        classes: Names of the classes; None for their numbers.
        progress: Wraps the iterable of photographs, to show progress.

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
    """Stylizes photographs, and measures the time."""

    def __init__(self, folder: Path, size: int):
        self._folder, self._seconds = folder, []
        self._stylizer = Stylizer(folder)
        gray = Picture(np.full((1, size, size, 3), 0.5, np.float32))
        # The first run, which is not timed because it also compiles. Grain would hide the patterns of the net itself.
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
    """Reads the results of another tool."""

    def __init__(self, folder: Path, size: int):
        self._files, self._size = picture_files(folder), size

    def __call__(self, stem: str, photograph: np.ndarray) -> np.ndarray:
        return read_square(self._files[stem], self._size)

    def facts(self) -> dict[str, float]:
        return {}


def _view(
    classifier: keras.Model, classes: Sequence[str] | None, image: np.ndarray, category: int | None = None
) -> View:
    """Make the view of an image, with the activation map of a category; None for the image's own class."""
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
