"""Losses, gradients and steps of one backend for fixed inputs, as arrays in a file.

KERAS_BACKEND=jax python tests/reference/backends.py OUT.npz
"""

import sys

import keras
import numpy as np
from keras import ops

from keras_nst import losses
from keras_nst.fit.adversarial import AdversarialTrainer
from keras_nst.fit.objective import Objective
from keras_nst.fit.pixels import PixelObjective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.models.observer import Observer
from keras_nst.models.sdp_gan import discriminator, generator
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg
from keras_nst.pictures.io import read
from keras_nst.recipes import sdp_gan
from keras_nst.select.subject import subject_map

RNG = np.random.default_rng(0)
STEPS = 3


def given(model: keras.Model) -> keras.Model:
    """The same weights on every backend, whatever its random numbers."""
    model.set_weights([RNG.normal(0, 0.2, weight.shape) for weight in model.get_weights()])
    return model


def pictures(count: int, channels: int = 3) -> np.ndarray:
    return RNG.random((count, 24, 24, channels), np.float32)


def style() -> list:
    """A training of the transfer net, at a rate that follows its step: its logs, and its state afterwards."""
    loss = 1.0 * losses.content("relu2_1") + 5.0 * losses.style("relu1_2", "relu2_1") + 1.0 * losses.total_variation()
    objective = Objective(loss, Observer(vgg=vgg(["relu1_2", "relu2_1"]))).bind(style=pictures(1))
    trainer = StyleTrainer(given(transfer_net((4, 4, 8), 1)), objective)
    rate = trainer.scheduled(lambda step: 5e-4 * (1 + ops.cast(step, "float32")))
    trainer.compile(keras.optimizers.SGD(rate), jit_compile=keras.backend.backend() == "jax")
    photographs = {"content": pictures(2)}
    logs = [trainer.train_on_batch(photographs, return_dict=True) for _ in range(STEPS)]
    validated = trainer.test_on_batch(photographs, return_dict=True)
    return [
        *([float(log[name]) for name in ("total", *loss.weights)] for log in [*logs, validated]),
        [trainer.steps_taken, float(trainer.optimizer.learning_rate)],
        *trainer.net.get_weights(),
        *trainer.average.get_weights(),
    ]


def game() -> list:
    """The same for a generator with a saliency net and a discriminator, and a separate step."""
    net = given(generator((4, 4, 8), 1, saliency_filters=(2, 3, 4, 5)))
    judge = given(discriminator((4, 4, 4)))
    loss = sdp_gan.generator(weights={"salient": 1.0})
    objective = Objective(loss, Observer(vgg=vgg(["relu4_3"]), saliency=net))
    trainer = AdversarialTrainer(
        net,
        judge,
        objective,
        sdp_gan.discriminator(),
        lambda step: dict.fromkeys(loss.weights, ops.cast(1.0, "float32")),
    )
    trainer.compile(keras.optimizers.SGD(1e-4), keras.optimizers.SGD(1e-4), jit_compile=False)
    data = [ops.convert_to_tensor(pictures(2, channels)) for channels in (3, 1, 3, 3)]
    logs = [trainer.train_step(data) for _ in range(STEPS)]
    values = [[float(log[name]) for name in sorted(log) if name not in ("skipped", "accuracy")] for log in logs]
    return [*values, *net.get_weights(), *judge.get_weights(), *trainer.average.get_weights()]


def pixels() -> list:
    """The loss of a picture, and its gradient."""
    loss = losses.content("relu2_1") + 5.0 * losses.style("relu1_2", "relu2_1") + losses.total_variation()
    objective = PixelObjective(loss, Observer(vgg=vgg(["relu1_2", "relu2_1"])), (24, 24))
    objective.bind({**objective.targets("content", pictures(1)), **objective.targets("style", pictures(1))})
    found = objective(pictures(1))
    return [found.value, [found.terms[name] for name in loss.weights], found.gradient]


def subject() -> list:
    """The map of a photograph's subject."""
    return [subject_map(read("sample:coffee").rgb)]


if __name__ == "__main__":
    parts = [style, pixels, subject, *([] if keras.backend.backend() == "jax" else [game])]
    np.savez(sys.argv[1], **{f"{part.__name__}{n:03}": array for part in parts for n, array in enumerate(part())})
