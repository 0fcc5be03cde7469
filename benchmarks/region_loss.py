"""The cost of keeping semantics: a training step of liu2019 against one of johnson2016, on the CPU.

The steps alternate in one process, so that a busy machine slows all equally. Compilation and first steps are not
counted. Exits with 1 if the region loss makes a step more than 25 % slower.

    python benchmarks/region_loss.py
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from skimage import data

from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.models.cam import gap_classifier
from keras_nst.models.observer import Observer
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg
from keras_nst.recipes import recipe

ALLOWED = 0.25
VARIANTS = {
    "johnson2016": ("johnson2016", None),
    "liu2019": ("liu2019", None),
    "liu2019 --keep cam,edge,color": ("liu2019", ["cam", "edge", "color"]),
}


def trainer(name: str, keep: list[str] | None, observer: Observer, painting: np.ndarray) -> StyleTrainer:
    """Build a compiled trainer of the variant."""
    objective = Objective(recipe(name).loss(keep=keep), observer).bind(style=painting)
    built = StyleTrainer(transfer_net(), objective)
    built.compile(keras.optimizers.Adam(1e-4), jit_compile=True)
    return built


def main() -> int:
    """Print the table. The exit code says whether the cost is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    crop = data.astronaut()[: options.size, : options.size][None].astype(np.float32) / 255
    batch = np.repeat(crop, options.batch, axis=0)
    observer = Observer(vgg=vgg(), cam=gap_classifier())
    trainers = {name: trainer(*variant, observer, crop) for name, variant in VARIANTS.items()}
    seconds = {name: [] for name in VARIANTS}
    for turn in range(options.rounds + 1):
        for name, stepping in trainers.items():
            began = time.perf_counter()
            stepping.train_on_batch({"content": batch})
            if turn:
                seconds[name].append(time.perf_counter() - began)

    base = seconds["johnson2016"]
    print(f"{options.batch} images of {options.size}x{options.size}, {options.rounds} steps each, alternating")
    for name, times in seconds.items():
        extra = statistics.median(mine / plain - 1 for mine, plain in zip(times, base, strict=True))
        print(f"{name:32} {statistics.median(times):6.2f} s a step  {extra:+6.1%}")
        if name == "liu2019":
            cost = extra
    print(f"The region loss may cost {ALLOWED:.0%}.")
    return int(cost > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
