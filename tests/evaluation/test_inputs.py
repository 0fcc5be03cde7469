import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.evaluation.inputs import find_models, is_style, picture_files, read_photographs, read_square
from keras_nst.models.saved import MODEL


@pytest.fixture
def photos(pictures, photographs):
    return pictures("photos", **photographs)


@pytest.mark.parametrize("shape", [(40, 120), (120, 40)])
def test_a_square_is_the_middle_at_the_size_asked_for(pictures, shape):
    middle = np.zeros((*shape, 3))
    middle[shape[0] // 2 - 20 : shape[0] // 2 + 20, shape[1] // 2 - 20 : shape[1] // 2 + 20] = 1
    square = read_square(pictures("photos", middle=middle) / "middle.png", 20)
    np.testing.assert_array_equal(square, np.ones((1, 20, 20, 3)))


def test_a_small_picture_is_enlarged(pictures, rng):
    path = pictures("photos", small=rng.uniform(size=(20, 30, 3))) / "small.png"
    assert read_square(path, 64).shape == (1, 64, 64, 3)


def test_photographs_come_in_order_and_bad_files_are_skipped_with_a_reason(photos):
    (photos / "bad.jpg").write_text("no picture")
    (photos / "notes.txt").write_text("not even named like one")
    read = read_photographs(photos, 32)
    assert list(read.images) == ["green", "red"]
    assert {image.shape for image in read.images.values()} == {(1, 32, 32, 3)}
    (reason,) = read.skipped
    assert "bad.jpg" in reason


def test_the_limit_counts_photographs_that_can_be_read(photos, pictures, photographs):
    (photos / "bad.jpg").write_text("no picture")
    pictures("photos", zebra=photographs["red"])
    assert list(read_photographs(photos, 32, limit=2).images) == ["green", "red"]


def test_a_mean_needs_two_photographs(pictures, photographs):
    folder = pictures("one", red=photographs["red"])
    (folder / "bad.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"at least two photographs.*holds 1.*bad\.jpg"):
        read_photographs(folder, 32)


def test_two_files_of_one_stem_are_ambiguous(photos, pictures, photographs):
    pictures("photos", suffix=".jpg", red=photographs["red"])
    with pytest.raises(InputError, match=r"red\.jpg and red\.png differ only by their suffix"):
        picture_files(photos)


def test_results_match_by_stem_whatever_their_suffix(pictures, photographs):
    results = pictures("results", suffix=".jpg", **photographs, other=photographs["red"])
    models = find_models([str(results)], photographs)
    assert models == {"results": results}
    assert not is_style(results)


def test_a_label_comes_before_the_folder(pictures, photographs, tmp_path):
    results = pictures("results", **photographs)
    style = tmp_path / "a=b"
    style.mkdir()
    (style / MODEL).touch()
    assert find_models([f"theirs={results}", str(style)], photographs) == {"theirs": results, "a=b": style}
    assert is_style(style)


def test_shipped_styles_are_known_by_name(photographs):
    assert find_models(["starry_night", "again=starry_night"], photographs).keys() == {"starry_night", "again"}


def test_missing_results_are_named(pictures, photographs):
    results = pictures("results", red=photographs["red"], other=photographs["green"])
    with pytest.raises(InputError, match=rf"neither a {MODEL} nor .* 1 of 2 are missing \(green\)"):
        find_models([str(results)], photographs)


def test_two_models_of_one_label_are_ambiguous(pictures, photographs):
    results = pictures("results", **photographs)
    with pytest.raises(InputError, match=r"called 'results'.* `model`: LABEL="):
        find_models([str(results), f"results={results}"], photographs)


def test_an_unknown_style_is_answered_with_the_known_ones(photographs):
    with pytest.raises(InputError, match="starry_night"):
        find_models(["mine=stary_night"], photographs)
