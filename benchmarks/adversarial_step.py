"""The cost of saliency in adversarial training: a step of SDP-GAN against a step of CartoonGAN.

The steps alternate in one process, so that a busy machine slows both equally. The ratio is the median over pairs, of
wall-clock time and of processor time. Compilation and first steps are not counted. Exits with 1 if a step of SDP-GAN
takes more than 1.11 times as long as CartoonGAN's by both; in the paper an epoch takes 1660 s against 1500 s.

    python benchmarks/adversarial_step.py
"""

import argparse
import os
import statistics
import sys
import time
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.objective import Objective
from keras_nst.models.observer import Observer
from keras_nst.models.sdp_gan import discriminator, generator
from keras_nst.models.vgg import vgg
from keras_nst.recipes import recipe

ALLOWED = 1.11
STEPS = 1000


def trainer(name: str, perception: keras.Model) -> AdversarialTrainer:
    """Build a compiled trainer of the recipe in the middle of its training."""
    chosen = recipe(name)
    net = generator(**({} if name == "sdp_gan" else {"saliency_filters": None}))
    judge = discriminator()
    objective = Objective(chosen.generator(), Observer(vgg=perception, saliency=net))
    built = AdversarialTrainer(net, judge, objective, chosen.discriminator(), partial(chosen.factors, steps=STEPS))
    built.compile(*(keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)), jit_compile=True)
    built.step.assign(STEPS // 2)
    return built


def main() -> int:
    """Print the table. The exit code says whether the cost is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    shape = (options.batch, options.size, options.size)
    batch = tuple(rng.uniform(size=(*shape, channels)).astype(np.float32) for channels in (3, 1, 3, 3))
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    perception = vgg(["relu4_3"])
    trainers = {name: trainer(name, perception) for name in ("cartoongan", "sdp_gan")}
    for built in trainers.values():
        built.make_train_function()
    clock, processor = ({name: [] for name in trainers} for _ in range(2))
    for turn in range(options.rounds + 1):
        for name, built in trainers.items():
            began = time.perf_counter(), time.process_time()
            float(built.train_function(batches)["total"])
            if turn:
                clock[name].append(time.perf_counter() - began[0])
                processor[name].append(time.process_time() - began[1])

    print(f"{options.batch} images of {options.size}x{options.size}, {options.rounds} steps each, alternating")
    for name in trainers:
        seconds, work = statistics.median(clock[name]), statistics.median(processor[name])
        print(f"{name:12} {seconds:7.3f} s a step, {work:7.3f} s of work")
    ratios = [
        statistics.median(mine / plain for plain, mine in zip(*seconds.values(), strict=True))
        for seconds in (clock, processor)
    ]
    print(f"sdp_gan costs {ratios[0]:.3f} of cartoongan's time and {ratios[1]:.3f} of its work. Allowed: {ALLOWED}.")
    return int(min(ratios) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
