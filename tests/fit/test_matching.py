import numpy as np
import pytest

from keras_nst.fit import matching
from keras_nst.fit.matching import Places, columns, matches
from keras_nst.models.observer import Observer
from keras_nst.models.vgg import receptive_field, vgg

LAYERS = ("relu1_2", "relu2_2", "relu3_1")


def places(columns, counted=None):
    height, width = columns.shape[1:3]
    return Places(columns, np.ones(height * width, bool) if counted is None else counted)


@pytest.fixture
def painting(rng):
    return rng.normal(size=(1, 6, 7, 20)).astype(np.float32)


def looks(found):
    """The column that each place of the picture is matched with."""
    return found["columns"][found["places"][0, ..., 0]]


def test_a_mirrored_painting_is_matched_with_itself(painting):
    found = matches(places(painting[:, :, ::-1]), [places(painting)], [1.0])
    assert found["places"].shape == (1, 6, 7, 1)
    centered = painting[0, :, ::-1] - painting.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(
        looks(found), centered / np.linalg.norm(centered, axis=-1, keepdims=True), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(found["mean"][0], painting.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_brightness_and_contrast_of_all_features_do_not_matter(painting):
    same, changed = (matches(places(own), [places(painting)], [1.0]) for own in (painting, 3 * painting + 5))
    np.testing.assert_array_equal(same["places"], changed["places"])


def test_only_what_counts_is_offered_and_matched(painting):
    left = np.zeros((6, 7), bool)
    left[:, :3] = True
    found = matches(places(painting, ~left.ravel()), [places(painting, left.ravel())], [1.0])
    assert len(found["columns"]) == left.sum()
    assert (found["places"][0, :, :3] == 0).all()
    assert len(np.unique(found["places"][0, :, 3:])) > 3


def test_paintings_offer_places_by_their_shares(rng, painting, monkeypatch):
    monkeypatch.setattr(matching, "MOST_PLACES", 20)
    other = rng.normal(size=(1, 8, 8, 20)).astype(np.float32)
    found = matches(places(painting), [places(painting), places(other)], [3.0, 1.0])
    # Every third of 42 places, at most 15, and every 13th of 64, at most 5.
    assert len(found["columns"]) == 14 + 5
    alone = matches(places(painting), [places(painting), places(other)], [1.0, 0.0])
    assert len(alone["columns"]) == 14
    np.testing.assert_allclose(alone["mean"][0], painting.mean(axis=(0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_a_plain_painting_gives_finite_columns(painting):
    found = matches(places(painting), [places(np.ones_like(painting))], [1.0])
    assert np.isfinite(found["columns"]).all()


def test_tiles_change_no_column(rng):
    observer = Observer(vgg=vgg(LAYERS))
    picture = rng.random((1, 150, 121, 3), np.float32)
    halo = max(receptive_field(layer) for layer in LAYERS) // 2
    whole, tiled = (columns(observer, LAYERS, picture, tile=tile, halo=halo) for tile in (None, 96))
    assert whole.shape == (1, 37, 30, 64 + 128 + 256)
    np.testing.assert_allclose(tiled, whole, rtol=1e-3, atol=0.05)
