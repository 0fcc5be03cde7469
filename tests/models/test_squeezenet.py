from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_nst.errors import InputError
from keras_nst.models.cam import cam, gap_classifier
from keras_nst.models.squeezenet import squeezenet1_1
from keras_nst.models.weights import embedded
from keras_nst.pictures.io import read

FULL_PRECISION = Path(__file__).parents[3] / "shared" / "weights" / "squeezenet1_1.weights.npz"


@pytest.fixture(scope="module")
def classifier():
    return gap_classifier("squeezenet1_1")


def square(name):
    return cv2.resize(read(f"sample:{name}").rgb[0], (227, 227), interpolation=cv2.INTER_AREA)[None]


def reference(weights, rgb):
    """Maps of conv10, as Caffe's deploy.prototxt of SqueezeNet 1.1 says, in double precision without any framework."""

    def convolution(x, name, stride=1, pad=0):
        kernel, bias = (np.float64(weights[f"{name}/{part}"]) for part in ("kernel", "bias"))
        side = kernel.shape[0]
        x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
        height, width = ((length - side) // stride + 1 for length in x.shape[:2])
        total = np.zeros((height, width, kernel.shape[3])) + bias
        for row in range(side):
            for column in range(side):
                seen = x[row : row + stride * height : stride, column : column + stride * width : stride]
                total += seen[:height, :width] @ kernel[row, column]
        return np.maximum(total, 0)

    def pool(x):
        height, width = (-(-(length - 3) // 2) + 1 for length in x.shape[:2])
        return np.array(
            [[x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((0, 1)) for j in range(width)] for i in range(height)]
        )

    def fire(x, number):
        squeezed = convolution(x, f"fire{number}_squeeze1x1")
        ones, threes = f"fire{number}_expand1x1", f"fire{number}_expand3x3"
        return np.concatenate([convolution(squeezed, ones), convolution(squeezed, threes, pad=1)], axis=-1)

    x = 255.0 * np.float64(rgb[0])[..., ::-1] - (104, 117, 123)
    x = pool(convolution(x, "conv1", stride=2))
    x = pool(fire(fire(x, 2), 3))
    x = pool(fire(fire(x, 4), 5))
    for number in range(6, 10):
        x = fire(x, number)
    return convolution(x, "conv10")


def test_its_maps_are_those_of_the_published_layers(classifier):
    photograph = square("coffee")
    expected = reference(embedded("squeezenet1_1"), photograph)
    seen = classifier(photograph, training=False)
    np.testing.assert_allclose(seen["maps"][0], expected, atol=1e-3 * expected.max())
    np.testing.assert_allclose(seen["logits"][0], expected.mean((0, 1)), atol=1e-3 * expected.mean((0, 1)).max())


def test_it_has_the_published_number_of_parameters():
    # torchvision's table of weights: 1,235,496.
    assert squeezenet1_1(weights=None).count_params() == 1_235_496


def test_the_embedded_weights_are_the_published_ones_rounded():
    if not FULL_PRECISION.is_file():
        pytest.skip("needs the weights in single precision")
    own = embedded("squeezenet1_1")
    with np.load(FULL_PRECISION) as published:
        assert len(own) == len(published.files) == 52
        for name, array in own.items():
            theirs = published[name.replace("_", "/")]
            np.testing.assert_array_equal(array, theirs.astype(np.float16).astype(np.float32))


# Espresso; Egyptian cat, tabby, tiger cat.
@pytest.mark.parametrize(("name", "classes", "least"), [("coffee", {967}, 0.95), ("chelsea", {281, 282, 285}, 0.9)])
def test_photographs_are_what_they_show(classifier, name, classes, least):
    logits = np.asarray(classifier(square(name), training=False)["logits"])[0]
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert shares[list(classes)].sum() > least


def test_the_map_of_espresso_lies_on_the_cup(classifier):
    """The cup fills the middle of the picture; the corners are table."""
    found = np.asarray(cam(classifier, square("coffee"), np.array([967])))[0]
    assert found[4:10, 4:10].mean() > 3 * found[[0, 0, -1, -1], [0, -1, 0, -1]].mean()


def test_weights_of_other_classes_are_refused(tmp_path):
    file = tmp_path / "own.weights.h5"
    squeezenet1_1(weights=None, classes=2).save_weights(file)
    own = gap_classifier("squeezenet1_1", weights=file, classes=2)
    assert own.output["maps"].shape[-1] == own.output["logits"].shape[-1] == 2
    with pytest.raises(InputError, match=r"own\.weights\.h5 does not hold .* squeezenet1_1 with 3 classes"):
        gap_classifier("squeezenet1_1", weights=file, classes=3)
