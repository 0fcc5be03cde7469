import keras
import numpy as np
import pytest
from keras import layers
from reference import sets as reference

from keras_nst.errors import InputError
from keras_nst.evaluation import sets
from keras_nst.evaluation.evaluate import FACTS, MEASURES, STYLE_SCALES, evaluate
from keras_nst.evaluation.inputs import find_models, read_photographs
from keras_nst.evaluation.report import write_report
from keras_nst.evaluation.sets import SETS, Embedding, StyleSet, embedding, meanings

SIZE = 64


@pytest.fixture
def paintings(pictures, rng):
    """Six squares of the same kind, and a file that is not a picture."""
    folder = pictures("set", **{f"p{number}": rng.uniform(0, 1 - number / 10, (SIZE, SIZE, 3)) for number in range(6)})
    (folder / "broken.png").write_text("no picture")
    return folder


@pytest.fixture
def at_hand(features, classifier, tmp_path, monkeypatch):
    """The embedding with the package's own networks; Keras's cache is empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return embedding(None, features=features, classifier=classifier)


@pytest.fixture
def inception(monkeypatch):
    """A stand-in for InceptionV3: the mean color and its shares. It records the requested weights."""
    asked = []

    def gap_classifier(backbone, *, weights):
        asked.append((backbone, weights))
        image = keras.Input((None, None, 3))
        pooled = layers.GlobalAveragePooling2D()(image)
        return keras.Model(image, {"pooled": pooled, "logits": keras.ops.log(pooled)})

    monkeypatch.setattr(sets, "gap_classifier", gap_classifier)
    return asked


def points(at_hand, images):
    return np.stack([at_hand.embed(image)[0] for image in images])


def test_the_networks_at_hand_give_pooled_features_and_classes(at_hand, features, classifier, rng):
    image = rng.uniform(size=(1, SIZE, SIZE, 3)).astype(np.float32)
    point, probabilities = at_hand.embed(image)
    expected = []
    for layer, unit in {"relu1_1": 30, "relu2_1": 180, "relu3_1": 300, "relu4_1": 210}.items():
        values = np.asarray(features(image)[layer])[0]
        expected += [values.mean((0, 1)) / unit, values.std((0, 1)) / unit]
    np.testing.assert_allclose(point, np.concatenate(expected), rtol=1e-4, atol=1e-6)
    exponentials = np.exp(np.asarray(classifier(image)["logits"])[0])
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(), rtol=1e-5)
    assert (at_hand.features, at_hand.classes) == ("vgg16", "colors")


def test_inceptions_weights_come_from_the_file_or_from_kerass_cache(inception, features, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    given = embedding("mine.h5", features=features, classifier=None)
    point, probabilities = given.embed(np.full((1, 8, 8, 3), [0.2, 0.3, 0.5], np.float32))
    np.testing.assert_allclose(point, [0.2, 0.3, 0.5], rtol=1e-6)
    np.testing.assert_allclose(probabilities, [0.2, 0.3, 0.5], rtol=1e-6)
    assert (given.features, given.classes) == ("inception_v3", "inception_v3")
    cached = tmp_path / "models" / "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
    cached.parent.mkdir()
    cached.touch()
    assert embedding(None, features=features, classifier=None).features == "inception_v3"
    assert inception == [("InceptionV3", "mine.h5"), ("InceptionV3", cached)]


def test_a_small_set_is_cut_into_many_squares(pictures, at_hand, rng):
    halves = np.zeros((SIZE, 2 * SIZE, 3), np.float32)
    halves[:, SIZE:] = 1
    folder = pictures("halves", one=halves, two=halves)
    seen = []
    counted = Embedding("vgg16", "colors", lambda image: seen.append(image) or at_hand.embed(image))
    style = StyleSet(folder, SIZE, counted)
    assert style.describe()["style_pictures"] == 2
    assert len(seen) == 100
    means = [image.mean() for image in seen]
    assert means[0] == pytest.approx(0.5, abs=0.01)  # The middle.
    assert (min(means), max(means)) == (0, 1)
    again = StyleSet(folder, SIZE, at_hand)
    assert again.compare([at_hand.embed(seen[0]), at_hand.embed(seen[1])]) == style.compare(
        [at_hand.embed(seen[0]), at_hand.embed(seen[1])]
    )


def test_results_are_compared_as_a_set_by_the_papers_formulas(at_hand, paintings, rng, monkeypatch):
    monkeypatch.setattr(sets, "_SQUARES", 1)
    style = StyleSet(paintings, SIZE, at_hand)
    results = [rng.uniform(size=(1, SIZE, SIZE, 3)).astype(np.float32) for _ in range(5)]
    measured = style.compare([at_hand.embed(image) for image in results])
    own = points(at_hand, (read[None] for read in read_all(paintings)))
    assert measured["fid_vgg16"] == pytest.approx(reference.frechet(points(at_hand, results), own), rel=1e-3)
    assert measured["kid_vgg16"] == pytest.approx(
        reference.kernel_distance(points(at_hand, results).astype(float), own.astype(float)), rel=1e-3
    )
    assert 1 <= measured["is_colors"] <= 6
    assert measured.keys() == {"fid_vgg16", "kid_vgg16", "is_colors"}


def read_all(folder):
    return [image[0] for image in read_photographs(folder, SIZE).images.values()]


def test_files_that_cannot_be_read_are_listed_and_one_picture_is_no_set(at_hand, paintings):
    style = StyleSet(paintings, SIZE, at_hand)
    assert list(style.skipped) == [str(paintings / "broken.png")]
    assert style.describe() == {"style": "set", "style_pictures": 6}
    for path in paintings.glob("p[1-5].png"):
        path.unlink()
    with pytest.raises(InputError, match=r"at least two pictures\. .*set holds 1\."):
        StyleSet(paintings, SIZE, at_hand)


def test_pictures_are_taken_up_one_by_one(at_hand, paintings):
    taken = []
    StyleSet(paintings, SIZE, at_hand, progress=lambda items: (taken.append(item) or item for item in items))
    assert len(taken) == 7


def test_a_name_tells_the_network_and_its_meaning_too():
    found = meanings({"ms", "is_colors", "fid_vgg16", "fid_inception_v3"})
    assert list(found) == ["fid_inception_v3", "fid_vgg16", "is_colors"]
    assert {name: better for name, (better, _) in found.items()} == {
        "fid_inception_v3": "↓",
        "fid_vgg16": "↓",
        "is_colors": "↑",
    }
    assert all(meaning.endswith(name.partition("_")[2]) for name, (_, meaning) in found.items())


def test_an_evaluation_against_a_set_has_its_distances_and_no_paintings(
    at_hand, paintings, pictures, photographs, features, classifier, tmp_path
):
    style = StyleSet(paintings, SIZE, at_hand)
    read = read_photographs(pictures("photos", **photographs), SIZE)
    styled = {stem: 0.9 * image[:, ::-1] for stem, image in photographs.items()}
    folders = [str(pictures("same", **photographs)), str(pictures("styled", **styled))]
    evaluation = evaluate(find_models(folders, read.images), read, style, features=features, classifier=classifier)
    summary = evaluation.summary()
    assert (summary["style"], summary["style_pictures"]) == ("set", 6)
    expected = style.compare([at_hand.embed(image) for image in read.images.values()])
    for name, value in expected.items():
        assert summary["models"]["same"][name] == pytest.approx(value)
    assert summary["models"]["same"]["fid_vgg16"] != summary["models"]["styled"]["fid_vgg16"]
    assert summary["models"]["same"].keys() == (MEASURES.keys() - STYLE_SCALES.keys()) | expected.keys()
    for measure, perfect in (("content", 0), ("salient_edge_ssim", 1), ("saliency_corr", 1)):
        assert summary["models"]["same"][measure]["mean"] == pytest.approx(perfect, abs=1e-6)
    assert summary["models"]["styled"]["saliency_corr"]["mean"] < 0.9

    write_report(tmp_path / "report", evaluation)
    text = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "the 6 pictures of set" in text
    assert "| fid_vgg16 ↓ |" in text
    assert "by pooled features of vgg16" in text
    assert not any(f"| {name} " in text for name in (*STYLE_SCALES, *FACTS))


def test_every_measure_of_sets_is_compared(at_hand, paintings, rng):
    style = StyleSet(paintings, SIZE, at_hand)
    results = [at_hand.embed(rng.uniform(size=(1, SIZE, SIZE, 3)).astype(np.float32)) for _ in range(2)]
    assert [name.partition("_")[0] for name in style.compare(results)] == list(SETS)
