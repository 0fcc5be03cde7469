"""Transfer time: `stylize` compared with other runtimes of the same net and weights, on the CPU.

The net is the shipped style's, for one picture at a time, in float32, and where the processor has matrix instructions
for it also in bfloat16. PyTorch runs the net of benchmarks/train_step.py:
eagerly, with torch.compile, and exported for one size to ONNX Runtime and OpenVINO. Ours also runs as plain Keras, with
XLA, and as the SavedModel and the ONNX file of `keras-nst export`. Each runtime has its own process with one thread per
core, and their turns alternate, so that a busy machine slows all of them. Compilation and first runs are not counted.

Exits with 1 if a runtime's picture differs from plain Keras's by more than 1/255 (in bfloat16 by 1.5/255 in the mean),
or ours takes more than 0.75 of the time of the faster of ONNX Runtime and torch.compile, or more time than OpenVINO, or
in bfloat16 more than 0.65 of its own time in float32.

    pip install -e .[bench] && python benchmarks/inference.py [--size 480x640] [--turns 15]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from skimage import data

STYLE = "the_scream"  # Of the paper's architecture.
SHARE, LEVEL = 0.75, 1 / 255
HALF_SHARE, HALF_LEVEL = 0.65, 1.5 / 255
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

Run = Callable[[np.ndarray], np.ndarray]


def plain_keras(image: np.ndarray, folder: Path) -> Run:
    """The net as a `tf.function`, as in Keras's `predict`."""
    import tensorflow as tf

    from keras_nst.models.styles import load_net

    net = load_net(STYLE)
    function = tf.function(lambda picture: net(picture, training=False))
    return lambda picture: function(picture).numpy()


def xla(image: np.ndarray, folder: Path) -> Run:
    """The same, compiled by XLA for this size."""
    import tensorflow as tf

    from keras_nst.models.convolution import compiled_for_cpu
    from keras_nst.models.styles import load_net

    net = load_net(STYLE)

    @tf.function(jit_compile=True)
    def function(picture):
        with compiled_for_cpu():
            return net(picture, training=False)

    return lambda picture: function(picture).numpy()


def stylizer(image: np.ndarray, folder: Path, precision: str = "off") -> Run:
    """The net in the form that `stylize` runs."""
    from keras_nst.infer.stylizer import Stylizer
    from keras_nst.pictures.picture import Picture

    stylize = Stylizer(STYLE, mixed_precision=precision)
    return lambda picture: stylize(Picture(picture), grain=False).rgb


def saved_model(image: np.ndarray, folder: Path) -> Run:
    """The form that TensorFlow Serving runs, from and to 8-bit pixels."""
    import tensorflow as tf

    from keras_nst.jobs.export import export

    loaded = tf.saved_model.load(export(STYLE, folder))
    function = loaded.signatures["serving_default"]
    return lambda picture: function(images=tf.constant(_levels(picture)))["stylized"].numpy() / np.float32(255)


def own_onnx(image: np.ndarray, folder: Path) -> Run:
    """Our export, in ONNX Runtime."""
    from keras_nst.jobs.export import export

    session = _onnx_session(export(STYLE, folder, format="onnx"))
    return lambda picture: session.run(None, {"images": _levels(picture)})[0] / np.float32(255)


def torch_eager(image: np.ndarray, folder: Path) -> Run:
    """PyTorch in eager mode."""
    return _by_torch(_torch_net())


def torch_compiled(image: np.ndarray, folder: Path) -> Run:
    """PyTorch with torch.compile."""
    import torch

    return _by_torch(torch.compile(_torch_net()))


def torch_onnx(image: np.ndarray, folder: Path) -> Run:
    """PyTorch's export, in ONNX Runtime."""
    session = _onnx_session(_export_torch(image, folder))
    return lambda picture: _picture(session.run(None, {"image": picture.transpose(0, 3, 1, 2)})[0])


def torch_half(image: np.ndarray, folder: Path) -> Run:
    """PyTorch with torch.compile and autocast, in its faster memory format."""
    import torch

    net = torch.compile(_torch_net().to(memory_format=torch.channels_last))

    def run(picture):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return _picture(net(torch.from_numpy(picture).permute(0, 3, 1, 2)).float().numpy())

    return run


def openvino(image: np.ndarray, folder: Path, precision: str = "f32") -> Run:
    """PyTorch's export, in OpenVINO."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": precision}
    model = openvino.Core().compile_model(_export_torch(image, folder), "CPU", settings)
    return lambda picture: _picture(model(picture.transpose(0, 3, 1, 2))[0])


def _levels(picture: np.ndarray) -> np.ndarray:
    return np.rint(255 * picture).astype(np.uint8)


def _picture(output: np.ndarray) -> np.ndarray:
    """Convert the output of PyTorch's net, (1, 3, h, w) in [-1, 1], to a picture."""
    return output.transpose(0, 2, 3, 1) / 2 + np.float32(0.5)


def _torch_net():
    import torch
    from train_step import _assign, transfer_net_torch

    from keras_nst.models.styles import load_net

    torch.set_num_threads(THREADS)
    net = transfer_net_torch().eval()
    weights = iter(load_net(STYLE).get_weights())
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.InstanceNorm2d):
            _assign(layer, next(weights), next(weights))
    return net


def _by_torch(net) -> Run:
    import torch

    def run(picture):
        with torch.inference_mode():
            return _picture(net(torch.from_numpy(picture).permute(0, 3, 1, 2)).numpy())

    return run


def _export_torch(image: np.ndarray, folder: Path) -> Path:
    import torch

    path, example = folder / "net.onnx", torch.from_numpy(image).permute(0, 3, 1, 2)
    torch.onnx.export(_torch_net(), (example,), path, input_names=["image"], dynamo=False)
    return path


def _onnx_session(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(path, options)


RUNTIMES = {
    "keras_nst": stylizer,
    "plain Keras": plain_keras,
    "Keras, XLA": xla,
    "our SavedModel": saved_model,
    "our ONNX, ONNX Runtime": own_onnx,
    "PyTorch": torch_eager,
    "torch.compile": torch_compiled,
    "PyTorch's ONNX, ONNX Runtime": torch_onnx,
    "PyTorch's ONNX, OpenVINO": openvino,
}
HALF = {
    "keras_nst, bfloat16": partial(stylizer, precision="bfloat16"),
    "torch.compile, bfloat16": torch_half,
    "OpenVINO, bfloat16": partial(openvino, precision="bf16"),
}
if "amx_bf16" in Path("/proc/cpuinfo").read_text():
    RUNTIMES |= HALF

_run: Run | None = None
_image: np.ndarray | None = None


def prepare(name: str, size: tuple[int, int]) -> np.ndarray:
    """Load a runtime in this process; returns the picture of its second run."""
    global _run, _image
    photograph = cv2.resize(data.coffee(), size[::-1], interpolation=cv2.INTER_AREA)
    _image = np.float32(photograph[None]) / 255
    with tempfile.TemporaryDirectory() as folder:
        _run = RUNTIMES[name](_image, Path(folder))
        _run(_image)
    return _run(_image)


def seconds() -> float:
    """Seconds of one run in this process."""
    began = time.perf_counter()
    _run(_image)
    return time.perf_counter() - began


def main() -> int:
    """Measure all runtimes, print a table and the missed goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="480x640", help="height and width (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    options = parser.parse_args()
    size = tuple(map(int, options.size.split("x")))
    processes, pictures, failures = {}, {}, []
    for name in options.only:
        processes[name] = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        pictures[name] = processes[name].submit(prepare, name, size).result()
        print(f"{name} is ready", file=sys.stderr, flush=True)
    times = {name: [] for name in options.only}
    for _ in range(options.turns):
        for name, process in processes.items():
            times[name].append(process.submit(seconds).result())
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ours = medians["keras_nst"]
    print(f"{size[0]}x{size[1]}, {THREADS} threads, median of {options.turns}")
    for name, median in medians.items():
        differences = np.abs(pictures[name] - pictures.get("plain Keras", pictures["keras_nst"]))
        difference = float(differences.mean() if name in HALF else differences.max())
        figures = f"{1000 * median:7.0f} ms   ours / it {ours / median:5.2f}   differs by {255 * difference:.2f}/255"
        print(f"{name:30} {figures}")
        if difference > (HALF_LEVEL if name in HALF else LEVEL):
            failures.append(f"{name} makes another picture")
    others = [medians[name] for name in ("torch.compile", "PyTorch's ONNX, ONNX Runtime") if name in medians]
    if others and ours > SHARE * min(others):
        failures.append(f"ours takes {ours / min(others):.2f} of the faster of ONNX Runtime and torch.compile")
    if ours > medians.get("PyTorch's ONNX, OpenVINO", ours):
        failures.append("ours takes longer than OpenVINO")
    if (half := medians.get("keras_nst, bfloat16", 0)) > HALF_SHARE * ours:
        failures.append(f"in bfloat16 ours takes {half / ours:.2f} of its time in float32")
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
