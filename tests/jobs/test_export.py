"""Exports, run without the package."""

import collections
import importlib.util
import json
import logging
import math
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.jobs import export as module
from keras_nst.jobs.export import CONFIG, METADATA, WARMUP, export
from keras_nst.models.saved import save_style
from keras_nst.models.styles import load_net
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import resize

SIZES = [(16, 16), (37, 50), (64, 96)]


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("styles") / "tiny"
    net = transfer_net(filters=(4, 4, 8), residual_blocks=1)
    # The last convolution is almost zero at first, so any two nets would give nearly the same gray picture.
    net.get_layer("rgb_conv").set_weights([np.random.default_rng(0).normal(0, 0.1, (9, 9, 4, 3)), np.zeros(3)])
    save_style(folder, net, {"recipe": "none", "steps": 0})
    return folder


@pytest.fixture(scope="module")
def expected(style):
    """The net's own results in levels of 255, not rounded."""
    net = load_net(style)
    return lambda images: 255 * np.asarray(net(np.float32(images) / 255))


@pytest.fixture(scope="module")
def saved(style, tmp_path_factory):
    """The first version of two styles, exported from the command line."""
    folder = tmp_path_factory.mktemp("saved")
    other = folder / "styles" / 'b"c'
    save_style(other, load_net(style), {})
    assert main(["export", str(style), str(other), "-o", str(folder / "out")]) == 0
    return folder / "out" / "tiny" / "1"


@pytest.fixture(scope="module")
def fixed(style, saved):
    return export(style, saved.parents[1], size=(32, 40))


def photographs(batch, height, width):
    return np.random.default_rng(batch).integers(0, 256, (batch, height, width, 3), np.uint8)


ALONE = """
import sys
sys.modules["keras_nst"] = sys.modules["keras"] = None  # Neither can be imported.
import numpy as np, tensorflow as tf

signatures = tf.saved_model.load(sys.argv[1]).signatures
given, results = np.load(sys.argv[2]), {}
for name, images in given.items():
    results["default " + name] = signatures["serving_default"](images=tf.constant(images))["stylized"]
    encoded = [tf.io.encode_png(images[0]), tf.io.encode_jpeg(tf.zeros((20, 30, 3), tf.uint8))]
    first, second = signatures["serving_bytes"](image_bytes=tf.stack(encoded))["stylized_bytes"]
    results["bytes " + name] = tf.io.decode_png(first)[None]
    assert tf.io.decode_png(second).shape == (20, 30, 3)
np.savez(sys.argv[3], **results)

cut = tf.io.encode_jpeg(images[0]).numpy()[:300]
for bad in (b"not a picture", b"", cut, tf.io.encode_png(images[0, :8]).numpy()):
    try:
        signatures["serving_bytes"](image_bytes=tf.constant([bad]))
        print("no error")
    except tf.errors.InvalidArgumentError as error:
        print(" ".join(error.message.split()))
"""


def test_a_saved_model_runs_where_the_package_is_not(saved, expected, tmp_path):
    given = {
        f"{batch}x{height}x{width}": photographs(batch, height, width) for batch in (1, 3) for height, width in SIZES
    }
    np.savez(tmp_path / "given.npz", **given)
    arguments = [sys.executable, "-I", "-c", ALONE, saved, tmp_path / "given.npz", tmp_path / "results.npz"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    results = np.load(tmp_path / "results.npz")
    for name, images in given.items():
        for signature in ("default", "bytes"):
            stylized = results[f"{signature} {name}"]
            assert stylized.dtype == np.uint8
            np.testing.assert_allclose(stylized, expected(images[: len(stylized)]), atol=1)
    text, empty, cut, small = result.stdout.splitlines()
    assert "Unknown image file format" in text
    assert "Input is empty" in empty or "Unknown image file format" in empty
    assert "Invalid JPEG data" in cut
    assert "at least 16 pixels per side" in small


def test_jpeg_is_decoded_as_elsewhere(saved, expected, tmp_path):
    image = np.uint8(255 * resize(read("sample:coffee"), 96).rgb[0])
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    (tmp_path / "photo.jpg").write_bytes(encoded)
    signature = tf.saved_model.load(saved).signatures["serving_bytes"]
    (stylized,) = signature(image_bytes=tf.constant([encoded]))["stylized_bytes"]
    decoded = np.rint(255 * read(tmp_path / "photo.jpg").rgb)
    np.testing.assert_allclose(tf.io.decode_png(stylized)[None], expected(decoded), atol=1)


def test_one_style_after_the_other_is_no_reason_to_warn_of_retracing(style, tmp_path, caplog):
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)
    for number in range(3):
        export(style, tmp_path / str(number))
    logger.removeHandler(caplog.handler)
    assert [record for record in caplog.records if "retracing" in record.message] == []


def test_a_batch_of_one_is_normalized_by_one_operation_and_others_are_not(saved):
    import tensorflow as tf

    library = tf.saved_model.load(saved).signatures["serving_default"].graph.as_graph_def().library.function
    counts = [[node.op for node in function.node_def].count("FusedBatchNormV3") for function in library]
    # Three in the encoder, two in the residual block, two in the decoder.
    assert sum(counts) == max(counts) == 7


def operations(saved):
    """The number of nodes of each type in a SavedModel."""
    library = tf.saved_model.load(saved).signatures["serving_default"].graph.as_graph_def().library.function
    return collections.Counter(node.op for function in library for node in function.node_def)


def test_an_export_is_the_same_on_a_machine_with_a_gpu(tmp_path, monkeypatch):
    save_style(tmp_path / "wide", transfer_net(filters=(32, 32, 32), residual_blocks=1), {})
    here = operations(export(tmp_path / "wide", tmp_path / "here"))
    # For one picture, the encoder's three and the last one remain of eight; for several, all do.
    assert here["Conv2D"] == 4 + 8
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert operations(export(tmp_path / "wide", tmp_path / "there")) == here


def test_each_weight_is_stored_once(saved, style):
    import tensorflow as tf

    weights = load_net(style).count_params()
    stored = [(name, shape) for name, shape in tf.train.list_variables(saved / "variables/variables") if shape]
    assert sum(math.prod(shape) for _, shape in stored) == weights
    # The list of names remains.
    written = (saved / "variables/variables.data-00000-of-00001").stat().st_size
    assert 4 * weights <= written < 4 * weights + 200 * len(stored)


def test_the_next_export_is_the_next_version_and_says_what_it_is(saved, fixed):
    assert fixed == saved.parent / "2"
    metadata = [json.loads((version / METADATA).read_text()) for version in (saved, fixed)]
    assert [entry["size"] for entry in metadata] == ["any", "32x40"]
    assert metadata[0]["style"] == "tiny"
    assert metadata[0]["card"]["recipe"] == "none"
    assert saved.stat().st_mode & 0o777 == saved.parent.stat().st_mode & 0o777


def test_an_export_of_one_size_takes_that_size_alone(fixed, expected):
    import tensorflow as tf

    signatures = tf.saved_model.load(fixed).signatures
    images = photographs(2, 32, 40)
    stylized = signatures["serving_default"](images=tf.constant(images))["stylized"]
    assert signatures["serving_default"].structured_outputs["stylized"].shape[1:] == (32, 40, 3)
    np.testing.assert_allclose(stylized, expected(images), atol=1)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"\[31,40,3\] is not compatible with expected shape \[32,40,3\]"
    ):
        signatures["serving_bytes"](image_bytes=tf.constant([tf.io.encode_png(images[0, :31]).numpy()]))


def test_warmup_requests_are_predictions_of_each_signature_by_the_official_protocol(saved):
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    import tensorflow as tf

    signatures = tf.saved_model.load(saved).signatures
    named = []
    for record in tf.data.TFRecordDataset(str(saved / WARMUP)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.SerializeToString(deterministic=True) == record  # No unknown field, no missing one.
        request = log.predict_log.request
        assert request.model_spec.name == "tiny"
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)
        named.append((request.model_spec.signature_name, *inputs))
    assert named == [("serving_default", "images"), ("serving_bytes", "image_bytes")]


@pytest.mark.parametrize("length", [0, 127, 128, 300, 2**21])
def test_fields_have_the_protocols_lengths(length):
    from google.protobuf.wrappers_pb2 import BytesValue

    content = b"x" * length
    assert BytesValue.FromString(module._field(1, content)).value == content


def test_several_styles_are_one_configuration_of_the_server(saved):
    model_server_config_pb2 = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    config = text_format.Parse((saved.parents[1] / CONFIG).read_text(), model_server_config_pb2.ModelServerConfig())
    listed = [(model.name, model.base_path) for model in config.model_config_list.config]
    assert listed == [('b"c', '/models/b"c'), ("tiny", "/models/tiny")]


def needs(*packages):
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


@needs("tf2onnx", "onnxruntime")
def test_onnx_agrees(style, expected, tmp_path):
    import onnxruntime

    session = onnxruntime.InferenceSession(export(style, tmp_path, format="onnx"))
    for height, width in SIZES:
        images = photographs(2, height, width)
        np.testing.assert_allclose(session.run(None, {"images": images})[0], expected(images), atol=2)


@needs("ai_edge_litert")
def test_litert_agrees(style, expected, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = export(style, tmp_path, format="litert")
    assert b"Flex" not in path.read_bytes()
    run = Interpreter(str(path)).get_signature_runner()
    for height, width in SIZES:
        images = photographs(2, height, width)
        np.testing.assert_allclose(run(images=images)["stylized"], expected(images), atol=2)


@needs("ai_edge_litert")
def test_litert_with_weights_of_8_bits_is_a_quarter_as_large_and_close_on_average(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = export("impressionists", tmp_path, format="litert-int8", size=(64, 96))
    full = export("impressionists", tmp_path, format="litert", size=(64, 96))
    assert path.stat().st_size < 0.27 * full.stat().st_size
    net = load_net("impressionists")
    image = np.rint(255 * resize(read("sample:chelsea"), 96).rgb[:, :64]).astype(np.uint8)
    found = Interpreter(str(path)).get_signature_runner()(images=image)["stylized"]
    assert np.abs(found - 255 * np.asarray(net(image / np.float32(255)))).mean() < 1


def test_an_export_that_differs_from_its_net_is_refused_and_leaves_nothing(style, tmp_path, monkeypatch):
    right = module._on_levels
    monkeypatch.setattr(module, "_on_levels", lambda net, size: right(lambda images: net(images) * 0.98, size))
    with pytest.raises(InputError, match=r"tiny as saved_model differs from its net: by \d"):
        export(style, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(style, tmp_path, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs ai_edge_litert. Install them: pip install 'keras_nst\[litert\]'"):
        export(style, tmp_path, format="litert")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory in which the destinations belong to somebody else."""
    monkeypatch.chdir(tmp_path)
    for path in (
        "file/tiny",
        "other/tiny/saved_model.pb",
        "versions/tiny/1/saved_model.pb",
        "configured/models.config",
    ):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text("theirs")
    Path("file/tiny.onnx").write_text("theirs")
    Path("empty").mkdir()
    return tmp_path


BAD = {
    "unknown style": ("export stary_night", "starry_night"),
    "not a style": ("export empty", "model.keras"),
    "a SavedModel is no style": ("export other/tiny", "model.keras"),
    "one name twice": ("export {style} {style}", "tiny"),
    "unknown format": ("export {style} --format tflite", "litert"),
    "size": ("export {style} --size 480", "HxW"),
    "small size": ("export {style} --size 8x480", "from 16"),
    "a file in place of the folder": ("export {style} -o file", "file/tiny"),
    "another program's SavedModel": ("export {style} -o other", "other/tiny/saved_model.pb"),
    "another program's version": ("export {style} -o versions", "versions/tiny/1"),
    "another configuration": ("export {style} -o configured", "configured/models.config"),
    "an existing file": ("export {style} -o file --format onnx", "file/tiny.onnx exists"),
    "a folder that is a file": ("export {style} -o file/tiny", "file/tiny"),
}


@pytest.mark.parametrize(("command", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_code_2_and_leaves_nothing(here, style, capsys, command, told):
    before = sorted(here.rglob("*"))
    assert main(command.format(style=style).split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert told in captured.err
    assert sorted(here.rglob("*")) == before


def test_a_disk_that_is_full_is_told_in_one_line_and_nothing_is_left(tmp_path, monkeypatch):
    def save(*arguments, **options):  # TensorFlow's error, which is not an OSError.
        raise tf.errors.ResourceExhaustedError(None, None, "/models/variables; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(InputError, match=r"^Cannot write .*No space left on device"):
        export("starry_night", tmp_path)
    assert not list(tmp_path.iterdir())
