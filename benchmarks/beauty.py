"""The pictures that `optimize` makes by default, beside those of Gram-like statistics alone (chen2016).

Twelve photographs of faces, animals, landscapes and objects, each with a painting of another hand. For each pair, a
sheet of photograph, painting and both results is written, and printed are: the style distance at full, half and quarter
size; the content distance at relu4_3; and how uneven the style is: the worst style distance of 3x3 windows, divided by
their mean.

    python benchmarks/beauty.py DATA OUT [--size 512] [--only town,barn]

DATA has the folders photos_large, styles and paintings_cc0 with the files named below.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

PAIRS = {
    "town": ("photos_large/kodak_kodim08.jpg", "styles/picasso_selfport1907.jpg"),
    "barn": ("photos_large/kodak_kodim22.jpg", "styles/starry_night.jpg"),
    "shout": ("photos_large/pdp_portraits_angry-woman.jpg", "paintings_cc0/famous_van_gogh_self_portrait.jpg"),
    "boat": ("photos_large/kodak_kodim06.jpg", "styles/wave.jpg"),
    "leopard": ("photos_large/pdp_animals_leopard-head.jpg", "paintings_cc0/famous_gauguin_tahiti.jpg"),
    "child": ("photos_large/pdp_portraits_sad-child-portrait.jpg", "styles/the_scream.jpg"),
    "ram": ("photos_large/pdp_animals_bighorn-sheep-1494079926qZJ.jpg", "styles/la_muse.jpg"),
    "river": ("photos_large/pdp_landscapes_autumn-landscape-1379696322ccb.jpg", "styles/shipwreck.jpg"),
    "caps": ("photos_large/kodak_kodim03.jpg", "styles/composition_vii.jpg"),
    "lighthouse": ("photos_large/kodak_kodim19.jpg", "paintings_cc0/famous_van_gogh_olive_trees.jpg"),
    "statue": ("photos_large/kodak_kodim17.jpg", "styles/mosaic.jpg"),
    "sails": ("photos_large/kodak_kodim09.jpg", "paintings_cc0/famous_seurat_grande_jatte.jpg"),
}
RECIPES = ("chen2016", "kolkin2022")
GRID = 3


def main() -> None:
    """Make the pictures, print a line for each, and the ratios of the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=512, help="longest side (default: %(default)s)")
    parser.add_argument("--only", help="names of pairs, separated by commas")
    options = parser.parse_args()
    from keras_nst.jobs.optimize import optimize
    from keras_nst.options import PixelOptions, Region
    from keras_nst.pictures.io import read, write
    from keras_nst.pictures.picture import Picture, resize
    from keras_nst.pictures.sheet import contact_sheet

    Path(options.out).mkdir(parents=True, exist_ok=True)
    rows = {recipe: [] for recipe in RECIPES}
    for name in options.only.split(",") if options.only else PAIRS:
        photograph, painting = (resize(read(Path(options.data) / file), options.size).rgb for file in PAIRS[name])
        shown = [photograph, painting]
        for recipe in RECIPES:
            began = time.perf_counter()
            result = optimize(photograph, [Region([painting])], PixelOptions(recipe=recipe, end_size=options.size))
            measured = measures(result, photograph, painting) | {"seconds": time.perf_counter() - began}
            rows[recipe].append(measured)
            shown.append(result)
            write(Path(options.out) / f"{name}-{recipe}.png", Picture(result))
            line = "  ".join(f"{term} {value:.3f}" for term, value in measured.items())
            print(f"{name:10}  {recipe:10}  {line}", flush=True)
        write(Path(options.out) / f"{name}.png", Picture(contact_sheet([shown])))
    for term in rows[RECIPES[0]][0]:
        before, after = (np.array([row[term] for row in rows[recipe]]) for recipe in RECIPES)
        lower = f"lower in {np.sum(after < before)} of {len(after)}"
        print(f"{term:10}  mean {before.mean():.3f} to {after.mean():.3f}, {lower}")


def measures(result: np.ndarray, photograph: np.ndarray, painting: np.ndarray) -> dict[str, float]:
    """The distances of a result: of style at three sizes, of content, and how uneven the style is."""
    from keras_nst import losses
    from keras_nst.evaluation.evaluate import style_distances
    from keras_nst.fit.objective import Objective
    from keras_nst.models.observer import Observer
    from keras_nst.models.vgg import vgg

    observer = Observer(vgg=vgg())
    bound = Objective(losses.content("relu4_3") + style_distances(), observer).bind(content=photograph, style=painting)
    found = {term: float(value) for term, value in bound(output=result)[1].items()}
    full = Objective(losses.style("relu1_2", "relu2_2", "relu3_3", "relu4_3"), observer).bind(style=painting)
    height, width = (side // GRID for side in result.shape[1:3])
    windows = [
        float(full(output=result[:, y * height : (y + 1) * height, x * width : (x + 1) * width])[0])
        for y, x in np.ndindex(GRID, GRID)
    ]
    return found | {"uneven": max(windows) / np.mean(windows)}


if __name__ == "__main__":
    sys.exit(main())
