"""The pictures of a report, in the form of those of Liu et al. 2019."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from keras_nst.evaluation.evaluate import View
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import contact_sheet

_HEAT = matplotlib.colormaps["turbo"]


def comparison(photograph: View, results: Mapping[str, View]) -> Picture:
    """Draw the photograph and each model's result, and below each the activation map of the photograph's class.

    The label of each picture includes its predicted class.

    Source: Liu et al. 2019, figs. 2, 9 and 10.
    """
    views = {"photograph": photograph, **results}
    return Picture(
        contact_sheet(
            [[view.image for view in views.values()], [overlay(view) for view in views.values()]],
            height=photograph.image.shape[1],
            labels=[f"{label}: {view.name}" for label, view in views.items()],
        )
    )


def overlay(view: View) -> np.ndarray:
    """Draw the activation map as a heat map over its picture, (1, size, size, 3) in [0, 1]."""
    heat = _HEAT(view.cam)[None, ..., :3].astype(np.float32)
    return (view.image + heat) / 2


# Labels and names come from files. Two dollar signs in them would be read as a formula.
@matplotlib.rc_context({"text.parse_math": False})
def bars(values: Mapping[str, Sequence[float]], names: Sequence[str], title: str) -> Figure:
    """Draw a bar for each photograph and model, with a line at each model's mean.

    Args:
        values: Values of each model, one per photograph.
        names: Names of the photographs.
        title: What the bars measure.

    Source: Liu et al. 2019, fig. 11.
    """
    figure = Figure(figsize=(min(16, 4 + 0.3 * len(names) * len(values)), 5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(values)
    for index, (label, heights) in enumerate(values.items()):
        mean, color = np.mean(heights), f"C{index}"
        places = np.arange(len(names)) + (index - (len(values) - 1) / 2) * width
        axes.bar(places, heights, width, color=color, label=f"{label} (mean {mean:.3f})")
        axes.axhline(mean, color=color, linestyle="--", linewidth=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.margins(x=0.01)
    axes.set_ylabel(title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(values), frameon=False)
    return figure
