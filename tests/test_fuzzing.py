"""Random input: pictures, masks, arguments, cards and files of weights."""

import ast
import io
import json
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import keras_nst
from keras_nst import cli
from keras_nst.errors import InputError
from keras_nst.models.saved import CARD, MODEL, save_style
from keras_nst.models.styles import load_net
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.weights import EMBEDDED, read_keras_h5, vgg_weights
from keras_nst.pictures.encoding import encode
from keras_nst.pictures.io import read, read_record
from keras_nst.pictures.picture import Picture
from keras_nst.select import masks

ROOT = Path(keras_nst.__file__).parents[1]

settings.register_profile(
    "keras_nst",
    max_examples=60,
    deadline=None,  # The machine may be busy.
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("keras_nst")

SIDES = st.integers(16, 40)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def in_one_line(call, *arguments, **options):
    """The result of a call; None if it refuses its input in one line."""
    told = ""
    try:
        return call(*arguments, **options)
    except InputError as error:
        told = str(error)
    finally:
        assert "\n" not in told


@st.composite
def samples(draw, dtype, channels):
    return draw(arrays.arrays(dtype, (draw(SIDES), draw(SIDES), channels)))


# Pictures.


@given(st.data(), st.sampled_from([8, 16]), st.sampled_from(["png", "tiff", "bmp"]), st.booleans(), JSON)
def test_what_is_written_without_loss_is_read(data, bits, format, transparent, note):
    if format == "bmp":
        bits, transparent = 8, False
    dtype = {8: np.uint8, 16: np.uint16}[bits]
    levels = data.draw(samples(dtype, 4 if transparent else 3))
    values = np.float32(levels[None] / np.iinfo(dtype).max)
    picture = Picture(values[..., :3], values[..., 3:] if transparent else None)
    encoded = encode(picture, format, bits=bits, record={"note": note})
    found = read(encoded)
    np.testing.assert_array_equal(found.rgb, picture.rgb)
    if transparent:
        np.testing.assert_array_equal(1 if found.alpha is None else found.alpha, picture.alpha)
    if format != "bmp":
        assert json.dumps(read_record(encoded)) == json.dumps({"note": note})


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"]), st.data())
def test_bytes_are_a_picture_or_refused(noise, format, data):
    from reference.bad_inputs import encoded

    whole = bytearray(encoded(format))
    place = data.draw(st.integers(0, len(whole)))
    whole[place : place + len(noise)] = noise
    for content in (noise, bytes(whole)):
        picture = in_one_line(read, content, max_pixels=10**6)
        if picture:
            assert picture.rgb.dtype == np.float32
            assert picture.rgb.min() >= 0
            assert picture.rgb.max() <= 1


# Clips.


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """The content of a clip and of animations, by suffix."""
    pytest.importorskip("av")
    from reference import clips

    folder = tmp_path_factory.mktemp("clips")
    clips.write(folder / "in.mp4", clips.frames(6, 32, 32))
    first, *others = map(Image.fromarray, clips.frames(4, 32, 24))
    for suffix, format in (("gif", "GIF"), ("webp", "WEBP"), ("png", "PNG")):
        first.save(folder / f"in.{suffix}", format, save_all=True, append_images=others, duration=50)
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


def look_at_damaged_clip(moving, folder, data):
    from keras_nst.video.clips import inspect, read_frames

    suffix = data.draw(st.sampled_from(sorted(moving)))
    path = folder / f"odd.{suffix}"
    path.write_bytes(corrupted(data, moving[suffix]))
    clip = in_one_line(inspect, path)
    frames = clip and in_one_line(lambda: list(read_frames(clip)))
    for _, frame in frames or ():
        assert frame.dtype == np.float32
        assert frame.min() >= 0
        assert frame.max() <= 1


@settings(max_examples=40)
@given(st.data())
def test_a_clip_that_is_damaged_is_read_or_refused(moving, tmp_path, data):
    look_at_damaged_clip(moving, tmp_path, data)


@pytest.mark.slow(minutes=5)
@settings(max_examples=2000)
@given(st.data())
def test_thousands_of_damaged_clips_are_read_or_refused(moving, tmp_path, data):
    look_at_damaged_clip(moving, tmp_path, data)


# A server's answers.


@given(JSON, st.sampled_from([200, 400, 404, 500]), st.booleans())
def test_any_json_of_a_server_is_refused_in_one_line(answer, status, wrapped):
    pytest.importorskip("urllib3")
    from keras_nst.infer.served import ServedStyle

    up = b'{"model_version_status": [{"state": "AVAILABLE"}]}'
    content = json.dumps({"predictions": [{"b64": answer}]} if wrapped else answer).encode()
    answers = [(200, up), (status, content)]

    def request(*_, **__):
        status, content = answers.pop(0)
        read = lambda size, decode_content: content[:size]  # noqa: E731
        methods = {"read": staticmethod(read), "close": staticmethod(lambda: None)}
        return type("Response", (), {"status": status, **methods})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("urllib3.PoolManager.request", request)
        served = ServedStyle("localhost:1", "tiny")
        assert in_one_line(served, Picture(np.zeros((1, 16, 16, 3), np.float32))) is None


# Masks.


@given(
    samples(np.uint8, 3),
    st.lists(st.tuples(st.integers(-5, 45), st.integers(-5, 45)), min_size=1, max_size=3),
    st.tuples(*[st.integers(-50, 50)] * 4),
    st.floats(0, 100),
    st.floats(0, 1000),
)
def test_masks_are_from_0_to_1_of_the_pictures_size(pixels, seeds, box, tolerance, softness):
    rgb = np.float32(pixels[None]) / 255
    height, width = rgb.shape[1:3]
    made = {
        "flood": lambda: masks.flood(rgb, seeds, tolerance),
        "rectangle": lambda: masks.rectangle(height, width, box),
        "picture": lambda: masks.from_picture(Picture(rgb)),
    }
    for make in made.values():
        try:
            mask = make()
        except InputError:
            continue
        for found in (mask, masks.feather(mask, softness), 1 - mask):
            assert found.shape == (1, height, width, 1)
            assert found.dtype == np.float32
            assert found.min() >= 0
            assert found.max() <= 1


# Arguments.

COMMANDS = cli._parser()._subparsers._group_actions[0].choices
FLAGS = sorted({flag for command in COMMANDS.values() for action in command._actions for flag in action.option_strings})
WORDS = st.sampled_from([*FLAGS, "-", "--", "1,2"]) | st.text() | st.integers().map(str) | st.floats().map(str)


ASKED = st.sampled_from(sorted(COMMANDS)) | st.text(), st.lists(WORDS, max_size=6)


@given(*ASKED)
def test_arguments_are_taken_or_refused_in_one_line(capsys, command, arguments):
    take_or_refuse(capsys, command, arguments)


@pytest.mark.slow(minutes=5)
@settings(max_examples=5000)
@given(*ASKED)
def test_thousands_of_arguments_are_taken_or_refused_in_one_line(capsys, command, arguments):
    take_or_refuse(capsys, command, arguments)


def take_or_refuse(capsys, command, arguments):
    asked = []
    with pytest.MonkeyPatch.context() as patched:
        command_module = type("Command", (), {"run": staticmethod(lambda options: asked.append(options) or 0)})
        patched.setattr(cli.importlib, "import_module", lambda name: command_module)
        try:
            code = cli.main([command, *arguments])
        except SystemExit as end:  # --help and --version, also abbreviated.
            code = f"shown, {end.code}"
    out, err = capsys.readouterr()
    if code == "shown, 0":
        return
    assert code == (0 if asked else 2)
    assert out == ""
    assert err == "" if asked else (err.startswith("error: ") and err.count("\n") == 1)


# Styles.


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles") / "tiny"
    save_style(folder, transfer_net(filters=(4, 4, 8), residual_blocks=1), {"recipe": "none", "steps": 0})
    return folder


def copy(style, folder, *files):
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_bytes((style / file).read_bytes())
    return folder


@given(JSON)
def test_any_card_is_listed_or_refused(style, tmp_path, capsys, monkeypatch, card):
    monkeypatch.chdir(tmp_path)
    folder = copy(style, tmp_path / "saved_models" / "odd", MODEL)
    (folder / CARD).write_text(json.dumps(card))
    code = cli.main(["stylize", "--list"])
    out, err = capsys.readouterr()
    assert (code, "odd" in out, err.count("\n")) in ((0, True, 0), (2, False, 1), (2, True, 1))
    assert code == (0 if isinstance(card, dict) else 2)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"text"', b"null", b"{}{}"])
def test_a_card_that_is_none_is_refused(style, tmp_path, content):
    folder = copy(style, tmp_path / "odd", MODEL)
    (folder / CARD).write_bytes(content)
    with pytest.raises(InputError, match=r"card\.json"):
        load_net(folder)


@settings(max_examples=25)
@given(st.data())
def test_a_net_of_other_bytes_than_its_card_tells_of_is_refused(style, tmp_path, data):
    folder = copy(style, tmp_path / "odd", CARD)
    (folder / MODEL).write_bytes(corrupted(data, (style / MODEL).read_bytes()))
    with pytest.raises(InputError, match="SHA-256"):
        load_net(folder)


@settings(max_examples=25)
@given(st.data())
def test_without_a_card_a_damaged_net_is_loaded_or_refused_in_one_line(style, tmp_path, data):
    folder = tmp_path / "bare"
    folder.mkdir(exist_ok=True)
    (folder / MODEL).write_bytes(corrupted(data, (style / MODEL).read_bytes()))
    with warnings.catch_warnings(action="ignore"):
        in_one_line(load_net, folder)


def corrupted(data, content: bytes) -> bytes:
    """Cut off, or with some bytes changed."""
    if data.draw(st.booleans()):
        return content[: data.draw(st.integers(0, len(content) - 1))]
    changed = bytearray(content)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        changed[place] ^= data.draw(st.integers(1, 255))
    return bytes(changed) if bytes(changed) != content else content + b"\0"


def layered(config: dict) -> dict:
    """A net with one layer."""
    image = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, None, None, 3], "dtype": "float32", "name": "image"},
        "registered_name": None,
    }
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": [image, config]},
        "registered_name": None,
    }


def foreign(module, class_name, config, registered=None):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def code_in_lambda():
    layer = keras.layers.Lambda(lambda image: Path("ran").write_text("code") and image)
    return keras.saving.serialize_keras_object(layer)


FOREIGN = {
    "Lambda": code_in_lambda,
    "class of the system": lambda: foreign("subprocess", "Popen", {"args": ["touch", "ran"]}),
    "function of the system": lambda: foreign("builtins", "function", "exec", "function"),
    "module that would run": lambda: foreign("ran", "Layer", {}),
    "SavedModel": lambda: foreign("keras.layers", "TFSMLayer", {"filepath": "/nowhere", "name": "saved"}),
    "torch's pickle": lambda: foreign("keras.layers", "TorchModuleWrapper", {"module": "gASVAAAA", "name": "torch"}),
    "unregistered layer": lambda: foreign("somewhere.layers", "Own", {"name": "own"}, "somewhere>Own"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_net_with_foreign_code_is_refused_and_runs_nothing(style, tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ran.py").write_text("open('ran', 'w').write('code')")
    with zipfile.ZipFile(style / MODEL) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(layered(make())).encode()
    (tmp_path / "odd").mkdir()
    with zipfile.ZipFile(tmp_path / "odd" / MODEL, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="which is not allowed in a style's net"):
        load_net(tmp_path / "odd")
    assert not (tmp_path / "ran").exists()


# Weights.


@settings(max_examples=20)
@given(st.data())
def test_embedded_weights_that_are_damaged_are_refused(tmp_path, data):
    from keras_nst.models import weights

    content = (EMBEDDED / "efficientnet_lite0.npz").read_bytes()
    (tmp_path / "efficientnet_lite0.npz").write_bytes(corrupted(data, content))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(weights, "EMBEDDED", tmp_path)
        with pytest.raises(InputError, match="SHA-256"):
            weights.embedded.__wrapped__("efficientnet_lite0")


@settings(max_examples=25)
@given(st.data())
def test_an_hdf5_file_that_is_damaged_is_read_or_refused(tmp_path, data):
    path = tmp_path / "vgg.h5"
    if not path.exists():
        path.write_bytes(hdf5())
    (tmp_path / "odd.h5").write_bytes(corrupted(data, path.read_bytes()))
    in_one_line(read_keras_h5, tmp_path / "odd.h5", "vgg16", through="block1_conv2")


def hdf5() -> bytes:
    """The first convolutions of VGG16 in the layout of keras.applications."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer, (kernel, bias) in list(vgg_weights().items())[:2]:
            file[f"{layer}/{layer}_W_1:0"], file[f"{layer}/{layer}_b_1:0"] = kernel, bias
    return buffer.getvalue()


def test_no_pickle_and_no_code_out_of_files():
    refused = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    sources = [path for folder in ("keras_nst", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 80
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not refused & {name.split(".")[0] for name in names}, path
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path
            told = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
            assert not told.get("allow_pickle"), path
            assert told.get("safe_mode") is not False, path
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "np.load":
                assert told.get("allow_pickle") is False, f"{path}: say allow_pickle=False"
