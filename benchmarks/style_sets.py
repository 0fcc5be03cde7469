"""Whether FID and KID tell styles apart: distances of several sets to one half of a collection.

From far to near there should be: photographs, paintings by other hands, photographs in a style of the collection, and
the other half of the collection.

Exits with 1 if the photographs are not the farthest, or the other half is not the nearest.

    python benchmarks/style_sets.py COLLECTION/ OTHERS/ PHOTOGRAPHS/ STYLE [--limit 60]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from keras_nst.infer.stylizer import Stylizer
from keras_nst.pictures.io import read
from keras_nst.pictures.kinds import look_through

SIZE = 256


def main() -> int:
    """Print the distances, from far to near."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collection")
    parser.add_argument("others")
    parser.add_argument("photographs")
    parser.add_argument("style", help="a style that was learned from the collection")
    parser.add_argument("--limit", type=int, default=60, help="pictures of a set (default: %(default)s)")
    options = parser.parse_args()
    from keras_nst.data.sets import squares
    from keras_nst.evaluation.sets import StyleSet, embedding
    from keras_nst.models.cam import gap_classifier
    from keras_nst.models.vgg import vgg
    from keras_nst.pictures.picture import Picture

    def middles(paths):
        return [squares(read(path).rgb, SIZE, 1, seed=0, smallest=1.0)[0] for path in paths]

    collection = sorted(look_through(options.collection).pictures)
    with tempfile.TemporaryDirectory() as half:
        for path in collection[1::2]:
            (Path(half) / path.name).symlink_to(path.resolve())
        net = embedding(None, features=vgg(), classifier=gap_classifier("efficientnet_lite0"))
        reference = StyleSet(half, SIZE, net)
    photographs = middles(sorted(look_through(options.photographs).pictures)[: options.limit])
    stylizer = Stylizer(options.style)
    sets = {
        "photographs": photographs,
        "paintings by other hands": middles(sorted(look_through(options.others).pictures)[: options.limit]),
        "photographs in the style, half": [stylizer(Picture(one), strength=0.5).rgb for one in photographs],
        "photographs in the style": [stylizer(Picture(one)).rgb for one in photographs],
        "the other half of the collection": [
            square
            for number, path in enumerate(collection[::2])
            for square in squares(
                read(path).rgb, SIZE, -(-options.limit // len(collection[::2])), seed=number, smallest=0.5
            )
        ],
    }
    kids = {}
    for name, pictures in sets.items():
        measured = reference.compare([net.embed(picture) for picture in pictures])
        kids[name] = next(value for measure, value in measured.items() if measure.startswith("kid"))
        print(name, {measure: round(value, 3) for measure, value in measured.items()}, flush=True)
    order = sorted(kids, key=kids.get)
    return int(order[0] != "the other half of the collection" or order[-1] != "photographs")


if __name__ == "__main__":
    sys.exit(main())
