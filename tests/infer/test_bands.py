import weakref

import keras
import numpy as np
import pytest
import skimage.data
from reference.nets import SMALL, net_of_other_layers, randomized

from keras_nst.infer import bands
from keras_nst.infer.bands import Bandwise
from keras_nst.infer.extent import UncuttableError
from keras_nst.models.layers import Convolution2D, ReflectionPadding2D, instance_normalization
from keras_nst.models.rewrite import bake
from keras_nst.models.sdp_gan import PICTURE, generator, part
from keras_nst.models.styles import load_net
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.unet import unet


def small_net():
    """The net of docs/architecture.md."""
    photograph = keras.Input((None, None, 3), name="image")
    hidden = keras.layers.Conv2D(16, 9, name="encode")(ReflectionPadding2D(4)(photograph))
    hidden = keras.layers.Activation("relu")(instance_normalization(name="norm")(hidden))
    rgb = keras.layers.Conv2D(3, 3, activation="sigmoid", name="rgb")(ReflectionPadding2D(1)(hidden))
    return keras.Model(photograph, rgb, name="small_net")


# The alignment of their bands' heights.
NETS = {
    "transfer net": (lambda: transfer_net((4, 6, 8), 2, 9), 4),
    "lite": (lambda: transfer_net((4, 6, 8), 2, 5), 4),
    "by Winograd's algorithm": (lambda: transfer_net((32, 32, 32), 1, 5), 4),
    "SDP-GAN": (lambda: part(generator((4, 6, 8), 2, saliency_filters=(2, 3, 4, 5)), PICTURE), 8),
    "without concatenation": (lambda: part(generator((4, 6, 8), 2, concatenated=False), PICTURE), 8),
    "CartoonGAN": (lambda: part(generator((4, 6, 8), 2, saliency_filters=None), PICTURE), 8),
    "baked": (lambda: bake(unet(**SMALL["unet"].arguments), np.zeros(128)), 16),
    "small": (small_net, 1),
    "of other layers": (net_of_other_layers, 8),
    "without normalization": (
        lambda: keras.Sequential([keras.Input((None, None, 3)), Convolution2D(3, 5, padding="same")]),
        1,
    ),
}


@pytest.fixture(scope="module", params=NETS)
def net_and_unit(request):
    build, unit = NETS[request.param]
    return randomized(build(), np.random.default_rng(0), 0.3), unit


@pytest.fixture(scope="module")
def bandwise(net_and_unit):
    return Bandwise(net_and_unit[0])


@pytest.mark.parametrize("size", [(64, 40), (61, 47), (150, 22), (18, 94)])
@pytest.mark.parametrize("rows", [8, 32])
def test_it_makes_the_picture_that_the_net_makes_of_the_whole(net_and_unit, bandwise, rng, monkeypatch, size, rows):
    net, unit = net_and_unit
    rows = max(rows, unit)
    monkeypatch.setattr(bands, "BAND_PIXELS", rows * (size[1] + -size[1] % unit))
    monkeypatch.setattr(bands, "KEPT", np.float32)
    image = rng.random((1, *size, 3), np.float32)
    found = list(bandwise(lambda begin, end: image[:, begin:end], size))
    assert [begin for begin, _ in found] == list(range(0, size[0], rows))
    np.testing.assert_allclose(np.concatenate([band for _, band in found], axis=1), net(image), atol=1e-4)


def test_half_precision_changes_no_level_of_8_bits_by_more_than_one(monkeypatch):
    monkeypatch.setattr(bands, "BAND_PIXELS", 32 * 200)
    net, image = load_net("starry_night"), np.float32(skimage.data.astronaut()[None, :150, 100:300]) / 255
    found = [band for _, band in Bandwise(net)(lambda begin, end: image[:, begin:end], image.shape[1:3])]
    np.testing.assert_allclose(np.concatenate(found, axis=1), net(image), atol=1 / 255)


def test_no_band_is_larger_than_what_fits(bandwise, rng, monkeypatch):
    monkeypatch.setattr(bands, "BAND_PIXELS", 16 * 32)
    asked = []

    def rows(begin, end):
        asked.append(end - begin)
        return rng.random((1, end - begin, 32, 3), np.float32)

    list(bandwise(rows, (400, 32)))
    assert 16 <= max(asked) <= 16 + 2 * 16


def test_no_more_than_two_maps_are_kept_whole(rng, monkeypatch):
    maps, most = weakref.WeakSet(), []

    class Counted(bands._Map):
        def append(self, band):
            super().append(band)
            maps.add(self)
            most.append(sum(band.nbytes for kept in maps for _, band in kept._bands))

    monkeypatch.setattr(bands, "_Map", Counted)
    monkeypatch.setattr(bands, "BAND_PIXELS", 16 * 32)
    image = rng.random((1, 320, 32, 3), np.float32)
    list(Bandwise(transfer_net((4, 4, 8), 4))(lambda begin, end: image[:, begin:end], (320, 32)))
    whole, band = (rows // 4 * 8 * 8 * np.dtype(bands.KEPT).itemsize for rows in (320, 16))
    # The rows of each source that the next band still needs.
    assert 2 * whole <= max(most) <= 2 * whole + 4 * band


def sees_the_whole(photograph):
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name="mean")(photograph)
    return keras.layers.Multiply()([photograph, mean])


def called_twice(photograph):
    convolution = keras.layers.Conv2D(3, 3, padding="same", name="twice")
    return convolution(convolution(photograph))


def of_another_size(photograph):
    return keras.layers.Conv2D(3, 3, name="smaller")(photograph)


@pytest.mark.parametrize(
    ("build", "reason"), [(sees_the_whole, "mean"), (called_twice, "twice"), (of_another_size, "smaller")]
)
def test_a_net_that_cannot_be_cut_says_why(build, reason):
    photograph = keras.Input((None, None, 3), name="image")
    with pytest.raises(UncuttableError, match=reason):
        Bandwise(keras.Model(photograph, build(photograph)))
