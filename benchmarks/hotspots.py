"""Hot spots: TensorFlow's profiler over training steps, evaluations of pixels, and the net itself.

After compilation, each kind of work runs a few times in its own process under TensorFlow's profiler, with one operation
at a time. The wall-clock times of operations (which may use all threads) are summed by type, and shown as shares of the
total. Everything that XLA compiles counts as one operation.

    python benchmarks/hotspots.py [step evaluation net] [--size 256] [--batch 2] [--precision float32]
"""

import argparse
import collections
import glob
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import numpy as np

RUNS = 3
SHOWN = 9


def step(size: int, batch: int, precision: str) -> Callable[[], object]:
    """A training step of johnson2016, compiled as in `train`."""
    import keras

    from keras_nst.fit import devices
    from keras_nst.fit.objective import Objective
    from keras_nst.fit.trainer import StyleTrainer
    from keras_nst.models.observer import Observer
    from keras_nst.models.transfer_net import transfer_net
    from keras_nst.models.vgg import vgg
    from keras_nst.recipes import johnson2016

    policy = precision if precision == "float32" else f"mixed_{precision}"
    rng = np.random.default_rng(0)
    objective = Objective(johnson2016.tuned().loss(), Observer(vgg=vgg(dtype=policy)))
    trainer = StyleTrainer(transfer_net(dtype=policy), objective.bind(style=rng.random((1, size, size, 3), np.float32)))
    trainer.compile(keras.optimizers.Adam(1e-3), jit_compile=devices.suits_xla(policy))
    photographs = {"content": rng.random((batch, size, size, 3), np.float32)}
    return lambda: trainer.train_on_batch(photographs)


def evaluation(size: int, batch: int, precision: str) -> Callable[[], object]:
    """Value and gradient of a loss of pixels, as in each step of L-BFGS in `optimize`."""
    from keras_nst import losses
    from keras_nst.fit.pixels import PixelObjective
    from keras_nst.models.observer import Observer
    from keras_nst.models.vgg import vgg
    from keras_nst.recipes import jin2020

    rng = np.random.default_rng(0)
    photograph, painting = rng.random((2, 1, size, size, 3), np.float32)
    loss = losses.content("relu4_2") + losses.style(*jin2020.STYLE_LAYERS)
    objective = PixelObjective(loss, Observer(vgg=vgg(["relu4_2", *jin2020.STYLE_LAYERS])), (size, size))
    objective.bind(objective.targets("style", painting) | objective.targets("content", photograph))
    return lambda: objective(photograph)


def net(size: int, batch: int, precision: str) -> Callable[[], object]:
    """A picture through the net, as in `stylize`."""
    from keras_nst.infer.stylizer import Stylizer
    from keras_nst.pictures.picture import Picture

    stylizer = Stylizer("the_scream")  # The paper's net.
    picture = Picture(np.random.default_rng(0).random((1, size, size, 3), np.float32))
    return lambda: stylizer(picture)


KINDS = {kind.__name__: kind for kind in (step, evaluation, net)}


def profiled(kind: str, size: int, batch: int, precision: str) -> tuple[float, dict[str, float]]:
    """Seconds of one run, and those of each type of operation in it."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    work = KINDS[kind](size, batch, precision)
    for _ in range(2):
        work()
    began = time.perf_counter()
    for _ in range(RUNS):
        work()
    seconds = (time.perf_counter() - began) / RUNS
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(RUNS):
                work()
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        with open(path, "rb") as file:
            space = xplane_pb2.XSpace.FromString(file.read())
    took = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            if line.name.startswith("tf_Compute"):
                for event in line.events:
                    named = re.fullmatch(r"(.+/)?[^:]*:(\w+)", plane.event_metadata[event.metadata_id].name)
                    if named:
                        took[re.sub("^_Mkl(Native)?", "", named[2])] += event.duration_ps / 1e12 / RUNS
    return seconds, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", choices=KINDS, metavar="KIND", help="(default: all)")
    parser.add_argument("--size", type=int, default=256, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="batch size of a step (default: %(default)s)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    for kind in options.kinds or KINDS:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
            seconds, took = apart.submit(profiled, kind, options.size, options.batch, options.precision).result()
        print(f"{kind}: {seconds:.3f} s, in {sum(took.values()):.3f} s of operations")
        for name, duration in took.most_common(SHOWN):
            print(f"  {name:<32}{duration / sum(took.values()):7.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
