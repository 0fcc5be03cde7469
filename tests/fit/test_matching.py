import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

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


def test_a_picture_that_is_mostly_sky_takes_less_of_the_sky_the_more_balance_counts(rng, monkeypatch):
    def of(sky, sea):
        """A column of places like a sky, above places like a sea."""
        kinds = np.repeat([[3.0], [-3.0]], [sky, sea], axis=0)
        return places((kinds * np.ones(20) + rng.normal(size=(sky + sea, 20))).astype(np.float32)[None, :, None])

    picture, painting = of(80, 20), of(50, 50)

    def sky_taken(balance):
        monkeypatch.setattr(matching, "BALANCE", balance)
        return np.mean(matches(picture, [painting], [1.0])["places"] < 50)

    assert sky_taken(0.0) == 0.8
    assert sky_taken(0.7) == pytest.approx(0.7 * 0.5 + 0.3 * 0.8, abs=0.03)
    assert sky_taken(1.0) == pytest.approx(0.5, abs=0.03)


def test_prices_find_the_best_assignment_with_given_shares(rng, monkeypatch):
    monkeypatch.setattr(matching, "BALANCE", 1.0)
    likeness = rng.normal(size=(60, 3))
    counts = np.array([30, 20, 10])
    prices = matching._prices(likeness, counts / 60, softness=0.02, rounds=500)
    chosen = np.argmax(likeness - prices, axis=1)
    np.testing.assert_allclose(np.bincount(chosen, minlength=3), counts, atol=2)
    # Each kind as often as it is to be used: the exact optimum of a linear program.
    slots = np.repeat(likeness, counts, axis=1)
    rows, columns = linear_sum_assignment(slots, maximize=True)
    assert likeness[np.arange(60), chosen].sum() == pytest.approx(slots[rows, columns].sum(), rel=0.02)


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
