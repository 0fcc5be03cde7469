"""CycleGAN's training: two directions, each judged and led back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_nst.fit.cyclic import CyclicTrainer
from keras_nst.fit.objective import Objective
from keras_nst.models import cyclegan
from keras_nst.models.observer import Observer
from keras_nst.models.sdp_gan import PICTURE, discriminator, generator
from keras_nst.recipes import recipe

PHOTOGRAPH = cyclegan.PHOTOGRAPH
WEIGHTS = {"adversarial": 2.0, "cycle": 3.0, "identity": 4.0}


def small():
    return generator((4, 4, 8), 1, saliency_filters=None)


@pytest.fixture
def batch(rng):
    photographs, pictures = rng.uniform(size=(2, 2, 16, 16, 3)).astype(np.float32)
    return photographs, np.zeros((2, 16, 16, 1), np.float32), pictures, pictures


def trainer(weights=WEIGHTS):
    chosen = recipe("cyclegan")
    built = CyclicTrainer(
        cyclegan.generators(small),
        cyclegan.discriminators(lambda: discriminator((4, 4, 4))),
        Objective(chosen.generator("least-squares", weights), Observer()),
        chosen.discriminator("least-squares"),
        lambda step: chosen.factors(step, 1, "fixed"),
    )
    built.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
    return built


def fit(built, batch):
    data = tf.data.Dataset.from_tensors(tuple(map(tf.constant, batch)))
    return {name: values[0] for name, values in built.fit(data, shuffle=False, verbose=0).history.items()}


def test_the_terms_are_those_of_both_directions(batch):
    built = trainer()
    photographs, _, pictures, _ = batch
    paint, lead_back = (built.net.get_layer(f"to_{kind}") for kind in (PICTURE, PHOTOGRAPH))
    painted, led_back = np.asarray(paint(photographs)[PICTURE]), np.asarray(lead_back(pictures)[PICTURE])

    def far(image, other):
        # The paper's pictures are in [-1, 1].
        return 2 * np.abs(np.asarray(image) - other).mean()

    def said(kind, image):
        # Mao et al. 2017, eq. (9), of (1 + logits) / 2.
        return (1 + np.asarray(built.discriminator.get_layer(f"to_{kind}")(image)["logits"])) / 2

    fakes, reals = (
        (said(PICTURE, painted), said(PHOTOGRAPH, led_back)),
        (said(PICTURE, pictures), said(PHOTOGRAPH, photographs)),
    )
    expected = {
        "cycle": far(lead_back(painted)[PICTURE], photographs) + far(paint(led_back)[PICTURE], pictures),
        "identity": far(paint(pictures)[PICTURE], pictures) + far(lead_back(photographs)[PICTURE], photographs),
        "adversarial": sum(((fake - 1) ** 2).mean() for fake in fakes),
        "real": sum(((real - 1) ** 2).mean() for real in reals),
        "generated": sum((fake**2).mean() for fake in fakes),
    }
    logs = fit(built, batch)
    # A log is the mean of both directions.
    assert {name: 2 * logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert 2 * logs["total"] == pytest.approx(sum(WEIGHTS[name] * expected[name] for name in WEIGHTS), rel=1e-4)


def test_each_of_the_four_nets_learns(batch):
    built = trainer()
    nets = [built.net.get_layer(f"to_{kind}") for kind in (PICTURE, PHOTOGRAPH)]
    nets += [built.discriminator.get_layer(f"to_{kind}") for kind in (PICTURE, PHOTOGRAPH)]
    before = [[np.array(weight) for weight in net.trainable_variables] for net in nets]
    fit(built, batch)
    for net, was in zip(nets, before, strict=True):
        assert any(not np.array_equal(weight, old) for weight, old in zip(net.trainable_variables, was, strict=True))


def test_what_is_trained_paints_photographs(batch):
    built = trainer()
    fit(built, batch)
    photograph = batch[0][:1]
    expected = built.average({PHOTOGRAPH: photograph, PICTURE: np.zeros_like(photograph)})[PICTURE]
    np.testing.assert_allclose(built.trained(photograph), expected, atol=1e-6)
    (shown,) = built.preview(photograph)
    np.testing.assert_allclose(shown, expected, atol=1e-6)
    # The weights are those of a generator built alone, in the same order: a style is saved so.
    alone = small()
    alone.set_weights(built.trained.get_weights())
    np.testing.assert_allclose(alone(photograph)[PICTURE], expected, atol=1e-6)
