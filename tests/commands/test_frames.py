import cv2
import numpy as np
import pytest
from PIL import Image
from reference import clips

from keras_nst.cli import main
from keras_nst.pictures.io import read, read_record
from keras_nst.pictures.picture import resize

RATE = 10


@pytest.fixture(scope="module")
def scenes():
    """Three pictures of the film's size, uint8."""
    pictures = (resize(read(f"sample:{name}"), 400).rgb for name in ("astronaut", "chelsea", "coffee"))
    return [np.rint(255 * picture[0, 50:146, 50:210]).astype(np.uint8) for picture in pictures]


@pytest.fixture
def here(tmp_path, monkeypatch, scenes):
    """A working directory with a film of three scenes of 2 s, and files that are not films."""
    monkeypatch.chdir(tmp_path)
    film = cv2.VideoWriter("film.avi", cv2.VideoWriter_fourcc(*"MJPG"), RATE, scenes[0].shape[1::-1])
    for scene in scenes:
        for _ in range(2 * RATE):
            film.write(scene[..., ::-1])
    film.release()
    whole = (tmp_path / "film.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.avi").write_bytes(b"")
    cv2.imwrite("picture.jpg", scenes[0])
    return tmp_path


def test_scenes_of_a_film_of_variable_rate_are_found_by_the_time(here):
    """Two scenes of 10 s with 3 frames each, then eight of 1.2 s with 6."""
    noise = np.random.default_rng(0)
    pictures, stamps, now = [], [], 0
    for number in range(10):
        scene = np.kron(noise.integers(0, 256, (6, 8, 3), np.uint8), np.ones((12, 12, 1), np.uint8))
        count, seconds = (3, 10.0) if number < 2 else (6, 1.2)
        for place in range(count):
            pictures.append(scene)
            stamps.append(round(30_000 * (now + seconds * place / count)))
        now += seconds
    clips.write(here / "vfr.mp4", pictures, sound=None, stamps=stamps)
    assert main(["frames", "vfr.mp4", "-o", "found"]) == 0
    assert len(list((here / "found").iterdir())) == 10


def test_frames_that_would_be_shrunk_too_far_are_told(here, capfd):
    assert main(["frames", "film.avi", "-o", "small", "--max-size", "20"]) == 2
    assert "160 x 96 pixels shrunk to 20" in capfd.readouterr().err
    assert not (here / "small").exists()


def test_an_animation_is_a_film(here, scenes):
    first, *others = map(Image.fromarray, scenes)
    first.save("moving.webp", save_all=True, append_images=others, duration=2000)
    assert main(["frames", "moving.webp", "-o", "found"]) == 0
    assert len(list((here / "found").iterdir())) == 3


def test_each_scene_gives_one_frame_named_by_its_number(here, capfd, scenes):
    assert main(["frames", "film.avi", "-o", "new/frames"]) == 0
    files = sorted((here / "new/frames").iterdir())
    assert [file.name for file in files] == [f"film-{number:06}.jpg" for number in (0, 20, 40)]
    for file, scene in zip(files, scenes, strict=True):
        assert np.abs(255 * read(file).rgb[0] - scene).mean() < 4  # JPEG twice.
    assert read_record(files[1])["frame"] == 20
    assert capfd.readouterr().out == "new/frames  3 of 6 frames\n"


def test_thresholds_interval_and_size_are_taken(here, capfd):
    assert main(["frames", "film.avi", "-o", "all", "--every", "0", "--ssim", "1", "--psnr", "1000"]) == 0
    # JPEG maps equal frames to equal frames.
    assert capfd.readouterr().out == "all  3 of 60 frames\n"
    assert main(["frames", "film.avi", "-o", "small", "--every", "3", "--max-size", "80"]) == 0
    assert [file.name for file in sorted((here / "small").iterdir())] == ["film-000000.jpg", "film-000030.jpg"]
    assert read(here / "small/film-000000.jpg").rgb.shape == (1, 48, 80, 3)


def test_of_a_film_cut_short_the_frames_that_are_there_are_kept_and_it_is_told(here, capfd):
    assert main(["frames", "cut.avi", "-o", "frames"]) == 0
    captured = capfd.readouterr()
    assert (here / "frames/cut-000000.jpg").is_file()
    assert captured.err.count("\n") == 1
    assert "cut short" in captured.err


def test_frames_of_another_run_are_not_mixed_in(here, capfd):
    (here / "frames").mkdir()
    for other in ("film-wave.mp4", "film-2-000000.jpg"):
        (here / "frames" / other).touch()
    assert main(["frames", "film.avi", "-o", "frames"]) == 0
    capfd.readouterr()
    assert main(["frames", "film.avi", "-o", "frames", "--ssim", "0.5"]) == 2
    assert "already holds frames of film" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.mp4", "-o", "frames"], "nowhere.mp4"),
        (["text.mp4", "-o", "frames"], "text.mp4"),
        (["empty.avi", "-o", "frames"], "empty.avi"),
        (["picture.jpg", "-o", "frames"], "picture.jpg"),
        (["film.avi", "-o", "text.mp4"], "text.mp4"),
        (["film.avi", "-o", "frames", "--ssim", "1.5"], "from 0 to 1"),
        (["film.avi"], "--output"),
    ],
)
def test_bad_input_is_one_line_and_code_2_and_leaves_nothing(here, capfd, arguments, told):
    before = sorted(here.rglob("*"))
    assert main(["frames", *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert told in captured.err
    assert sorted(here.rglob("*")) == before
