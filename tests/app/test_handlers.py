"""The handlers of the page's events, as functions."""

import base64
import contextlib
import errno
import re
import shutil
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_nst.app import parts
from keras_nst.app.harmonize import HarmonizeTab, Scene
from keras_nst.app.limits import Limits
from keras_nst.app.live import LiveTab
from keras_nst.app.partial import PartialTab
from keras_nst.app.selection import Selection
from keras_nst.app.selector import Selector
from keras_nst.app.stylize import StylizeTab
from keras_nst.app.workshop import Workshop
from keras_nst.errors import InputError
from keras_nst.fit.optimizers import Progress
from keras_nst.infer.stylizer import Stylizer
from keras_nst.models import painter
from keras_nst.models.saved import CODE, PREVIEW
from keras_nst.models.styles import styles
from keras_nst.options import StylizeOptions
from keras_nst.pictures.color import keep_color
from keras_nst.pictures.io import read, read_record, write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.sheet import PREVIEW_ROW, contact_sheet
from keras_nst.select.masks import feather, overlay
from keras_nst.select.paste import place

gr = pytest.importorskip("gradio")
ROUNDING = 0.51 / 255
VISITOR = SimpleNamespace(session_hash="one")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "no picture yet"),
        ("", "no picture yet"),
        ("/etc/passwd", "not here any more"),
        ("../own-sibling.png", "not here any more"),
        ("sample:astronaut", "not here any more"),
    ],
)
def test_only_the_own_folder_is_read(workshop, path, message):
    with pytest.raises(InputError, match=message):
        workshop.take_in(path)


def test_a_link_out_of_the_folder_is_not_followed(workshop, tmp_path, home):
    (tmp_path / "own" / "link.png").symlink_to(home / "halves.png")
    with pytest.raises(InputError, match="not here any more"):
        workshop.take_in(str(tmp_path / "own" / "link.png"))


def test_messages_about_pictures_do_not_tell_where_they_lie(workshop, uploaded, tmp_path):
    with pytest.raises(InputError) as refused:
        workshop.take_in(uploaded(b"not a picture"))
    assert str(tmp_path) not in str(refused.value)


def test_a_picture_is_taken_in_no_larger_than_the_limit(tmp_path, uploaded):
    workshop = Workshop(tmp_path / "own", limits=Limits(side=64))
    path, about = workshop.take_in(uploaded("halves.png", "my <b>holiday<b> & more.png"))
    assert read(path).rgb.shape == (1, 48, 64, 3)
    assert (Path(path).name, about) == ("my-b-holiday-b-more.png", "64 × 48 pixels")
    with pytest.raises(InputError, match="limit of 100"):
        Workshop(tmp_path / "own", limits=Limits(pixels=100)).take_in(uploaded("halves.png"))


def test_a_photograph_is_stylized_as_by_the_command(stylize, uploaded, tmp_path):
    photo = uploaded("painting.png", "photo.png")
    (before, after), note, download, latest = stylize(photo, strength=0.5, color="keep")
    picture = read(photo)
    full = keep_color(Stylizer("tiny")(picture).rgb, picture.rgb)
    np.testing.assert_allclose(read(after).rgb, (picture.rgb + full) / 2, atol=ROUNDING)
    assert before == photo
    assert Path(after).name == "photo-tiny.png"
    assert download["value"] == after
    assert latest == (photo, after)
    assert note.startswith("Tiny, 128 × 96 pixels, 0.0 MB")
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == Path(after).read_bytes()
    assert read_record(kept)["strength"] == 0.5


def test_the_subject_is_protected(stylize, uploaded):
    photo = uploaded("object.png")
    (_, after), *_ = stylize(photo, protect="saliency", least=0.0)
    picture, result, full = read(photo).rgb, read(after).rgb, Stylizer("tiny")(read(photo)).rgb
    np.testing.assert_allclose(result[0, 44:52, 60:68], picture[0, 44:52, 60:68], atol=ROUNDING)
    np.testing.assert_allclose(result[0, :8, :8], full[0, :8, :8], atol=ROUNDING)


def test_a_photograph_without_a_subject_is_told_so(workshop, stylize, uploaded, monkeypatch):
    monkeypatch.setattr(workshop, "mask", lambda selection: np.zeros((1, 96, 128, 1), np.float32))
    with pytest.raises(InputError, match="Nothing to protect was found in the photograph"):
        stylize(uploaded("painting.png"), protect="subject")


def test_only_a_new_photograph_or_style_takes_a_net(stylize, uploaded, monkeypatch):
    photo, asked = uploaded("painting.png"), []
    net = Stylizer("tiny")

    def counted(*arguments, **settings):
        asked.append(arguments)
        return net(*arguments, **settings)

    monkeypatch.setattr("keras_nst.jobs.stylize.stylizer", lambda styles, shares=None: counted)
    for settings in ({}, {"strength": 0.5}, {"color": "only"}, {"protect": "saliency"}, {"suffix": "jpg"}):
        stylize(photo, **settings)
    assert len(asked) == 1
    stylize(uploaded("object.png", "other.png"))
    assert len(asked) == 2


def test_larger_strokes_are_those_of_a_smaller_picture(stylize, uploaded):
    photo = uploaded("painting.png")
    (_, after), *_ = stylize(photo, stroke=2)
    expected = Stylizer("tiny")(read(photo), painted_size=64).rgb
    np.testing.assert_allclose(read(after).rgb, expected, atol=ROUNDING)
    assert read_record(after)["stroke"] == 2
    for wrong in (0.5, 4, "large", None):
        with pytest.raises(InputError, match="The size of strokes"):
            stylize(photo, stroke=wrong)


def test_two_styles_are_blended_by_the_share_of_the_second(stylize, uploaded):
    photo = uploaded("painting.png")
    (_, after), note, *_ = stylize(photo, second="starry_night", share=0.25)
    first, second = (Stylizer(style)(read(photo)).rgb for style in ("tiny", "starry_night"))
    np.testing.assert_allclose(read(after).rgb, 0.75 * first + 0.25 * second, atol=ROUNDING)
    assert Path(after).name == "upload-tiny-starry_night.png"
    assert note.startswith("Tiny + Starry night")


FULL = OSError(errno.ENOSPC, "No space left on device")


def half(path, content):
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
    raise FULL


def test_on_a_full_disk_nothing_is_half_written_or_tells_where(workshop, stylize, uploaded, tmp_path, monkeypatch):
    photo = uploaded("painting.png")
    before = sorted(tmp_path.rglob("*"))
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        for write in (lambda: workshop.take_in(photo), lambda: stylize(photo)):
            with pytest.raises(InputError, match="cannot keep") as told:
                write()
            assert str(tmp_path) not in str(told.value)
    with monkeypatch.context() as full:
        full.setattr(zipfile.ZipFile, "write", lambda archive, path, name: half(archive.filename, bytes(99)))
        with pytest.raises(InputError, match="cannot keep"):
            workshop.files.pack([photo])
    assert sorted(tmp_path.rglob("*")) == before
    with monkeypatch.context() as full:
        full.setattr(shutil, "copyfile", lambda source, path: half(path, bytes(99)))
        with pytest.raises(InputError, match="cannot keep"):
            stylize(photo)
    assert [*(tmp_path / "kept").iterdir()] == []


def test_tuning_is_shown_and_told_and_stopped(workshop, uploaded, monkeypatch):
    """With a stand-in of a hundred steps."""
    tuned = []

    def tune(painting, seconds, *, progress):
        for step in range(101):
            progress(step / 100)
            tuned.append((painting, seconds, step))
            time.sleep(0.1)

    monkeypatch.setattr("keras_nst.jobs.tune.tune", tune)
    monkeypatch.setattr(workshop, "_check_style", lambda style: None)
    monkeypatch.setattr(workshop, "tiles", lambda path, styles, side: iter([(0, workshop.picture(path))]))
    tab, told = StylizeTab(workshop), []
    painting, photo = uploaded("painting.png"), uploaded("halves.png", "halves.png")
    for note in tab.tune(VISITOR, photo, painting):
        told.append(note)
        if len(told) == 4:
            tab._tuning.stop(VISITOR)
    shown = read(base64.b64decode(re.search(r"base64,([^\"]*)", told[3])[1])).rgb
    assert np.abs(shown - read(photo).rgb).mean() < 0.02
    assert re.search(r"\d %, about \d+ s left", told[3])
    assert told[-1] == "Stopped. What was learned so far is kept."
    assert tuned[0][:2] == (painting, 600)
    workshop.close()
    assert tuned[-1][2] < 100


def test_a_photograph_is_painted_by_its_pixels_in_view(tmp_path, uploaded):
    tab = StylizeTab(Workshop(tmp_path / "own", limits=Limits(seconds=0)))  # A step at each scale.
    photo, painting = uploaded("painting.png"), uploaded("halves.png", "other.png")
    *shown, ((before, after), note, _, latest) = tab.paint(VISITOR, photo, None, painting)
    assert len(shown) >= 1
    assert latest == (before, after) == (photo, after)
    assert note.startswith("Painted in")
    assert read(after).rgb.shape == read(photo).rgb.shape
    assert np.abs(read(after).rgb - read(photo).rgb).mean() > 0.02
    assert read_record(after)["recipe"] == "kolkin2022"


@pytest.mark.parametrize(("photo", "style"), [(None, "other.png"), ("photo.png", "tiny"), ("photo.png", None)])
def test_painting_by_pixels_needs_a_photograph_and_a_painting(workshop, photo, style):
    with pytest.raises(InputError, match="your own painting"):
        next(StylizeTab(workshop).paint(VISITOR, photo, None, style))


def test_painting_by_pixels_takes_only_what_was_uploaded(workshop, uploaded):
    with pytest.raises(InputError, match="not here any more"):
        next(StylizeTab(workshop).paint(VISITOR, uploaded("painting.png"), None, "/etc/passwd"))


def test_each_tile_shows_the_photograph_in_its_style(workshop, uploaded, home):
    photo = uploaded("painting.png")
    sheets = list(StylizeTab(workshop).show_tiles(photo, []))
    assert len(sheets) == len(styles())
    number = [*styles()].index("tiny") + 1
    encoded = re.search(rf"#stylize-style label:nth-of-type\({number}\) .*?base64,([^)]*)\)", sheets[-1])[1]
    expected = Stylizer("tiny")(read(photo)).rgb
    assert np.abs(read(base64.b64decode(encoded)).rgb - expected).mean() < 0.04  # What JPEG loses.


def test_a_style_that_is_learned_or_removed_meanwhile_shifts_no_tile(workshop, uploaded, home, monkeypatch):
    tab, before = StylizeTab(workshop), [*styles()]
    now = {"a_new_one": home, **{name: folder for name, folder in styles().items() if name != before[0]}}
    monkeypatch.setattr("keras_nst.app.workshop.styles", lambda: now)
    monkeypatch.setattr("keras_nst.jobs.stylize.in_styles", lambda picture, names: enumerate(names))
    monkeypatch.setattr("keras_nst.app.stylize.tile", lambda number, name, _: f"{number}: {name};")
    *_, sheet = tab.show_tiles(uploaded("painting.png"), [])
    shown = [f"{number}: {name};" for number, name in enumerate(before, 1)]
    assert sheet == f"<style>{''.join(shown[1:])}</style>"


def test_an_own_painting_that_is_gone_leaves_the_other_tiles_where_they_are(workshop, uploaded, home, monkeypatch):
    tab, photo = StylizeTab(workshop), uploaded("painting.png")
    monkeypatch.setattr("keras_nst.app.workshop.styles", lambda: {"tiny": home / "saved_models" / "tiny"})
    own = [workshop.take_in_painting(uploaded("halves.png", f"{name}.png")) for name in ("gone", "there")]
    Path(own[0]).unlink()
    *_, sheet = tab.show_tiles(photo, own)
    shown = dict(re.findall(r"nth-of-type\((\d+)\) .*?base64,([^)]*)\)", sheet))
    count = len(styles())
    assert set(map(int, shown)) == {[*styles()].index("tiny") + 1, count + 2}
    ((_, expected),) = workshop.tiles(photo, own[1:])
    assert np.abs(read(base64.b64decode(shown[str(count + 2)])).rgb - expected.rgb).mean() < 0.04  # What JPEG loses.


def test_a_visitors_paintings_are_there_again_and_blended(workshop, stylize, uploaded):
    tab, photo = StylizeTab(workshop), uploaded("painting.png")
    painting = workshop.take_in_painting(uploaded("halves.png", "halves.png"))
    own, picker, second = tab.recall_paintings([painting, "/etc/passwd"], "tiny", "")
    assert own == [painting]
    assert picker["choices"][-1] == second["choices"][-1] == ("Halves", painting)
    (sheet,) = tab.show_tiles(None, own)
    (tile,) = re.findall(rf"nth-of-type\({len(styles()) + 1}\) .*?base64,([^)]*)\)", sheet)
    assert np.abs(read(base64.b64decode(tile)).rgb - read(painting).rgb).mean() < 0.04  # What JPEG loses.
    _, note, *_ = stylize(photo, second=painting)
    assert note.startswith("Tiny + Halves")


def test_a_painting_that_is_gone_is_no_longer_among_the_styles(workshop, uploaded):
    tab, first = StylizeTab(workshop), next(iter(styles()))
    gone, there = (workshop.take_in_painting(uploaded("halves.png", f"{name}.png")) for name in ("gone", "there"))
    assert tab.forget([gone, there], gone, there) == (gr.skip(),) * 3
    Path(gone).unlink()
    own, picker, second = tab.forget([gone, there], gone, gone)
    assert own == [there]
    for offer in (picker, second):
        assert offer["choices"][-1] == ("There", there)
        assert gone not in dict(offer["choices"]).values()
    assert (picker["value"], second["value"]) == (first, "")
    assert not any("value" in offer for offer in tab.recall_paintings(own, there, "tiny")[1:])


def test_a_painting_that_is_deleted_while_the_tiles_are_made_is_left_out(workshop, uploaded):
    own = [workshop.take_in_painting(uploaded("halves.png", f"{name}.png")) for name in ("first", "second")]
    tiles = workshop.tiles(uploaded("painting.png"), [*own, "tiny"])
    assert next(tiles)[0] == 0
    Path(own[1]).unlink()
    assert [place for place, _ in tiles] == [2]


@pytest.mark.parametrize("size", [(1600, 80), (80, 1600)])
def test_the_tiles_of_a_strip_are_wide_enough_to_be_painted(workshop, uploaded, tmp_path, rng, size):
    Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / "strip.png")
    photo = uploaded((tmp_path / "strip.png").read_bytes(), "strip.png")
    tiles = dict(workshop.tiles(photo, ["tiny", "udnie"]))
    assert [tiles[place].rgb.shape for place in range(2)] == [(1, size[0] // 5, size[1] // 5, 3)] * 2


def test_warming_up_gives_way_to_visitors(workshop, monkeypatch):
    done = []

    def warming():
        for task in range(3):
            done.append(task)
            yield True

    monkeypatch.setattr(workshop, "_warming", warming)
    with workshop.turns.at(0):
        thread = threading.Thread(target=workshop.warm_up)
        thread.start()
        time.sleep(0.5)
        assert done == [0]
    thread.join()
    assert done == [0, 1, 2]


def test_a_photograph_is_opened_once(workshop, uploaded):
    tab = StylizeTab(workshop)
    path, opened, shown, before = tab.open(uploaded("painting.png"))
    assert path == opened == shown
    assert before == ""
    assert workshop.files.took_in(path)
    assert [change["__type__"] for change in tab.open(path)] == ["update"] * 4
    assert tab.open(None) == (None, None, None, "")


def test_only_a_painting_of_a_visitor_can_be_tuned(workshop):
    for style in ("tiny", None, ""):
        with pytest.raises(InputError, match="own painting"):
            next(StylizeTab(workshop).tune(VISITOR, None, style))
    with pytest.raises(InputError, match="no such style"):
        list(StylizeTab(workshop).tune(VISITOR, None, "/etc/passwd"))


def test_a_painting_without_a_style_is_told_without_where_it_lies(workshop, stylize, uploaded, tmp_path):
    Image.new("RGB", (64, 48), "gray").save(tmp_path / "plain.png")
    photo, plain = uploaded("painting.png"), uploaded((tmp_path / "plain.png").read_bytes(), "plain.png")
    plain, _ = workshop.take_in(plain)
    for ask in (
        lambda: stylize(photo, style=plain),
        lambda: list(StylizeTab(workshop).tune(VISITOR, photo, plain)),
    ):
        with pytest.raises(InputError, match=r"^plain[.]png has one color everywhere"):
            ask()


def test_a_painting_without_a_style_is_not_added(workshop, uploaded, tmp_path):
    Image.new("RGB", (64, 48), "gray").save(tmp_path / "plain.png")
    plain = (tmp_path / "plain.png").read_bytes()
    for content, told in ((plain, "has one color everywhere"), (plain[:60], "damaged"), (b"none", "not a picture")):
        painting = uploaded(content)
        with pytest.raises(InputError, match=told) as refused:
            StylizeTab(workshop).add(painting, [], "")
        assert str(tmp_path) not in str(refused.value)
        assert [*(tmp_path / "own").iterdir()] == [Path(painting)]


def test_a_painting_is_added_within_the_limits(tmp_path, uploaded):
    workshop = Workshop(tmp_path / "own", limits=Limits(side=64))
    first, _ = workshop.take_in(uploaded("object.png", "before.png"))
    own, picker, second = StylizeTab(workshop).add(painting := uploaded("halves.png", "halves.png"), [first], "")
    assert (own[0], picker["value"]) == (first, own[1])
    assert picker["choices"][-2:] == second["choices"][-2:] == [("Before", first), ("Halves", own[1])]
    np.testing.assert_allclose(read(own[1]).rgb, read(painting, max_size=64).rgb, atol=ROUNDING)
    with pytest.raises(InputError, match="limit of 100"):
        Workshop(tmp_path / "own", limits=Limits(pixels=100)).take_in_painting(painting)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of the user who runs the server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "ask",
    [
        lambda workshop, photo, painting: workshop.stylizer(painting),
        lambda workshop, photo, painting: workshop.stylizer(painting, fast=True),
        lambda workshop, photo, painting: workshop.painted(photo, StylizeOptions(style=["tiny", painting], stroke=1)),
        lambda workshop, photo, painting: list(workshop.tiles(photo, [painting])),
    ],
    ids=["stylizer", "fast", "painted", "tiles"],
)
def test_the_style_of_a_visitors_painting_lies_beside_it(workshop, uploaded, cache, ask):
    painting, photo = workshop.take_in_painting(uploaded("halves.png")), uploaded("painting.png")
    ask(workshop, photo, painting)
    assert len([*Path(painting).parent.rglob(CODE)]) == 1
    assert not cache.exists()


def test_a_visitors_tuning_changes_no_other_visitors_style(workshop, stylize, uploaded, cache, monkeypatch):
    """With a stand-in for the tuning."""

    def tune(painting, seconds, *, progress):
        folder = painter.style_of(painting)
        painter.keep(folder, np.load(folder / CODE) + 1, painting, tuned=seconds)

    monkeypatch.setattr("keras_nst.jobs.tune.tune", tune)
    photo = uploaded("painting.png")
    paintings = [workshop.take_in_painting(uploaded("halves.png")) for _ in range(2)]
    before = [read(stylize(photo, style=painting)[-1][1]).rgb for painting in paintings]
    workshop.tune(paintings[0], lambda done, _: None)
    after = [read(stylize(photo, style=painting)[-1][1]).rgb for painting in paintings]
    np.testing.assert_array_equal(before[1], before[0])
    np.testing.assert_array_equal(after[1], before[1])
    assert np.abs(after[0] - before[0]).max() > 0.02
    assert not cache.exists()


def test_what_is_protected_is_shown_before(workshop, uploaded):
    photo, tab = uploaded("object.png"), StylizeTab(workshop)
    shown = read(tab.show(photo, "subject")).rgb
    expected = overlay(read(photo).rgb, workshop.mask(Selection(photo, begin="subject")))
    assert np.abs(shown - expected).mean() < 0.02  # The preview is a JPEG.
    assert tab.show(photo, "no") is None
    assert tab.show(None, "subject") is None


def test_a_style_is_asked_for_by_name_only(workshop, home):
    with pytest.raises(InputError, match="no such style"):
        workshop.stylizer(str(home / "saved_models" / "tiny"))


@pytest.fixture
def scene(workshop, uploaded):
    """The disc in the left half of the painting."""
    _, selection, _ = Selector(workshop, "object").open(uploaded("object.png", "disc.png"), 12)
    _, painting, x, y = HarmonizeTab(workshop).open(uploaded("painting.png", "night.png"))
    assert (x, y) == (64, 48)
    return Scene(selection, painting, 40, 50, 40, 0)


def test_the_stage_shows_the_object_by_itself(workshop, scene):
    tab = HarmonizeTab(workshop)
    stage = tab.stage(*scene)
    assert {name: stage[name] for name in ("x", "y", "size", "turn")} == {"x": 40, "y": 50, "size": 40, "turn": 0}
    cut = read(base64.b64decode(stage["object"].partition(",")[2]))
    assert cut.rgb.shape == pytest.approx((1, 44, 44, 3), abs=2)
    assert cut.alpha.mean() == pytest.approx(np.pi / 4, abs=0.05)
    np.testing.assert_allclose(cut.rgb[0, 22, 22], np.array((200, 40, 40)) / 255, atol=0.01)
    assert tab.stage(*scene._replace(selection=None))["object"] == ""


def test_an_object_is_harmonized_in_view(workshop, scene):
    tab = HarmonizeTab(workshop)
    shown = list(tab.harmonize(VISITOR, "auto", "draft", *scene))
    (before, after), note, _ = shown[-1]
    assert len(shown) > 2
    assert note.startswith("Done in")
    painting, pasted, result = (read(path).rgb for path in (scene.painting, before, after))
    _, mask = place(painting, painting, workshop.mask(scene.selection), (40, 50), share=0.4)
    outside = feather(np.float32(mask > 0.5), 2.0)[..., 0] == 0
    np.testing.assert_array_equal(result[outside], painting[outside])
    assert np.abs(result[mask[..., 0] > 0.5] - pasted[mask[..., 0] > 0.5]).mean() > 0.05
    assert read_record(after)["quality"] == "draft"


@pytest.fixture
def taken(monkeypatch):
    """The steps taken by a stand-in for the minimization that changes nothing and would take a thousand."""
    steps = []

    def harmonize(painting, composite, mask, options, *, progress):
        with contextlib.suppress(StopIteration):
            for step in range(1, 1001):
                steps.append(step)
                progress(128, Progress(step, step, 1.0, {}, 0.0, composite))
                time.sleep(0.01)
        return composite

    monkeypatch.setattr("keras_nst.jobs.harmonize.harmonize", harmonize)
    return steps


def test_a_visitor_stops_what_is_the_visitors(workshop, scene, taken):
    tab = HarmonizeTab(workshop)
    running = tab.harmonize(VISITOR, "auto", "draft", *scene)
    next(running)
    tab.watching.stop(SimpleNamespace(session_hash="another"))
    next(running)
    tab.watching.stop(VISITOR)
    *_, (_, note, _) = running
    assert note.startswith("Stopped")
    time.sleep(0.1)
    assert 0 < taken[-1] < 1000


def test_what_waits_for_its_turn_is_stopped_too(workshop, scene, taken):
    tab = HarmonizeTab(workshop)
    tab.watching.begin(VISITOR)
    tab.watching.stop(VISITOR)
    *_, (_, note, download) = tab.harmonize(VISITOR, "auto", "draft", *scene)
    assert note.startswith("Stopped")
    assert read(download["value"]).rgb.shape == (1, 96, 128, 3)  # What there is can be taken.
    assert not taken
    *_, (_, note, _) = tab.harmonize(VISITOR, "0.5", "draft", *scene)
    assert note.startswith("Done")


def test_who_leaves_stops_it_too(workshop, scene, taken):
    running = HarmonizeTab(workshop).harmonize(VISITOR, "auto", "draft", *scene)
    next(running), next(running)
    running.close()
    time.sleep(0.1)
    assert 0 < taken[-1] < 1000


def test_past_its_time_a_harmonization_ends_with_a_whole_picture(tmp_path, scene, taken):
    tab = HarmonizeTab(Workshop(tmp_path / "own", limits=Limits(seconds=0)))
    *_, ((_, after), note, _) = tab.harmonize(VISITOR, "0.5", "best", *scene)
    assert taken == [1]
    assert note.startswith("Done")
    assert read(after).rgb.shape == (1, 96, 128, 3)


def test_harmonizing_needs_both_pictures(workshop, scene):
    for lacking in ({"selection": None}, {"painting": None}):
        with pytest.raises(InputError, match="Choose both"):
            next(HarmonizeTab(workshop).harmonize(VISITOR, "auto", "draft", *scene._replace(**lacking)))
    nothing = Selection(scene.selection.path)
    with pytest.raises(InputError, match="Select the object"):
        next(HarmonizeTab(workshop).harmonize(VISITOR, "auto", "draft", *scene._replace(selection=nothing)))


def test_one_net_works_at_a_time_whoever_asks(stylize, uploaded, monkeypatch):
    photo, working, most = uploaded("painting.png"), [], []

    def slow(picture, **settings):
        working.append(picture)
        most.append(len(working))
        time.sleep(0.05)
        working.pop()
        return picture

    monkeypatch.setattr("keras_nst.jobs.stylize.stylizer", lambda styles, shares=None: slow)
    with ThreadPoolExecutor(10) as pool:
        made = [pool.submit(stylize, photo) for _ in range(10)]
    assert len([one.result() for one in made]) == 10
    assert max(most) == 1


def test_a_workshop_that_closes_waits_for_what_runs_and_begins_no_more(workshop):
    begun, ended = threading.Event(), []

    def work():
        with workshop.turns.turn("net"):
            begun.set()
            time.sleep(0.2)
            ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    workshop.close()
    assert ended == [True]
    with pytest.raises(InputError, match="is ending"), workshop.turns.turn("net"):
        pass
    workshop.close()  # Again, and everything is free.
    thread.join()


def test_what_waits_too_long_for_its_turn_is_told_so(tmp_path, home):
    workshop = Workshop(tmp_path, limits=Limits(seconds=0.01))
    with workshop.turns.turn("net"), pytest.raises(InputError, match="Too many"), workshop.turns.turn("net"):
        pass
    with workshop.turns.turn("net"):  # After an error as well.
        pass


@pytest.mark.parametrize("number", [-0.1, 1.1, 1e400, float("nan"), None, "1", [1], "<script>"])
def test_a_strength_is_a_number_from_0_to_1(workshop, stylize, uploaded, home, number):
    photo = uploaded("painting.png")
    for strengths in ((number, 0.4), (1, number)):
        with pytest.raises(InputError, match="from 0 to 1") as told:
            stylize(photo, strength=strengths[0], least=strengths[1])
        assert "script" not in str(told.value)
    with pytest.raises(InputError, match="from 0 to 1"):
        LiveTab(workshop).stylize(frame((home / "halves.png").read_bytes()), "tiny", number)


@pytest.mark.parametrize(("setting", "number"), [("size", 101), ("size", None), ("turn", 1e9), ("turn", float("nan"))])
def test_an_object_is_placed_within_bounds(workshop, scene, setting, number):
    with pytest.raises(InputError, match="Expected a number from"):
        next(HarmonizeTab(workshop).harmonize(VISITOR, "auto", "draft", *scene._replace(**{setting: number})))


@pytest.mark.parametrize("tolerance", [-1, float("nan"), None, "1"])
def test_a_tolerance_is_within_bounds(workshop, scene, tolerance):
    with pytest.raises(InputError, match="Expected a number from"):
        workshop.mask(scene.selection._replace(tolerance=tolerance))


def test_stops_of_visitors_who_never_come_are_forgotten(workshop):
    tab = HarmonizeTab(workshop)
    for number in range(1000):
        tab.watching.begin(SimpleNamespace(session_hash=str(number)))
    assert len(tab.watching._stops) == 200


# Partial.


def test_a_choice_of_styles_restyles_what_is_selected(workshop, uploaded):
    tab, photo = PartialTab(workshop), uploaded("object.png")
    for nothing in (None, Selection(photo, begin="nothing")):
        assert [update["__type__"] for update in tab.restyle_selected(nothing, "tiny", "")] == ["update"] * 3
    (before, after), *_ = tab.restyle_selected(Selection(photo, begin="object"), "tiny", "")
    assert before == photo
    assert Path(after).name == "upload-tiny-part.png"


# Live.


def frame(picture):
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def test_a_cameras_picture_is_shown_in_the_style(workshop, home):
    shown, note = LiveTab(workshop).stylize(frame((home / "halves.png").read_bytes()), "tiny", 1.0)
    result = read(base64.b64decode(re.fullmatch(r'<img alt="[^"]*" src="data:image/jpeg;base64,([^"]*)">', shown)[1]))
    expected = Stylizer(home / "saved_models" / "tiny")(read(home / "halves.png")).rgb
    assert np.abs(result.rgb - expected).mean() < 0.02  # The error of JPEG.
    assert note.startswith("128 × 96 pixels")


def test_no_file_is_written_for_a_cameras_picture(workshop, home, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    LiveTab(workshop).stylize(frame((home / "halves.png").read_bytes()), "tiny", 0.5)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        "",
        "/etc/passwd",
        "http://127.0.0.1/picture.png",
        "data:image/png;base64,***",
        "data:image/png;base64,AAAA",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/png;base64," + 2_000_000 * "AAAA",
    ],
)
def test_what_no_camera_takes_is_refused(workshop, hostile):
    with pytest.raises(InputError) as told:
        LiveTab(workshop).stylize(hostile, "tiny", 1.0)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_tile_shows_the_picture_below_the_photograph(rows, tmp_path):
    """Below the pictures, the preview of an SDP-GAN shows maps."""
    shades = [np.full((1, 90, 90, 3), shade, np.float32) for shade in (0.1, 0.4, 0.7, 0.9)[:rows]]
    write(tmp_path / PREVIEW, Picture(contact_sheet([[shade] for shade in shades], height=PREVIEW_ROW)))
    shown = parts._thumbnail(tmp_path).rgb
    np.testing.assert_allclose(shown, 0.8 if rows == 1 else 0.4, atol=0.01)
