import numpy as np
import pytest
import skimage.data
from reference.nets import randomized

from keras_nst.infer import bands
from keras_nst.infer.bands import Bandwise
from keras_nst.models.sdp_gan import PICTURE, generator, part
from keras_nst.models.styles import load_net
from keras_nst.models.transfer_net import transfer_net

NETS = {
    "transfer net": lambda: transfer_net((4, 6, 8), 2, 9),
    "lite": lambda: transfer_net((4, 6, 8), 2, 5),
    "by Winograd's algorithm": lambda: transfer_net((32, 32, 32), 1, 5),
    "SDP-GAN": lambda: part(generator((4, 6, 8), 2, saliency_filters=(2, 3, 4, 5)), PICTURE),
    "without concatenation": lambda: part(generator((4, 6, 8), 2, concatenated=False), PICTURE),
    "CartoonGAN": lambda: part(generator((4, 6, 8), 2, saliency_filters=None), PICTURE),
}


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return randomized(NETS[request.param](), np.random.default_rng(0), 0.3)


@pytest.fixture(scope="module")
def bandwise(net):
    return Bandwise(net)


@pytest.mark.parametrize("size", [(64, 40), (61, 47), (150, 22), (16, 94)])
@pytest.mark.parametrize("rows", [8, 24])
def test_it_makes_the_picture_that_the_net_makes_of_the_whole(net, bandwise, rng, monkeypatch, size, rows):
    monkeypatch.setattr(bands, "BAND_PIXELS", rows * (size[1] + -size[1] % 8))
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


def test_no_band_is_larger_than_what_fits(net, bandwise, rng, monkeypatch):
    monkeypatch.setattr(bands, "BAND_PIXELS", 16 * 32)
    asked = []

    def rows(begin, end):
        asked.append(end - begin)
        return rng.random((1, end - begin, 32, 3), np.float32)

    list(bandwise(rows, (400, 32)))
    assert max(asked) == 16 + 2 * 8
