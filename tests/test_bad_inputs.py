"""Damaged and odd pictures through every command: a correct result, or one line, exit code 2 and no output."""

import contextlib
import functools
import io
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference import bad_inputs
from reference.bad_inputs import BAD, EITHER, GOOD

from keras_nst.cli import main
from keras_nst.fit.optimizers import Progress
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.saved import save_style
from keras_nst.models.transfer_net import transfer_net
from keras_nst.pictures.io import read
from keras_nst.pictures.picture import Picture

ALL, FAILING = {GOOD: GOOD, BAD: BAD, EITHER: EITHER}, {BAD: BAD}
# Options whose file need not be a picture, or may not be used.
UNSURE = {GOOD: EITHER, BAD: EITHER, EITHER: EITHER}
SELECTING = {GOOD: EITHER, BAD: BAD, EITHER: EITHER}

# The command, with "{bad}" for the input, and what is expected for each kind of input; a kind that is missing would
# take hours. "{linked}" is a folder with the input as bad.jpg, model.keras ..., and a good picture.
COMMANDS = {
    "stylize": ("stylize {bad} -s {style} -o {out}/result.png", ALL),
    "stylize from stdin": ("stylize - -s {style} -o {out}/result.png", ALL),
    "stylize, painting": ("stylize {good} -s {bad} -o {out}/result.png", FAILING),
    "sheet": ("sheet {good} {bad} -s {style} -o {out}/result.png", ALL),
    "stylize --protect": ("stylize {good} -s {style} --protect {bad} -o {out}/result.png", SELECTING),
    "stylize a clip": ("stylize {linked}/bad.mp4 -s {style} -o {out}/result.mp4", UNSURE),
    "a style": ("stylize {good} -s {linked} -o {out}/result.png", FAILING | {GOOD: BAD, EITHER: BAD}),
    "export": ("export {linked} -o {out}/models", FAILING | {GOOD: BAD, EITHER: BAD}),
    "optimize": ("optimize {bad} {good} -o {out}/result.png", ALL),
    "optimize, painting": ("optimize {good} {bad} -o {out}/result.png", ALL),
    "optimize --init": ("optimize {good} {good} --init {bad} -o {out}/result.png", ALL),
    "optimize --content-mask": ("optimize {good} {good} --content-mask {bad} -o {out}/result.png", SELECTING),
    "optimize --style-mask": (
        "optimize {good} {good} --content-mask {good} --style-mask {bad} -o {out}/result.png",
        SELECTING,
    ),
    "harmonize": ("harmonize {bad} {object} -o {out}/result.png", ALL),
    "harmonize, object": ("harmonize {good} {bad} --mask {good} -o {out}/result.png", SELECTING),
    "harmonize --mask": ("harmonize {good} {object} --mask {bad} -o {out}/result.png", SELECTING),
    "harmonize --compare": (
        "harmonize {good} {object} --compare label={bad} --report {out}/report -o {out}/result.png",
        FAILING,
    ),
    "partial": ("partial {bad} -s {style} --rect 4,4,20,20 -o {out}/result.png", ALL),
    "partial, painting": ("partial {good} -s {bad} --rect 4,4,20,20 -o {out}/result.png", ALL),
    "partial --mask": ("partial {good} -s {style} --mask {bad} -o {out}/result.png", SELECTING),
    "saliency": ("saliency {bad} -o {out}/result.png", ALL),
    "evaluate, photographs": ("evaluate --model {style} --photos {linked} --style {good}", FAILING),
    "evaluate, painting": ("evaluate --model {style} --photos {photos} --style {bad}", FAILING),
    "train": ("train --style {bad} --content {photos} -o {out}/style", FAILING),
    "train, photographs": ("train --style {good} --content {alone} -o {out}/style", FAILING),
    "train --init": ("train --style {good} --content {photos} --init {linked} -o {out}/style", FAILING),
    "client": ("client localhost:8501 {bad} -o {out}/result.png", ALL),
    "frames": ("frames {bad} -o {out}/frames", UNSURE),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Good pictures and a style."""
    folder = tmp_path_factory.mktemp("place")
    picture = Image.fromarray(bad_inputs.pixels())
    (folder / "photos").mkdir()
    for path in ("good.png", "photos/1.png", "photos/2.png"):
        picture.save(folder / path)
    # A cut-out disc.
    rows, columns = np.mgrid[:20, :20] - 10
    alpha = np.uint8(255 * (rows**2 + columns**2 < 60))[..., None]
    Image.fromarray(np.concatenate([bad_inputs.pixels()[:20, :20], alpha], axis=-1)).save(folder / "object.png")
    save_style(folder / "style", transfer_net(filters=(4, 4, 8), residual_blocks=1), {})
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Replace slow jobs by ones that return their input."""

    def restyled(picture, *arguments, progress):
        picture = arguments[0] if isinstance(arguments[0], np.ndarray) else picture
        progress(36, Progress(1, 1, 0.0, {}, 0.0, picture))
        return picture

    class Served:
        def __init__(self, *_, **__):
            pass

        def __call__(self, picture):
            return Picture(1 - picture.rgb, picture.alpha)

    monkeypatch.setattr("keras_nst.jobs.optimize.optimize", restyled)
    monkeypatch.setattr("keras_nst.jobs.harmonize.harmonize", restyled)
    monkeypatch.setattr("keras_nst.infer.served.ServedStyle", Served)
    monkeypatch.setattr("keras_nst.infer.stylizer.Stylizer", functools.cache(Stylizer))


# Pillow does not close a file that cannot be read.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("command", COMMANDS)
def test_odd_inputs(command, place, tmp_path, capfd, monkeypatch):
    run_all(command, bad_inputs.odd(folder(tmp_path)), place, tmp_path, capfd, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_truncated_inputs(command, place, tmp_path, capfd, monkeypatch):
    run_all(command, bad_inputs.truncated(folder(tmp_path)), place, tmp_path, capfd, monkeypatch)


def test_the_corpus_is_large(tmp_path):
    cases = [*bad_inputs.odd(folder(tmp_path / "odd")), *bad_inputs.truncated(folder(tmp_path / "cut"))]
    assert len({case.name for case in cases}) == len(cases) >= 60 + 54


def folder(path: Path) -> Path:
    made = path / "inputs"
    made.mkdir(parents=True)
    return made


def run_all(command, cases, place, tmp_path, capfd, monkeypatch):
    template, expected = COMMANDS[command]
    wrong = {}
    for number, case in enumerate(cases):
        if case.kind not in expected:
            continue
        if "stdin" in command:
            if not os.path.isfile(case.path) or case.name == "unreadable":
                continue
            with case.path.open("rb") as file:
                monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(file.read())}))
        out = tmp_path / f"out{number}"
        out.mkdir()
        names = {"bad": case.path, "out": out, "style": place / "style", "good": place / "good.png"}
        names |= {"object": place / "object.png", "photos": place / "photos"}
        linked, alone = tmp_path / f"linked{number}", tmp_path / f"alone{number}"
        for links, targets in (
            (linked, {"bad.jpg": case.path, "good.png": names["good"], "model.keras": case.path, "bad.mp4": case.path}),
            (alone, {"bad.jpg": case.path}),
        ):
            links.mkdir()
            for link, target in targets.items():
                with contextlib.suppress(OSError):  # The path may be too long.
                    (links / link).symlink_to(target)
        names |= {"linked": linked, "alone": alone}
        before = tree(tmp_path)
        arguments = [part.format(**names) for part in template.split()]
        found = told(arguments, capfd)
        if problem := judged(*found, expected[case.kind], out, before, tmp_path):
            wrong[case.name] = problem
    assert not wrong, "\n".join(f"{name}: {problem}" for name, problem in wrong.items())


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def told(arguments, capfd):
    """Exit code or exception; stdout and stderr, including those of C code; and warnings."""
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as warned, limited(30):
        warnings.simplefilter("always")
        try:
            code = main(arguments)
        except Exception as error:
            code = error
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("Using VGG16")]
    # Python would show them.
    shown = [str(one.message) for one in warned if issubclass(one.category, UserWarning | RuntimeWarning)]
    return code, out, lines, shown


@contextlib.contextmanager
def limited(seconds):
    def end(*_):
        raise TimeoutError(f"no end after {seconds} s")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def judged(code, out, lines, warned, expected, folder, before, everything) -> str | None:
    """What is wrong with an outcome."""
    if isinstance(code, Exception):
        return f"raised {code!r}"
    if code not in {GOOD: (0,), BAD: (2,), EITHER: (0, 2)}[expected]:
        return f"code {code}, {lines}"
    if warned:
        return f"warned {warned}"
    if code == 2:
        if len(lines) != 1 or not lines[0].startswith("error: ") or out:
            return f"told {lines}, {out!r}"
        if tree(everything) != before:
            return f"left {sorted(set(tree(everything)) ^ set(before))}"
        return None
    if (folder / "result.png").exists() and not np.isfinite(read(folder / "result.png").rgb).all():
        return "not finite"
    return None if list(folder.iterdir()) else "nothing written"
