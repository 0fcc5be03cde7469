from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_nst.models.u2netp import u2netp
from keras_nst.models.weights import embedded
from keras_nst.pictures.io import read

ONNX = Path(__file__).parents[3] / "shared" / "weights" / "u2netp.onnx"

# Means over blocks of 80x80 of the map that onnxruntime 1.32 computes from the published ONNX file in float32.
BLOCKS = {
    "astronaut": [
        [0.0001, 0.6000, 0.2346, 0.0000],
        [0.1729, 0.9153, 0.2272, 0.0000],
        [0.8328, 0.9993, 0.8261, 0.1728],
        [0.9698, 0.9944, 0.9974, 0.8804],
    ],
    "coffee": [
        [0.0150, 0.6110, 0.4624, 0.0000],
        [0.3690, 1.0000, 0.9536, 0.0620],
        [0.4433, 0.9996, 0.9998, 0.1648],
        [0.0843, 0.7853, 0.6639, 0.0048],
    ],
    "chelsea": [
        [0.6913, 0.9994, 0.9892, 0.3472],
        [0.7641, 0.9971, 0.9972, 0.2186],
        [0.5556, 0.9951, 0.9621, 0.0859],
        [0.3445, 0.7803, 0.7482, 0.0014],
    ],
}


@pytest.fixture(scope="module")
def net():
    return u2netp()


def square(name):
    return cv2.resize(read(f"sample:{name}").rgb[0], (320, 320), interpolation=cv2.INTER_AREA)[None]


def found(net, rgb):
    return np.asarray(net(rgb, training=False))


@pytest.mark.parametrize("name", BLOCKS)
def test_it_finds_what_the_original_finds(net, name):
    blocks = found(net, square(name)).reshape(4, 80, 4, 80).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks, BLOCKS[name], atol=0.015)  # The weights are rounded to float16.


def test_in_single_precision_it_computes_what_onnxruntime_does():
    if not ONNX.is_file():
        pytest.skip("needs the ONNX file of U2-Netp")
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    graph = onnx.load(ONNX).graph
    known = {array.name: onnx.numpy_helper.to_array(array) for array in graph.initializer}
    theirs = [known[name] for node in graph.node if node.op_type == "Conv" for name in node.input[1:3]]
    theirs = [array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in theirs]
    net, rounded = u2netp(pretrained=False), embedded("u2netp")
    for variable in net.variables:
        # Identify each of their arrays by its rounded values.
        (match,) = (
            array
            for array in theirs
            if array.shape == tuple(variable.shape)
            and np.array_equal(array.astype(np.float16).astype(np.float32), rounded[variable.path])
        )
        variable.assign(match)
    rgb = 0.8 * square("chelsea")
    normalized = (rgb / rgb.max() - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    session = onnxruntime.InferenceSession(ONNX)
    (expected,) = session.run(["1959"], {"input.1": normalized.astype(np.float32).transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(found(net, rgb)[0, ..., 0], expected[0, 0], atol=2e-4)


def test_it_has_the_parameters_of_the_paper(net):
    assert net.count_params() == pytest.approx(1.13e6, rel=0.01)


def test_exposure_does_not_count(net):
    rgb = square("coffee")
    np.testing.assert_allclose(found(net, 0.5 * rgb), found(net, rgb), atol=1e-3)


def test_a_black_picture_has_no_subject(net):
    assert found(net, np.zeros((1, 320, 320, 3), np.float32)).max() < 0.4


def test_each_picture_of_a_batch_is_seen_for_itself(net):
    both = found(net, np.concatenate([square("coffee"), 0.3 * square("chelsea")]))
    np.testing.assert_allclose(both[:1], found(net, square("coffee")), atol=1e-4)
    np.testing.assert_allclose(both[1:], found(net, 0.3 * square("chelsea")), atol=1e-4)
