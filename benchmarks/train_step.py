"""Training speed: our step compared with the same step in PyTorch, on the CPU.

Both train the same network (the transfer net with the same weights) with the same loss (johnson2016: VGG16 content to
relu3_3, style to relu4_3, total variation) on the same batch with Adam. PyTorch runs in eager mode, in the memory
format that is faster here, without our running average of the weights. Both measure the style's Gram matrices once, and
the content's features without gradients. Each has its own process with one thread per core; their steps alternate, so
that a busy machine slows both. Compilation and first steps are not counted.

Exits with 1 if the losses differ or the median ratio is below the project's promise, with 2 without PyTorch.

    pip install -e .[bench] && python benchmarks/train_step.py
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    print("This benchmark compares with PyTorch, which is not installed: pip install keras_nst[bench]", file=sys.stderr)
    sys.exit(2)

REQUIRED_RATIO = 1.4
LOSS_TOLERANCE = 1e-3
SIDE = 256
LEARNING_RATE = 1e-3
FORMATS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}


def photographs(batch: int) -> np.ndarray:
    """Random crops of scikit-image's photographs, (batch, SIDE, SIDE, 3) in [0, 1]."""
    from skimage import data

    sources, rng = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()), np.random.default_rng(0)
    return np.stack([_crop(sources[item % len(sources)], rng) for item in range(batch)])


def painting() -> np.ndarray:
    """A strongly colored picture, used as the painting, (1, SIDE, SIDE, 3) in [0, 1]."""
    from skimage import data

    return _crop(data.immunohistochemistry(), np.random.default_rng(1))[None]


def _crop(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top, left = (rng.integers(length - SIDE + 1) for length in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE].astype(np.float32) / 255


# --- PyTorch ---------------------------------------------------------------------------------------------------------


class ConvolutionTorch(nn.Sequential):
    """Reflection padding, convolution, instance normalization."""

    def __init__(self, channels: int, filters: int, kernel: int, stride: int = 1):
        super().__init__(
            nn.ReflectionPad2d(kernel // 2),
            nn.Conv2d(channels, filters, kernel, stride),
            nn.InstanceNorm2d(filters, eps=1e-5, affine=True),
        )


class ResidualTorch(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            ConvolutionTorch(channels, channels, 3), nn.ReLU(inplace=True), ConvolutionTorch(channels, channels, 3)
        )

    def forward(self, image):
        """The sum of the image and the convolutions' output."""
        return image + self.body(image)


def transfer_net_torch(full: int = 32, half: int = 64, quarter: int = 128, residual_blocks: int = 5) -> nn.Module:
    """`keras_nst.models.transfer_net`, layer by layer in the same order; from [0, 1] to [-1, 1]."""

    def rectified(*arguments):
        return ConvolutionTorch(*arguments), nn.ReLU(inplace=True)

    return nn.Sequential(
        *rectified(3, full, 9),
        *rectified(full, half, 3, 2),
        *rectified(half, quarter, 3, 2),
        *(ResidualTorch(quarter) for _ in range(residual_blocks)),
        nn.Upsample(scale_factor=2, mode="nearest"),
        *rectified(quarter, half, 3),
        nn.Upsample(scale_factor=2, mode="nearest"),
        *rectified(half, full, 3),
        nn.ReflectionPad2d(4),
        nn.Conv2d(full, 3, 9),
        nn.Tanh(),
    )


class VggTorch(nn.Module):
    """`keras_nst.models.vgg`, frozen, up to the given depth."""

    def __init__(self, convolutions: Mapping[str, tuple[np.ndarray, np.ndarray]]):
        super().__init__()
        self.layers = nn.ModuleDict()
        for name, (kernel, bias) in convolutions.items():
            self.layers[name] = layer = nn.Conv2d(*kernel.shape[2:], 3, padding=1)
            _assign(layer, kernel, bias)
        self.layers["block1_conv1"].padding_mode = "replicate"
        self.layers["block1_conv1"]._reversed_padding_repeated_twice = [1, 1, 1, 1]
        self.register_buffer("mean", torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, image, deepest: str) -> dict:
        """Features up to `deepest`, by the papers' names."""
        features, hidden, block = {}, 255 * image.flip(1) - self.mean, "block1"
        for name, layer in self.layers.items():
            if not name.startswith(block):
                block, hidden = name.split("_")[0], functional.max_pool2d(hidden, 2)
            hidden = functional.relu(layer(hidden), inplace=True)
            tap = name.replace("block", "relu").replace("_conv", "_")
            features[tap] = hidden
            if tap == deepest:
                return features
        raise ValueError(f"VGG has no {deepest}.")


def _assign(layer: nn.Module, *weights) -> None:
    """Copy the weights of a Keras layer to the same PyTorch layer; Keras kernels are (height, width, in, out)."""
    with torch.no_grad():
        for parameter, weight in zip((layer.weight, layer.bias), map(np.array, weights), strict=True):
            parameter.copy_(torch.from_numpy(weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight))


def _gram(features):
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, channels, height * width)
    return torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width)


def _relative_squared(output, target):
    return ((output - target).square().flatten(1).sum(1) / (target.square().flatten(1).sum(1) + 1e-12)).mean()


def torch_step(net_weights: list[np.ndarray], batch: np.ndarray, memory_format) -> Callable[[], float]:
    """One training step in PyTorch as a function that returns the loss before the update."""
    from keras_nst.models.weights import vgg_weights
    from keras_nst.recipes.johnson2016 import CONTENT_LAYER, STYLE_LAYERS, STYLE_SHARES, tuned

    def tensor(image):
        return torch.from_numpy(image).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)

    net = transfer_net_torch()
    trained = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.InstanceNorm2d)]
    for index, layer in enumerate(trained):
        _assign(layer, *net_weights[2 * index : 2 * index + 2])
    net, vgg = (module.to(memory_format=memory_format) for module in (net, VggTorch(vgg_weights())))
    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, eps=1e-7, fused=True)
    weights = tuned().loss().weights
    with torch.no_grad():
        features = vgg(tensor(painting()), STYLE_LAYERS[-1])
        style_grams = {layer: _gram(features[layer]) for layer in STYLE_LAYERS}

    def step():
        image = tensor(batch)
        adam.zero_grad(set_to_none=True)
        output = 0.5 * net(image) + 0.5
        features = vgg(output, STYLE_LAYERS[-1])
        with torch.no_grad():
            content = vgg(image, CONTENT_LAYER)[CONTENT_LAYER]
        vertical, horizontal = output[:, :, 1:] - output[:, :, :-1], output[:, :, :, 1:] - output[:, :, :, :-1]
        style = sum(
            share * _relative_squared(_gram(features[layer]), gram)
            for share, (layer, gram) in zip(STYLE_SHARES, style_grams.items(), strict=True)
        )
        loss = (
            weights["content"] * _relative_squared(features[CONTENT_LAYER], content)
            + weights["style"] * style
            + weights["tv"] * (vertical.square().mean() + horizontal.square().mean())
        )
        loss.backward()
        adam.step()
        return loss.item()

    return step


# --- keras_nst -------------------------------------------------------------------------------------------------------


def keras_step(net, batch: np.ndarray) -> Callable[[], float]:
    """One step of `StyleTrainer` as a function that returns the loss before the update."""
    import keras

    from keras_nst.fit.objective import Objective
    from keras_nst.fit.trainer import StyleTrainer
    from keras_nst.models.observer import Observer
    from keras_nst.models.vgg import vgg
    from keras_nst.recipes import johnson2016

    trainer = StyleTrainer(net, Objective(johnson2016.tuned().loss(), Observer(vgg=vgg())).bind(style=painting()))
    trainer.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), jit_compile=True)

    def step():
        trainer.reset_metrics()
        return float(trainer.train_on_batch({"content": batch}, return_dict=True)["total"])

    return step


# --- The comparison --------------------------------------------------------------------------------------------------

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

# The step of this process.
_step: Callable[[], float]


def prepare_keras(size: int) -> tuple[list[np.ndarray], float]:
    """Set up keras_nst in this process; returns the net's initial weights and its loss with them."""
    import keras

    from keras_nst.models.transfer_net import transfer_net

    global _step
    keras.utils.set_random_seed(0)
    net = transfer_net()
    weights = net.get_weights()
    _step = keras_step(net, photographs(size))
    loss = _step()
    _step()
    return weights, loss


def prepare_torch(size: int, weights: list[np.ndarray]) -> tuple[str, float]:
    """Set up PyTorch in this process; returns the faster memory format and the loss with these weights."""
    global _step
    # The recipe imports Keras, which would load TensorFlow.
    os.environ["KERAS_BACKEND"] = "torch"
    torch.set_num_threads(THREADS)
    times = {}
    for name, memory_format in FORMATS.items():
        _step = torch_step(weights, photographs(size), memory_format)
        loss = _step()
        times[name] = min(seconds() for _ in range(2))
    fastest = min(times, key=times.get)
    _step = torch_step(weights, photographs(size), FORMATS[fastest])
    _step()
    return fastest, loss


def seconds() -> float:
    """Seconds of the next step of this process."""
    start = time.perf_counter()
    _step()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4, help="photographs per batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=5, help="pairs of steps to time (default: %(default)s)")
    arguments = parser.parse_args()

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as ours, ProcessPoolExecutor(1, spawn) as theirs:
        weights, keras_loss = ours.submit(prepare_keras, arguments.batch).result()
        fastest, torch_loss = theirs.submit(prepare_torch, arguments.batch, weights).result()
        pairs = [(theirs.submit(seconds).result(), ours.submit(seconds).result()) for _ in range(arguments.steps)]
    ratios = [their_time / our_time for their_time, our_time in pairs]
    ratio = statistics.median(ratios)
    difference = abs(keras_loss - torch_loss) / abs(torch_loss)

    print(f"{SIDE}x{SIDE}, batch {arguments.batch}, {THREADS} threads, {arguments.steps} pairs of steps")
    print(f"{'':<28}{'loss':>12}{'images/s (median, min-max)':>32}")
    for index, (name, loss) in enumerate(((f"PyTorch, {fastest}", torch_loss), ("keras_nst", keras_loss))):
        speeds = [arguments.batch / pair[index] for pair in pairs]
        speed = f"{statistics.median(speeds):.3f} ({min(speeds):.3f}-{max(speeds):.3f})"
        print(f"{name:<28}{loss:>12.4f}{speed:>32}")
    print(f"{'ratio':<28}{difference:>12.1e}{f'{ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})':>32}")

    failures = []
    if not difference <= LOSS_TOLERANCE:
        failures.append(f"the losses differ by {difference:.1e}, more than {LOSS_TOLERANCE:.0e}")
    if not ratio >= REQUIRED_RATIO:
        failures.append(f"the ratio is {ratio:.2f}, below {REQUIRED_RATIO}")
    print("Falls short: " + "; ".join(failures) if failures else f"Holds: at least {REQUIRED_RATIO} times as fast.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
