"""Kills, interruptions, full disks and too little memory: files are complete, and another run completes the job."""

import contextlib
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference import bad_inputs, clips, nets

from keras_nst.cli import main
from keras_nst.errors import InputError
from keras_nst.files import replacing
from keras_nst.jobs import setups
from keras_nst.models.nets import NETS
from keras_nst.models.saved import MODEL, save_style
from keras_nst.models.styles import load_net, read_card
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.weights import vgg_weights
from keras_nst.pictures.io import read, read_record
from keras_nst.video.clips import inspect, read_frames
from keras_nst.video.writing import carried_sound, join, write_frames

TIMES = int(os.environ.get("KERAS_NST_KILLS", 20))
INTERRUPTED = 130


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Photographs and a style."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "photos").mkdir()
    for number in range(24):
        turned = np.roll(bad_inputs.pixels(), number, axis=1)
        Image.fromarray(turned).resize((240, 180)).save(folder / "photos" / f"{number:02}.png")
    save_style(folder / "style", transfer_net(filters=(4, 4, 8), residual_blocks=1), {})
    return folder


SMALL = Path(__file__).parent / "reference" / "small_jobs.py"


def training(place, out):
    asked = ["--size", "32", "--batch", "2", "--style-size", "32", "--steps", "60", "-o", out / "style"]
    learned = ["--style", place / "photos" / "00.png", "--content", place / "photos"]
    yield [SMALL, "train", *learned, *asked]
    if (out / "style" / "training" / "options.json").exists():
        yield ["--resume"]
    elif (out / "style" / MODEL).exists():  # The style is complete, but the curves of its training were not drawn.
        yield ["--overwrite"]


def trained(out, *, ended):
    if ended or (out / "style" / MODEL).exists():
        load_net(out / "style")
        assert ended <= ("steps" in read_card(out / "style"))
    for path in (out / "style" / "training").glob("[!.]*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def optimization(place, out):
    asked = ["--end-size", "48", "--iterations", "40", "--least-improvement", "0", "--save-every", "2"]
    pair = [place / "photos" / "00.png", place / "photos" / "07.png"]
    yield ["-m", "keras_nst", "optimize", *pair, *asked, "-o", out / "result.png"]


def bulk(place, out):
    yield ["-m", "keras_nst", "stylize", place / "photos", "-s", place / "style", "-o", out]


def pictures(out, *, ended, least=1):
    found = [path for path in out.rglob("[!.]*") if path.is_file() and not hidden(path.relative_to(out))]
    for path in found:
        assert np.isfinite(read(path).rgb).all()
    assert len(found) >= (least if ended else 0)


def hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def export(place, out):
    yield ["-m", "keras_nst", "export", place / "style", "-o", out / "models"]


def exported(out, *, ended):
    import tensorflow as tf

    versions = list((out / "models").glob("style/[0-9]*"))
    for version in versions:
        tf.saved_model.load(str(version))
        json.loads((version / "assets.extra" / "keras_nst.json").read_text())
    assert ended <= bool(versions)
    assert ended <= (out / "models" / "models.config").is_file()


def preparation(place, out):
    for path in (place / "photos").iterdir():
        if not (out / path.name).exists():
            (out / path.name).hardlink_to(path)
    yield [SMALL, "references", out]


def prepared(out, *, ended):
    maps = list((out / ".keras_nst").glob("*/[!.]*"))
    for path in maps:
        assert read_record(path) is None
        assert read(path).rgb.shape[0] == 1
    assert len(maps) == 24 if ended else True


JOBS = {
    "training": (training, trained),
    "optimization": (optimization, pictures),
    "bulk": (bulk, partial(pictures, least=24)),
    "export": (export, exported),
    "preparation": (preparation, prepared),
}


def command(job, place, out) -> list[str]:
    return [sys.executable, *(str(part) for parts in JOBS[job][0](place, out) for part in parts)]


def started(job, place, out):
    return subprocess.Popen(
        command(job, place, out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
        # In a shell's background, these processes would inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def time_of(job, place, out) -> float:
    """The seconds of a complete run, whose results are checked."""
    out.mkdir(exist_ok=True)
    began = time.monotonic()
    process = started(job, place, out)
    _, err = process.communicate()
    assert process.returncode == 0, err
    JOBS[job][1](out, ended=True)
    return time.monotonic() - began


@pytest.mark.slow(minutes=20)
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_ended_at_any_moment_all_is_whole_and_the_next_run_completes(job, sent, place, tmp_path):
    folders = (tmp_path / str(number) for number in itertools.count())
    folder = next(folders)
    lasting = time_of(job, place, folder)
    moments = random.Random(0)
    # Each run starts with what the previous one left, and is interrupted as well, until one may finish.
    ended, completed = 0, True
    while ended < TIMES:
        if completed:
            folder = next(folders)
        folder.mkdir(exist_ok=True)
        process = started(job, place, folder)
        try:
            _, err = process.communicate(timeout=moments.uniform(1, lasting))
        except subprocess.TimeoutExpired:
            process.send_signal(sent)
            _, err = process.communicate()
            ended += 1
        completed = process.returncode == 0
        if not completed:
            assert process.returncode in (-sent, INTERRUPTED), err
            assert "Traceback" not in err
        JOBS[job][1](folder, ended=completed)
    if not completed:
        time_of(job, place, folder)


# Full disks.

WRITING = {
    "stylize": "stylize {photo} -s {style} -o {out}/result.png",
    "sheet": "sheet {photo} -s {style} -o {out}/result.png",
    "saliency": "saliency {photo} -o {out}/result.png",
    "partial": "partial {photo} -s {style} --rect 4,4,90,90 -o {out}/result.png",
    "optimize": "optimize {photo} {photo} --end-size 32 --iterations 1 -o {out}/result.png",
    "optimize, previews": "optimize {photo} {photo} --end-size 32 --iterations 1 --save-every 1 -o {out}/result.png",
    "train": "train --style {photo} --content {photos} --size 32 --batch 1 --style-size 32 --steps 2 -o {out}/style",
    "export": "export {style} -o {out}/models",
    "export to LiteRT": "export {style} -o {out}/models --format litert",
}


@contextlib.contextmanager
def full_disk():
    """Files of more than 1500 bytes cannot be written. By default, this kills the process; here it raises an error."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(NETS, "johnson", nets.SMALL["johnson"])
    narrow = {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}
    monkeypatch.setattr(setups, "vgg_weights", lambda *_: narrow)


def written(template, place, out):
    photo = place / "photos" / "00.png"
    return [
        part.format(photo=photo, photos=place / "photos", style=place / "style", out=out) for part in template.split()
    ]


@pytest.mark.parametrize("template", WRITING.values(), ids=WRITING)
def test_a_disk_that_is_full_is_told_in_one_line(template, place, tmp_path, capfd, small):
    with full_disk():  # The report of the error is shorter.
        code = main(written(template, place, tmp_path))
    refused(code, capfd, tmp_path)


# FFmpeg writes the small one when it closes the file, and begins to write the large one before.
@pytest.mark.parametrize("size", [(64, 48), (640, 480)])
def test_a_disk_that_is_full_while_sound_is_copied_is_no_clip_that_cannot_be_read(tmp_path, size, rng):
    noise = rng.integers(0, 256, (3, *size[::-1], 3), np.uint8)
    clips.write(tmp_path / "clip.mp4", [*noise])
    clip = inspect(tmp_path / "clip.mp4")
    write_frames(tmp_path / "segment", clip, ".mp4", read_frames(clip))
    output = tmp_path / "out.mp4"
    with full_disk(), pytest.raises(InputError, match=r"^Cannot write .*out\.mp4"), replacing(output) as temporary:
        join(temporary, clip, [tmp_path / "segment"], carried_sound(clip, ".mp4")[0])
    assert not output.exists()


@pytest.mark.parametrize("template", WRITING.values(), ids=WRITING)
def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(template, place, tmp_path, capfd, small):
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that even root cannot write to")
    refused(main(written(template, place, "/proc/self")), capfd, tmp_path)


def refused(code, capfd, folder):
    out, err = capfd.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2, err
    assert len(errors) == 1
    assert "Traceback" not in err
    assert "Cannot write" in errors[0]
    assert out == ""
    # An unfinished folder may be there, and the message how to resume.
    assert [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".png", ".keras", ".pb")] == []


def test_standard_output_that_is_full_is_told_in_one_line(place):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parents[1] / "stylize.py"), "--list"],
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1


# Too little memory.


@pytest.mark.parametrize("error", [MemoryError(), OSError(12, "Cannot allocate memory")])
def test_too_little_memory_is_told_in_one_line(place, tmp_path, capfd, monkeypatch, error):
    def read(*_, **__):
        raise error

    monkeypatch.setattr("keras_nst.commands.stylize.read_picture", read)
    assert (
        main(["stylize", str(place / "photos" / "00.png"), "-s", str(place / "style"), "-o", f"{tmp_path}/o.png"]) == 2
    )
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert "memory" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_limit_of_memory_is_told_in_one_line(place, tmp_path):
    Image.fromarray(bad_inputs.pixels()).resize((3000, 2000)).save(tmp_path / "large.png")
    code = (
        # First without a limit: loading a library without memory may crash its C code.
        "import resource, sys, psutil; from keras_nst.cli import main; "
        "main([*sys.argv[1:-1], sys.argv[-1] + '.small.png', '--max-size', '64']); "
        "limit = psutil.Process().memory_info().vms + 100_000_000; "
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit)); "
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["stylize", tmp_path / "large.png", "-s", "starry_night", "-o", tmp_path / "result.png"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "memory" in errors[0]
    assert not (tmp_path / "result.png").exists()


# Interruptions.


@pytest.mark.parametrize(
    ("arguments", "patched", "hint"),
    [
        ("train --style {photo} -o {out}/style", "keras_nst.jobs.learn.learn", "--resume"),
        ("stylize {photos} -s {style} -o {out}", "keras_nst.commands.stylize.pipeline", "continues"),
        ("stylize {photo} -s {style} -o {out}/a.png", "keras_nst.commands.stylize.pipeline", ""),
        ("optimize {photo} {photo} --save-every 1 -o {out}/a.png", "keras_nst.jobs.optimize.optimize", "--init"),
    ],
)
def test_an_interruption_says_how_to_go_on(place, tmp_path, capfd, monkeypatch, arguments, patched, hint):
    def interrupted(*_, progress=None, **__):
        (tmp_path / "style" / "training").mkdir(parents=True)
        (tmp_path / "style" / "training" / "checkpoint.npz").touch()
        if progress:
            from keras_nst.fit.optimizers import Progress

            progress(32, Progress(1, 1, 0.0, {}, 0.0, np.zeros((1, 32, 32, 3), np.float32)))
        raise KeyboardInterrupt

    monkeypatch.setattr(patched, interrupted)
    assert main(written(arguments, place, tmp_path)) == INTERRUPTED
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Interrupted.")]
    assert len(told) == 1
    assert hint in told[0]
    assert hint or told[0] == "Interrupted."
