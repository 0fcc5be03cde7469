"""A trained style compared with the optimization that it replaces: the perceptual loss after one pass of the net.

The loss is the perceptual one of the style's recipe, with the weights of its card and without what it keeps of the
photograph (activation maps, light). It is measured on photographs that the style was not trained on. L-BFGS starts from
the photograph. According to Johnson et al. 2016, section 4.1, the loss of a net equals that of 50 to 100 steps.

Without --styles, all styles with a net of their own that has learned one of the paintings are measured. Exits with 1 if
a style's mean loss is above that of L-BFGS after 100 evaluations, or if nothing was measured.

    python benchmarks/feed_forward.py paintings/ photographs/ [--styles starry_night wave]
"""

import argparse
import contextlib
import sys
from pathlib import Path

import numpy as np

from keras_nst import Stylizer
from keras_nst.evaluation.inputs import read_photographs
from keras_nst.fit.optimizers import lbfgs
from keras_nst.fit.pixels import PixelObjective
from keras_nst.models.observer import Observer
from keras_nst.models.saved import MODEL
from keras_nst.models.styles import find_style, read_card, styles
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture, fit_short_side
from keras_nst.recipes import TRAINING, recipe

EVALUATIONS = 100


class _EnoughError(Exception):
    pass


def optimized(objective: PixelObjective, photograph: np.ndarray) -> list[float]:
    """The lowest loss so far after each evaluation."""
    values = []

    def counted(image):
        if len(values) == EVALUATIONS:
            raise _EnoughError
        evaluation = objective(image)
        values.append(evaluation.value)
        return evaluation

    with contextlib.suppress(_EnoughError):
        lbfgs(counted, photograph, iterations=EVALUATIONS)
    return list(np.minimum.accumulate(values))


def lacking(name: str, paintings: Path) -> str:
    """What a style lacks to be measured; nothing if it can be."""
    card = read_card(name)
    if not (find_style(name) / MODEL).is_file():
        return "it is a code, without a loss of its own"
    if card.get("recipe") not in TRAINING or not card.get("style_image"):
        return "it was not learned from one painting"
    return "" if (paintings / card["style_image"]).is_file() else f"no {card['style_image']} in {paintings}"


def main() -> int:
    """Measure each style on each photograph, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paintings", type=Path)
    parser.add_argument("photographs")
    parser.add_argument("--styles", nargs="+", help="(default: all that can be measured)")
    parser.add_argument("--limit", type=int, default=3, help="number of photographs (default: %(default)s)")
    options = parser.parse_args()
    photographs = read_photographs(options.photographs, 256, options.limit).images
    reasons = {name: lacking(name, options.paintings) for name in options.styles or styles()}
    for name in options.styles or ():
        if reasons[name]:
            print(f"{name:22} not measured: {reasons[name]}")
    if all(reasons.values()):
        print(f"Nothing was measured: no style with a net of its own and its painting in {options.paintings}.")
        return 1
    network, worse = vgg(), []
    for name in (name for name, reason in reasons.items() if not reason):
        card, stylizer = read_card(name), Stylizer(name)
        perceptual = recipe(card["recipe"]).perceptual
        loss = perceptual.reweighted({term: card["weights"][term] for term in perceptual.weights})
        objective = PixelObjective(loss, Observer(vgg=network), (256, 256))
        painting = fit_short_side(read(options.paintings / card["style_image"]).rgb, card["style_size"])
        style, shares, passed = objective.targets("style", painting), [], []
        for photograph in photographs.values():
            photograph = np.asarray(photograph)
            objective.bind(style | objective.targets("content", photograph))
            own = objective(stylizer(Picture(photograph), grain=False).rgb).value
            lowest = optimized(objective, photograph)
            shares.append(own / lowest[-1])
            passed.append(next((count for count, value in enumerate(lowest, 1) if value <= own), EVALUATIONS))
        share, count = np.mean(shares), np.mean(passed)
        print(f"{name:22} loss / that of {EVALUATIONS} evaluations {share:.2f}   as after {count:.0f}", flush=True)
        if np.mean(shares) > 1:
            worse.append(name)
    print("Above: " + ", ".join(worse) if worse else "Holds.")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
