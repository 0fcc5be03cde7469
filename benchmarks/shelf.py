"""The shipped styles beside pictures that others have published of the same photograph and painting.

PUBLISHED holds PHOTO.jpg and pictures PHOTO-STYLE-MAKER.jpg of it. For each of them our style of that name paints the
photograph at the same size. Printed are the style distance at full, half and quarter size, from the painting with its
shorter side at 384 pixels; the content distances; and the weave in flat areas. For each style, a sheet of photograph,
ours and theirs is written.

Exits with 1 if ours is behind the best of the others in any of them, for any style.

    python benchmarks/shelf.py PUBLISHED PAINTINGS OUT [--styles saved_models]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

PAINTING = 384  # Shorter side in pixels.


def main() -> int:
    """Measure all pictures, write the sheets, print a table and what is behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("published")
    parser.add_argument("paintings")
    parser.add_argument("out")
    parser.add_argument("--styles", default="saved_models", help="folder of the styles (default: %(default)s)")
    options = parser.parse_args()
    from keras_nst import Picture, Stylizer
    from keras_nst.pictures.io import read, write
    from keras_nst.pictures.picture import fit_short_side
    from keras_nst.pictures.pyramid import fit
    from keras_nst.pictures.sheet import contact_sheet

    Path(options.out).mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(options.published).glob("*-*-*.jpg")):
        found.setdefault(path.stem.split("-")[1], []).append(path)
    behind = []
    for style, paths in found.items():
        painting = fit_short_side(read(next(Path(options.paintings).glob(f"{style}.*"))).rgb, PAINTING)
        stylizer = Stylizer(str(Path(options.styles) / style))
        rows, shown, labels = {"ours": [], "theirs": []}, [], []
        for path in paths:
            photo, _, maker = path.stem.split("-")
            theirs = read(path).rgb
            photograph = fit(read(path.with_name(f"{photo}.jpg")).rgb, theirs)
            ours = stylizer(Picture(photograph)).rgb
            for of, picture in {"ours": ours, "theirs": theirs}.items():
                rows[of].append(measures(picture, photograph, painting))
                line = "  ".join(f"{term} {value:.3f}" for term, value in rows[of][-1].items())
                print(f"{style:16} {maker if of == 'theirs' else 'ours':10} {picture.shape[2]} px  {line}", flush=True)
            shown += [photograph, ours, theirs]
            labels += ["photograph", "ours", maker]
        write(Path(options.out) / f"{style}.png", Picture(contact_sheet([shown], labels=labels)))
        for term in rows["ours"][0]:
            ours, theirs = (np.array([row[term] for row in rows[of]]) for of in ("ours", "theirs"))
            best = np.argmin(theirs)
            if ours[best] > theirs[best]:
                behind.append(f"{style} {term}: {ours[best]:.3f}, {theirs[best]:.3f}")
    print("\n".join(["behind the best:", *behind]))
    return 1 if behind else 0


def measures(result: np.ndarray, photograph: np.ndarray, painting: np.ndarray) -> dict[str, float]:
    """Style distances at three sizes, content distances at two layers, and the weave in the photograph's flat areas."""
    from keras_nst import losses
    from keras_nst.evaluation.evaluate import style_distances
    from keras_nst.evaluation.measures import flat, weave
    from keras_nst.fit.objective import Objective
    from keras_nst.models.observer import Observer
    from keras_nst.models.vgg import vgg

    contents = sum(losses.content(layer).named(layer) for layer in ("relu3_3", "relu4_3"))
    bound = Objective(contents + style_distances(), Observer(vgg=vgg())).bind(content=photograph, style=painting)
    found = {term: float(value) for term, value in bound(output=result)[1].items()}
    return found | {"weave": weave(result[0], flat(photograph[0])) or 0.0}


if __name__ == "__main__":
    sys.exit(main())
