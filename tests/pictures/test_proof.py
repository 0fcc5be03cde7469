import numpy as np
import pytest
from PIL import ImageCms
from reference import icc
from skimage.color import rgb2lab

from keras_nst.errors import InputError
from keras_nst.pictures.proof import Proof

# CIELAB of white paper, and of full cyan, magenta and yellow, on or off; similar to ISO 12647-2 for coated paper.
INKS = {
    (0, 0, 0): (100, 0, 0),
    (1, 0, 0): (55, -37, -50),
    (0, 1, 0): (48, 74, -3),
    (0, 0, 1): (89, -5, 93),
    (1, 1, 0): (24, 22, -46),
    (1, 0, 1): (50, -65, 27),
    (0, 1, 1): (47, 68, 48),
    (1, 1, 1): (23, 0, 0),
}


@pytest.fixture(scope="module")
def press(tmp_path_factory):
    path = tmp_path_factory.mktemp("icc") / "press.icc"
    inks = np.zeros((2, 2, 2, 3))
    for corner, lab in INKS.items():
        inks[corner] = lab
    icc.write(path, inks)
    return path


def plain(*color):
    return np.full((1, 2, 2, 3), color, np.float32)


def test_white_paper_stays_white(press):
    np.testing.assert_allclose(Proof(press)(plain(1, 1, 1)), 1, atol=0.02)


@pytest.mark.parametrize("corner", [corner for corner in INKS if sum(corner)])
def test_a_color_of_ink_is_what_it_looks_like(press, corner):
    own = np.clip(icc.seen(INKS[corner]), 0, 1)
    found, expected = rgb2lab(Proof(press)(plain(*own))[0, 0, 0]), rgb2lab(own)
    assert np.linalg.norm(found - expected) < 12  # The table of the profile is coarse.


@pytest.mark.parametrize("color", [(0, 0, 1), (0, 1, 0), (1, 0, 1)])
def test_what_cannot_be_printed_is_duller(press, color):
    def chroma(rgb):
        return np.linalg.norm(rgb2lab(rgb[0])[0, 0, 1:])

    assert chroma(Proof(press)(plain(*color))) < 0.8 * chroma(plain(*color))


def test_a_printer_that_prints_all_of_srgb_changes_nothing(tmp_path, rng):
    path = tmp_path / "srgb.icc"
    path.write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    rgb = rng.random((1, 16, 16, 3), np.float32)
    np.testing.assert_allclose(Proof(path)(rgb), rgb, atol=1.5 / 255)


def test_what_is_no_profile_is_told(tmp_path):
    (tmp_path / "text.icc").write_text("not a profile")
    with pytest.raises(InputError, match="not an ICC profile of a printer"):
        Proof(tmp_path / "text.icc")
    with pytest.raises(InputError, match="nowhere"):
        Proof(tmp_path / "nowhere.icc")
