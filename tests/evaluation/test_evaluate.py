import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from reference import losses as reference

from keras_nst.evaluation.evaluate import FACTS, MEASURES, VIEWS, evaluate
from keras_nst.evaluation.inputs import find_models, read_photographs
from keras_nst.models.layers import CropLike2D
from keras_nst.models.saved import MODEL, save_style
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import fit_short_side
from keras_nst.recipes import johnson2016

SIZE = 64


@pytest.fixture
def run(pictures, photographs, painting, features, classifier):
    """Evaluate models on the two photographs."""

    def evaluated(*models, photos=photographs, **kwargs):
        read = read_photographs(pictures("photos", **photos), SIZE)
        return evaluate(
            find_models(models, read.images), read, painting, features=features, classifier=classifier, **kwargs
        )

    return evaluated


@pytest.fixture
def gridded(tmp_path):
    """A style whose net leaves a checkerboard of single pixels, like a transposed convolution."""
    image = keras.Input((None, None, 3))
    upsampling = layers.Conv2DTranspose(3, 2, strides=2, use_bias=False)
    halved = layers.AveragePooling2D(2, padding="same")(image)
    net = keras.Model(image, CropLike2D()([upsampling(halved), image]))
    kernel = np.array([[1, 0.5], [0.5, 1]])[..., None, None] * np.eye(3)
    upsampling.set_weights([kernel])
    save_style(tmp_path / "gridded", net, {})
    return tmp_path / "gridded"


def test_photographs_as_their_own_results_are_kept_whole(run, pictures, photographs):
    evaluation = run(str(pictures("same", **photographs)))
    perfect = {"content": 0, "cam_ssim": 1, "cam_iou": 1, "top1": 1, "top5": 1, "edge_ssim": 1, "color": 0}
    for measure, expected in perfect.items():
        assert evaluation.values("same", measure) == pytest.approx([expected] * 2, abs=1e-6)
    assert evaluation.facts == {"same": {}}


@pytest.mark.parametrize(("measure", "block"), [("style", 1), ("style_half", 2), ("style_quarter", 4)])
def test_their_style_is_the_photographs_own_distance_from_the_painting_at_each_size(
    run, pictures, photographs, painting, features, measure, block
):
    def grams(image):
        _, height, width, _ = image.shape
        smaller = image.reshape(1, height // block, block, width // block, block, 3).mean((2, 4))
        observed = features(smaller)
        return [reference.gram(np.asarray(observed[layer])[0]) for layer in johnson2016.STYLE_LAYERS]

    evaluation = run(str(pictures("same", **photographs)))
    target = grams(fit_short_side(read(painting).rgb, 512))
    for stem, measured in zip(["green", "red"], evaluation.values("same", measure), strict=True):
        own = grams(read(painting.parents[1] / "photos" / f"{stem}.png").rgb)
        distances = list(map(reference.relative_squared, own, target))
        assert measured == pytest.approx(np.dot(johnson2016.STYLE_SHARES, distances), rel=1e-3)


@pytest.fixture
def stripes():
    """Stripes with a period of 8 pixels, of this height and width."""
    return lambda side: np.where(np.arange(side)[:, None, None] // 4 % 2, 0.3, 0.7) * np.ones((1, side, 3))


def test_a_weave_is_what_a_result_has_above_the_painting(run, pictures, painting, stripes):
    skies = {stem: np.full((SIZE, SIZE, 3), value) for stem, value in {"dark": 0.3, "light": 0.6}.items()}
    woven = str(pictures("woven", **{stem: stripes(SIZE) for stem in skies}))
    assert run(woven, photos=skies).values("woven", "weave") == pytest.approx([1, 1], abs=0.02)
    pictures("paintings", stripes=stripes(512))
    assert run(woven, photos=skies).values("woven", "weave") == pytest.approx([0, 0], abs=0.02)


def test_a_photograph_without_a_flat_area_has_no_weave_and_counts_in_no_mean(run, pictures, photographs, stripes):
    sky = np.full((SIZE, SIZE, 3), 0.5)
    mixed = {"noise": photographs["red"], "sky": sky}
    evaluation = run(str(pictures("woven", **{stem: stripes(SIZE) for stem in mixed})), photos=mixed)
    assert evaluation.values("woven", "weave") == [None, pytest.approx(1, abs=0.02)]
    assert evaluation.summary()["models"]["woven"]["weave"] is None  # A single value has no interval.
    mixed["sky2"] = sky
    evaluation = run(str(pictures("woven", sky2=stripes(SIZE))), photos=mixed)
    assert evaluation.summary()["models"]["woven"]["weave"]["mean"] == pytest.approx(1, abs=0.02)


def test_results_in_the_opposite_colors_lose_class_and_map(run, pictures, photographs):
    evaluation = run(str(pictures("opposite", **{stem: 1 - image for stem, image in photographs.items()})))
    # The most likely of the six classes has become the least likely, and its map is bright where it was dark.
    for measure in ("top1", "top5", "cam_iou"):
        assert evaluation.values("opposite", measure) == [0, 0]
    assert max(evaluation.values("opposite", "cam_ssim")) < 0.2


def test_the_map_is_that_of_the_photographs_class(run, pictures, photographs):
    before = {stem: image.copy() for stem, image in photographs.items()}
    # More blue than red or green, so another class; but the bright patches of the old class are in the same place.
    for image in photographs.values():
        image[..., 2] += 0.45
    evaluation = run(str(pictures("bluer", **photographs)), photos=before)
    assert evaluation.values("bluer", "top1") == [0, 0]
    assert evaluation.values("bluer", "top5") == [1, 1]
    assert evaluation.values("bluer", "cam_ssim") == pytest.approx([1, 1], abs=0.01)


def test_results_of_another_size_are_brought_to_that_of_the_photographs(run, pictures, photographs):
    larger = {stem: np.kron(image, np.ones((3, 3, 1))) for stem, image in photographs.items()}
    evaluation = run(str(pictures("larger", **larger)))
    assert evaluation.values("larger", "edge_ssim") == pytest.approx([1, 1], abs=1e-3)


def test_a_styles_own_grid_shows_on_plain_gray_and_in_the_results(run, gridded):
    evaluation = run(str(gridded))
    facts = evaluation.facts["gridded"]
    assert facts.keys() == FACTS.keys()
    assert facts["checkerboard_flat"] == pytest.approx(1, abs=0.01)
    assert min(evaluation.values("gridded", "checkerboard")) > 0.5
    assert facts["parameters"] == 2 * 2 * 3 * 3
    assert facts["mb"] == (gridded / MODEL).stat().st_size / 1e6
    assert 0 < facts["ms"] < 10_000


def test_each_model_and_photograph_has_a_row(run, pictures, photographs, gridded):
    evaluation = run(str(gridded), str(pictures("same", **photographs)), classes=["red", "green", *"cmyk"])
    labels = [(row["photograph"], row["class"], row["model"]) for row in evaluation.rows]
    assert labels == [(stem, stem, model) for stem in ("green", "red") for model in ("gridded", "same")]
    assert all(row.keys() == {"photograph", "class", "model", *MEASURES} for row in evaluation.rows)


def test_the_summary_has_the_mean_of_each_measure_inside_its_interval(run, pictures, photographs, rng):
    noisy = {stem: np.clip(image + rng.normal(0, 0.1, image.shape), 0, 1) for stem, image in photographs.items()}
    evaluation = run(str(pictures("noisy", **noisy)))
    summary = evaluation.summary()
    assert (summary["photographs"], summary["size"], summary["classifier"]) == (2, SIZE, "colors")
    for measure in MEASURES.keys() - {"weave"}:  # The photographs have no flat area.
        first, second = evaluation.values("noisy", measure)
        mean = summary["models"]["noisy"][measure]
        assert mean["mean"] == pytest.approx((first + second) / 2)
        # A sample of two values is twice the first, twice the second, or both.
        assert sorted([first, second]) == pytest.approx([mean["low"], mean["high"]])


def test_the_first_photographs_are_kept_to_be_shown(run, pictures, photographs):
    many = {f"{number:02}": photographs["red"] for number in range(VIEWS + 2)}
    evaluation = run(str(pictures("same", **many)), photos=many)
    assert list(evaluation.views) == sorted(many)[:VIEWS]
    photograph, results = evaluation.views["00"]
    np.testing.assert_array_equal(photograph.image, results["same"].image)
    assert photograph.name == results["same"].name == "class 0"
    # The red patch is at the top left.
    assert photograph.cam[:24, :24].min() > 0.8
    assert photograph.cam[40:, 40:].max() < 0.2


def test_photographs_are_taken_up_one_by_one(run, pictures, photographs):
    taken = []

    def progress(items):
        for stem, image in items:
            taken.append(stem)
            yield stem, image

    run(str(pictures("same", **photographs)), progress=progress)
    assert taken == ["green", "red"]


def test_a_damaged_result_is_told(run, pictures, photographs):
    folder = pictures("broken", **photographs)
    (folder / "red.png").write_bytes((folder / "red.png").read_bytes()[:900])
    with pytest.raises(ValueError, match=r"red\.png"):
        run(str(folder))
    Image.new("RGB", (4, 4)).save(folder / "red.png")
    with pytest.raises(ValueError, match=r"red\.png"):
        run(str(folder))
