"""Optimizing pixels: ours against PyTorch's L-BFGS by the clock, and against keras.io's example by what it reaches.

`--torch`: the loss of chen2016 with Gram matrices (VGG16, content at relu4_2, style at relu1_1 to relu5_1, total
variation, the recipe's weights), from the photograph. PyTorch minimizes it as its users write it: torch.optim.LBFGS
with a step of 1, a history of 100 and no line search, eagerly, in the memory format that is faster here, the loss
multiplied by the constant that ours is (the first value becomes 10). Its pixels may leave [0, 1], ours may not. The
lowest value of its evaluations is the goal, and the time when it was there is its time; then `optimize` runs until it
is there, once at the full size alone and once coarse to fine, with its coarse scales counted. Everything runs in one
process, PyTorch first, each with all cores. Times are from pictures in memory on: they include the network, what is
compared with, and compilation, which is also shown: what the first step of each scale took beyond its evaluations.
Before, values and gradients of both losses are compared at two pictures. The claim is that the faster of our two ways,
compilation included, takes at most half of PyTorch's time.

`--keras-io`: the mathematics of https://keras.io/examples/generative/neural_style_transfer (Grams that are not
normalized, content at block5_conv2, total variation to the power 1.25, plain gradient descent at a rate of 100 that
decays, 4000 steps from the photograph). The network is VGG16 in both; block5_conv1 takes the place of block5_conv2
unless KERAS_NST_VGG_WEIGHTS has it. A step is quicker here than there: compiled, and only the result passes through the
network. The example's rate is made for 400 rows; its style gradient grows as the picture shrinks, so that it diverges
at small sizes. So the best of 100, 50, 25 ... in a short trial is taken, to its favor. Ours minimizes that same loss,
all three terms, with `keras_nst.fit.pixels.lbfgs`, coarse to fine, with a quarter of its evaluations. What is ours to
choose is the weight of content: at the full size it is set anew a few times, so that content comes out just below the
example's, all within those evaluations. Both pictures are measured as they would be saved, in 8 bits. The claim is for
each pair a lower Gram loss (their measure, weighted as in their sum) at an equal or lower content loss (likewise).

The times need a quiet machine: PyTorch's threads wait for one another, so that on a busy one it suffers more than ours.

Exits with 1 when a claim falls short, with 2 without PyTorch where it is asked for.

    pip install -e .[bench] && python benchmarks/optimize.py [--torch] [--keras-io] [--size 256] [--style painting.jpg]
"""

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from keras import ops

from keras_nst.fit.autodiff import value_and_gradient
from keras_nst.fit.pixels import Evaluation, PixelObjective, Progress, lbfgs
from keras_nst.images.io import read
from keras_nst.images.picture import Picture, resize
from keras_nst.models.observer import Observer
from keras_nst.models.regions import region_weights
from keras_nst.models.vgg import tap, vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.optimize import Region, optimize, sizes
from keras_nst.options import PixelOptions
from keras_nst.recipes import chen2016

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
PAINTINGS = ("immunohistochemistry", "colorwheel", "retina", "hubble_deep_field")
"""Of scikit-image: in the paintings' place, pictures with a texture or colors of their own."""


def painting(name: str) -> np.ndarray:
    """A picture of scikit-image by its name, or of a file, (1, h, w, 3) in [0, 1]."""
    if name not in PAINTINGS:
        return read(name).rgb
    from skimage import data

    return getattr(data, name)()[None].astype(np.float32) / 255


# --- Against PyTorch -------------------------------------------------------------------------------------------------

REQUIRED_RATIO = 0.5
TOLERANCE = 1e-3
# Of the loss, which XLA rounds by the way it is compiled.
TOLERANCE_REACHED = 1e-5
CONTENT_LAYERS, STYLE_LAYERS = chen2016.CONTENT_LAYERS["vgg16"], chen2016.STYLE_LAYERS
FIRST_VALUE = 10
# By how many times PyTorch's evaluations ours may try to reach its loss.
PATIENCE = 2


class Descent(NamedTuple):
    """How a minimization went.

    Attributes:
        name: Of the minimizer.
        evaluations: Of loss and gradient, at each scale.
        seconds: Until it was where it ended, compilation included.
        compilation: Seconds of them.
        evaluation: Seconds of one evaluation at the full size.
        loss: Where it ended.
        picture: (1, h, w, 3).
    """

    name: str
    evaluations: Sequence[int]
    seconds: float
    compilation: float
    evaluation: float
    loss: float
    picture: np.ndarray


def torch_objective(photograph: np.ndarray, style: np.ndarray, memory_format) -> tuple[Callable, Callable]:
    """The loss in PyTorch, of a tensor, and what makes a tensor of a picture."""
    from train_step import VggTorch, _gram, _relative_squared, torch

    deepest = STYLE_LAYERS[-1]
    network = VggTorch(vgg_weights()).to(memory_format=memory_format)

    def tensor(picture):
        return torch.from_numpy(picture).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)

    with torch.no_grad():
        features = network(tensor(photograph), deepest)
        contents = {layer: features[layer] for layer in CONTENT_LAYERS}
        features = network(tensor(style), deepest)
        grams = {layer: _gram(features[layer]) for layer in STYLE_LAYERS}

    def loss(image):
        features = network(image, deepest)
        vertical, horizontal = image[:, :, 1:] - image[:, :, :-1], image[:, :, :, 1:] - image[:, :, :, :-1]
        variation = (vertical.square().sum() + horizontal.square().sum()) / image.numel()
        return (
            chen2016.WEIGHTS["content"]
            * sum(_relative_squared(features[layer], kept) for layer, kept in contents.items())
            + chen2016.WEIGHTS["style"]
            * sum(_relative_squared(_gram(features[layer]), g) for layer, g in grams.items())
            + chen2016.WEIGHTS["tv"] * variation
        )

    return loss, tensor


def torch_evaluation(loss: Callable, image) -> tuple[float, np.ndarray]:
    """Value and gradient, (1, h, w, 3)."""
    image = image.detach().requires_grad_()
    value = loss(image)
    value.backward()
    return value.item(), image.grad.permute(0, 2, 3, 1).contiguous().numpy()


def keras_objective(photograph: np.ndarray, style: np.ndarray) -> PixelObjective:
    """The loss as `optimize` puts it together."""
    loss = chen2016.loss(chen2016.WEIGHTS, CONTENT_LAYERS, STYLE_LAYERS, statistic="gram")

    def everywhere(role, picture):
        layers = [probe.removeprefix("region0/") for probe in loss.probes(role) if probe.startswith("region0/")]
        weights = region_weights(np.ones_like(picture[..., :1]), layers)
        return {f"region0/{layer}": weight for layer, weight in weights.items()}

    network = vgg([*STYLE_LAYERS, *CONTENT_LAYERS])
    objective = PixelObjective(loss, Observer(vgg=network), photograph.shape[1:3], everywhere("output", photograph))
    targets = (
        objective.targets(role, picture, everywhere(role, picture))
        for role, picture in (("content", photograph), ("style", style))
    )
    objective.bind({name: target for found in targets for name, target in found.items()})
    return objective


def differences(objective: PixelObjective, loss: Callable, tensor: Callable, pictures: Sequence) -> Iterator[float]:
    """By how much, relatively, values and gradients of the two losses differ."""
    for picture in pictures:
        value, _, gradient = objective(picture)
        expected, slope = torch_evaluation(loss, tensor(picture))
        yield abs(value - expected) / abs(expected)
        yield float(np.linalg.norm(gradient - slope) / np.linalg.norm(slope))


def descend_torch(photograph: np.ndarray, style: np.ndarray, memory_format, scale: float, evaluations: int) -> Descent:
    """Minimize with torch.optim.LBFGS."""
    from train_step import torch

    began = time.perf_counter()
    loss, tensor = torch_objective(photograph, style, memory_format)
    # torch.optim.LBFGS takes contiguous gradients only.
    image = tensor(photograph).clone(memory_format=torch.contiguous_format).requires_grad_()
    optimizer = torch.optim.LBFGS([image], lr=1, history_size=100)
    losses, moments, best = [], [began], None

    def closure():
        nonlocal best
        optimizer.zero_grad()
        value = scale * loss(image.contiguous(memory_format=memory_format))
        value.backward()
        losses.append(value.item() / scale)
        moments.append(time.perf_counter())
        if len(losses) <= evaluations and losses[-1] == np.nanmin(losses):
            best = image.detach().clone()
        return value

    while len(losses) < evaluations:
        optimizer.step(closure)
    losses, moments = losses[:evaluations], moments[: evaluations + 1]
    lowest = int(np.nanargmin(losses))
    return Descent(
        "torch.optim.LBFGS",
        [lowest + 1],
        moments[lowest + 1] - began,
        0.0,
        statistics.median(after - before for before, after in itertools.pairwise(moments)),
        losses[lowest],
        best.permute(0, 2, 3, 1).contiguous().numpy(),
    )


def descend_keras(
    name: str, photograph: np.ndarray, style: np.ndarray, start: int, coarse: int, goal: float, evaluations: int
) -> Descent:
    """Minimize with `optimize` until the goal is reached, or else by so many evaluations at the full size."""
    full = max(photograph.shape[1:3])
    options = PixelOptions(
        statistic="gram", end_size=full, start_size=start, iterations=evaluations + coarse, least_improvement=0.0
    )
    scales: dict[int, list[Progress]] = {}
    ended = None

    def progress(side: int, now: Progress) -> None:
        nonlocal ended
        ended = time.perf_counter()
        steps = scales.setdefault(side, [])
        steps.append(now._replace(image=None))
        if side < full:
            # What stops a scale of `optimize`; its options are the same for all scales.
            least = PixelOptions.least_improvement
            stalled = len(steps) > 1 and steps[-2].value - now.value <= least * steps[-2].value
            done = now.iteration >= coarse or stalled
        else:
            done = now.value <= goal or now.evaluations >= evaluations
        if done:
            raise StopIteration  # By which scipy knows that it shall stop.

    began = time.perf_counter()
    picture = optimize(photograph, [Region([style])], options, progress=progress)
    compilation, evaluation = 0.0, float("nan")
    for steps in scales.values():
        pace = [
            (now.seconds - before.seconds) / (now.evaluations - before.evaluations)
            for before, now in itertools.pairwise(steps)
        ]
        # What the first step took beyond its evaluations.
        evaluation = statistics.median(pace) if pace else float("nan")
        compilation += max(0.0, steps[0].seconds - steps[0].evaluations * evaluation) if pace else 0.0
    counts, loss = [steps[-1].evaluations for steps in scales.values()], steps[-1].value
    return Descent(name, counts, ended - began, compilation, evaluation, loss, picture)


def _print_row(row: Descent, theirs: Descent) -> None:
    counts = "+".join(map(str, row.evaluations))
    ratio, compiled = row.seconds / theirs.seconds, (row.seconds - row.compilation) / theirs.seconds
    print(
        f"{row.name:<27}{counts:>14}{row.seconds:>9.1f}{row.compilation:>11.1f}{row.evaluation:>9.3f}"
        f"{row.loss:>10.5f}{ratio:>8.2f}{compiled:>10.2f}",
        flush=True,
    )


def against_torch(size: int, evaluations: int, coarse: int, style: str) -> list[str]:
    """Compare and print; returns what falls short."""
    from train_step import FORMATS, torch  # Which exits with 2 where PyTorch is missing.

    torch.set_num_threads(THREADS)
    photograph, painted = (resize(Picture(rgb), size).rgb for rgb in (read("sample:astronaut").rgb, painting(style)))
    height, width = photograph.shape[1:3]

    losses = {name: torch_objective(photograph, painted, memory_format) for name, memory_format in FORMATS.items()}
    times = {}
    for name, (loss, tensor) in losses.items():
        trials = []
        for _ in range(3):
            began = time.perf_counter()
            torch_evaluation(loss, tensor(photograph))
            trials.append(time.perf_counter() - began)
        times[name] = min(trials)
    fastest = min(times, key=times.get)

    objective = keras_objective(photograph, painted)
    noise = np.random.default_rng(0).uniform(0, 1, photograph.shape).astype(np.float32)
    # Where a photograph is flat, max pooling has ties, and each passes its gradient to another pixel. A grain breaks
    # them.
    pictures = (photograph + (noise - 0.5) / 255, 0.7 * photograph + 0.3 * noise)
    found = list(differences(objective, *losses[fastest], pictures))
    print(f"{width}x{height}, astronaut in the style of {style}, {THREADS} threads, PyTorch {fastest}", flush=True)
    print(f"value and gradient differ by at most {max(found):.1e}", flush=True)
    if (others := os.getloadavg()[0] - THREADS) > 1:
        print(f"About {others:.0f} other processes want these cores: the times below are no good.", flush=True)
    if not max(found) <= TOLERANCE:
        return [f"value or gradient differ by {max(found):.1e}, more than {TOLERANCE:.0e}"]

    scale = FIRST_VALUE / objective(photograph).value
    theirs = descend_torch(photograph, painted, FORMATS[fastest], scale, evaluations)
    del losses
    side = max(height, width)
    start = min(side // 2, chen2016.SETTINGS["start_size"])
    print(f"{'':<27}{'evaluations':>14}{'s':>9}{'compiling':>11}{'s each':>9}{'loss':>10}{'ratio':>8}{'compiled':>10}")
    _print_row(theirs, theirs)
    reached = []
    for name, first in (("keras_nst, one scale", side), ("keras_nst, coarse to fine", start)):
        ours = descend_keras(name, photograph, painted, first, coarse, theirs.loss, PATIENCE * evaluations)
        # Measured here, so that nothing hangs on what `optimize` says of itself.
        ours = ours._replace(loss=objective(ours.picture).value)
        _print_row(ours, theirs)
        if ours.loss <= theirs.loss * (1 + TOLERANCE_REACHED):
            reached.append(ours.seconds / theirs.seconds)
    clipped = objective(np.clip(theirs.picture, 0, 1)).value
    print(f"PyTorch's picture, clipped to [0, 1] as it is saved, has a loss of {clipped:.5f}.")
    if not reached:
        return [f"neither reached PyTorch's loss in {PATIENCE * evaluations} evaluations"]
    if not min(reached) <= REQUIRED_RATIO:
        return [f"the faster takes {min(reached):.2f} of PyTorch's time, more than {REQUIRED_RATIO}"]
    return []


# --- Against keras.io's example --------------------------------------------------------------------------------------

CONTENT_WEIGHT, STYLE_WEIGHT, VARIATION_WEIGHT, VARIATION_POWER = 2.5e-8, 1e-6, 1e-6, 1.25
RATE, DECAY, DECAY_STEPS, TRIAL = 100.0, 0.96, 100, 40
QUARTER = 4
COARSE_SHARE, STAGES = 0.25, 4
# Where between nothing and the example's content loss ours is aimed, by which power of its miss a stage changes the
# weight, and how much at most.
AIM, POWER, LARGEST_CHANGE = 0.97, 8, 4.0


class Example:
    """The example's loss and its gradient; the targets are arguments, so that a size is compiled once."""

    def __init__(self):
        convolutions = vgg_weights("vgg16")
        self.content = tap("block5_conv2" if "block5_conv2" in convolutions else "block5_conv1")
        self.styles = [tap(f"block{block}_conv1") for block in range(1, 6)]
        taps = dict.fromkeys([*self.styles, self.content])
        self._network = vgg(taps, convolutions=convolutions, padding="zero")
        self._evaluate = value_and_gradient(self._loss)

    def targets(self, photograph: np.ndarray, style: np.ndarray) -> tuple:
        """What is compared with, of pictures of one size."""
        features = self._network(style)
        grams = [ops.convert_to_numpy(self._gram(features[layer])) for layer in self.styles]
        return ops.convert_to_numpy(self._network(photograph)[self.content]), grams

    def evaluate(self, image: np.ndarray, targets: tuple, keeping: float = 1.0, area: float = 1.0) -> Evaluation:
        """Value, terms and gradient at a picture (1, h, w, 3) in [0, 1].

        Args:
            image: The picture.
            targets: As `targets` gives them.
            keeping: What the weight of content is multiplied by.
            area: What content and total variation are multiplied by, which are sums over pixels, for a smaller picture.
        """
        factors = np.float32([area * keeping, area])
        (value, terms), gradient = self._evaluate(np.asarray(image, np.float32), targets, factors)
        terms = {name: float(term) for name, term in terms.items()}
        return Evaluation(float(value), terms, ops.convert_to_numpy(gradient))

    def _loss(self, image, targets, factors):
        wanted, grams = targets
        features = self._network(image)
        size = float(image.shape[1] * image.shape[2])
        content = CONTENT_WEIGHT * ops.sum(ops.square(features[self.content] - wanted))
        distances = [
            ops.sum(ops.square(self._gram(features[layer]) - gram))
            for layer, gram in zip(self.styles, grams, strict=True)
        ]
        style = STYLE_WEIGHT / len(self.styles) * sum(distances) / (4.0 * 3**2 * size**2)
        corner = 255.0 * image[:, :-1, :-1]
        squares = ops.square(corner - 255.0 * image[:, 1:, :-1]) + ops.square(corner - 255.0 * image[:, :-1, 1:])
        variation = VARIATION_WEIGHT * ops.sum(ops.power(squares, VARIATION_POWER))
        value = style + factors[0] * content + factors[1] * variation
        return value, {"gram": style, "content": content, "tv": variation}

    @staticmethod
    def _gram(features):
        flat = ops.reshape(features, (-1, features.shape[-1]))
        return ops.matmul(ops.transpose(flat), flat)


def gradient_descent(
    example: Example, photograph: np.ndarray, targets: tuple, rate: float, steps: int
) -> tuple[np.ndarray, float]:
    """As the example descends, in units of 255; the picture and its loss, infinite where it has left what is finite."""
    image = photograph.copy()
    for step in range(steps):
        value, _, gradient = example.evaluate(image, targets)
        if not np.isfinite(value):
            return image, np.inf
        image -= np.float32(rate * DECAY ** (step / DECAY_STEPS) / 255**2) * gradient
    value = example.evaluate(image, targets).value
    return image, value if np.isfinite(value) else np.inf


def best_rate(example: Example, photograph: np.ndarray, targets: tuple) -> float:
    """The example's rate, or its half, quarter ... as long as that serves it better in a short trial."""
    rate, reached = RATE, gradient_descent(example, photograph, targets, RATE, TRIAL)[1]
    while True:
        lower = gradient_descent(example, photograph, targets, rate / 2, TRIAL)[1]
        if lower >= reached and np.isfinite(reached):
            return rate
        rate, reached = rate / 2, lower


class SpentError(Exception):
    """There are no evaluations left."""


def descend(evaluate: Callable[[np.ndarray], Evaluation], image: np.ndarray, evaluations: int) -> np.ndarray:
    """Minimize with L-BFGS by so many evaluations."""
    spent = 0

    def counted(picture):
        nonlocal spent
        if spent == evaluations:
            raise SpentError
        spent += 1
        return evaluate(picture)

    def keep(now):
        nonlocal image
        image = now.image

    with contextlib.suppress(SpentError):
        lbfgs(counted, image, iterations=evaluations, progress=keep)
    return image


def fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture in another size, its aspect changed."""
    interpolation = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.clip(cv2.resize(picture[0], size[::-1], interpolation=interpolation), 0, 1)[None]


def saved(picture: np.ndarray) -> np.ndarray:
    """The picture in 8 bits."""
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.float32) / 255


def ours_within(
    example: Example, photograph: np.ndarray, style: np.ndarray, theirs: Mapping[str, float], evaluations: int
) -> Evaluation:
    """The example's loss minimized coarse to fine, with content kept within a limit.

    Args:
        example: The loss.
        photograph: What is restyled.
        style: The painting.
        theirs: The terms that the example ended with; its content loss is the limit.
        evaluations: Of all scales and stages, those that only measure included.

    Returns:
        The lowest Gram loss within the limit, and its other terms; where none is, the lowest content loss.
    """
    height, width = photograph.shape[1:3]
    *coarse, _ = sizes(max(height, width), min(max(height, width) // 2, chen2016.SETTINGS["start_size"]))
    # At first content counts as much as the Grams, both as the example left them.
    image, left, limit, keeping = None, evaluations, theirs["content"], theirs["gram"] / theirs["content"]
    for side in coarse:
        sized = resize(Picture(photograph), side).rgb
        size = sized.shape[1:3]
        targets, area = example.targets(sized, fit(style, size)), height * width / (size[0] * size[1])
        share = int(COARSE_SHARE * evaluations / len(coarse))
        start = sized if image is None else fit(image, size)
        image = descend(lambda picture, t=targets, a=area: example.evaluate(picture, t, keeping, a), start, share)
        left -= share
    targets, image = example.targets(photograph, fit(style, (height, width))), fit(image, (height, width))
    ends = []
    for stage in range(STAGES):
        share = left // (STAGES - stage)
        image = descend(lambda picture, k=keeping: example.evaluate(picture, targets, k), image, share - 1)
        ends.append(example.evaluate(saved(image), targets))
        left -= share
        miss = ends[-1].terms["content"] / (AIM * limit)
        keeping *= float(np.clip(miss**POWER, 1 / LARGEST_CHANGE, LARGEST_CHANGE))
    within = [end for end in ends if end.terms["content"] <= limit]
    if within:
        return min(within, key=lambda end: end.terms["gram"])
    return min(ends, key=lambda end: end.terms["content"])


def pairs(paintings: Sequence[str]) -> list[tuple[str, str]]:
    """All pairs of a photograph and a painting, in an order in which a few have many of each."""
    shifts = itertools.product(range(len(paintings)), range(len(PHOTOGRAPHS)))
    return [(PHOTOGRAPHS[index], paintings[(index + shift) % len(paintings)]) for shift, index in shifts]


def against_example(size: int, steps: int, count: int, paintings: Sequence[str]) -> list[str]:
    """Compare and print; returns what falls short."""
    example, failures = Example(), []
    print(f"longest side {size}, {steps} steps against {steps // QUARTER} evaluations, content at {example.content}")
    print(f"{'':<36}{'rate':>7}{'Gram: theirs':>14}{'ours':>10}{'content: theirs':>17}{'ours':>10}{'seconds':>16}")
    for photo, name in pairs(paintings)[:count]:
        photograph = resize(Picture(read(f"sample:{photo}").rgb), size).rgb
        style = painting(name)
        targets = example.targets(photograph, fit(style, photograph.shape[1:3]))
        rate = best_rate(example, photograph, targets)
        moments = [time.perf_counter()]
        image, value = gradient_descent(example, photograph, targets, rate, steps)
        while not np.isfinite(value):
            rate /= 2
            image, value = gradient_descent(example, photograph, targets, rate, steps)
        moments.append(time.perf_counter())
        theirs = example.evaluate(saved(image), targets).terms
        ours = ours_within(example, photograph, style, theirs, steps // QUARTER).terms
        moments.append(time.perf_counter())
        print(
            f"{f'{photo}, {os.path.basename(name)}':<36}{rate:>7.1f}{theirs['gram']:>14.4f}{ours['gram']:>10.4f}"
            f"{theirs['content']:>17.4f}{ours['content']:>10.4f}"
            f"{' against '.join(f'{after - before:.0f}' for before, after in itertools.pairwise(moments)):>16}",
            flush=True,
        )
        if not (ours["gram"] < theirs["gram"] and ours["content"] <= theirs["content"]):
            failures.append(f"{photo} in the style of {name}")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", action="store_true", help="only against torch.optim.LBFGS")
    parser.add_argument("--keras-io", action="store_true", help="only against keras.io's example")
    parser.add_argument("--size", type=int, help="longest side (default: 512 against PyTorch, 128 against keras.io)")
    parser.add_argument("--style", action="append", help="a painting's file; more than one for the pairs of --keras-io")
    parser.add_argument("--evaluations", type=int, default=200, help="of PyTorch (default: %(default)s)")
    parser.add_argument(
        "--coarse", type=int, default=chen2016.SETTINGS["iterations"], help="our steps a coarse scale, at most"
    )
    parser.add_argument("--steps", type=int, default=4000, help="of keras.io's example (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=10, help="with keras.io's example (default: %(default)s)")
    options = parser.parse_args()
    both, paintings, failures = options.torch == options.keras_io, options.style or PAINTINGS, []
    if options.torch or both:
        failures += against_torch(options.size or 512, options.evaluations, options.coarse, paintings[0])
    if options.keras_io or both:
        failures += against_example(options.size or 128, options.steps, options.pairs, paintings)
    print("Falls short: " + "; ".join(failures) if failures else "Holds.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
