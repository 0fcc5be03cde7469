"""The page as a visitor uses it: by clicks in Chromium."""

import base64
import contextlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from reference import clips
from reference.browser import wait_for_tiles

from keras_nst.pictures.color import keep_color
from keras_nst.pictures.io import read
from keras_nst.pictures.samples import SAMPLES, sample_path

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install axe-playwright-python")

pytestmark = pytest.mark.browser

PATIENCE = 300_000  # Milliseconds: a busy machine loads all nets in the first minutes.
SEVERAL = "[data-testid='Several photographs, or a clip-upload-button']"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
def page(browser, server):
    """The page at desktop width.

    At the end of the test, it must not have met an error, or requested closed paths or other servers.
    """
    page = browser.new_page(viewport=DESK)
    elsewhere, errors, closed = [], [], []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.on("response", lambda answer: closed.append(answer) if answer.status in (403, 404, 413, 421) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(PATIENCE)
    page.goto(server[0])
    page.locator("#stylize-style").wait_for()
    yield page
    page.close()
    assert [url for url in elsewhere if not url.startswith((server[0], "data:", "blob:"))] == []
    assert errors == []
    # The last picture of the camera may come after its stream has ended.
    assert [answer.url for answer in closed if "/stream/" not in answer.url] == []


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def size(page, request):
    """The size of the window: at first that of a desk, then that of a phone."""
    page.set_viewport_size(request.param)
    return request.param


def drop(page, name, path):
    """Upload a picture, and wait until the server's copy, or what is made of it, is shown."""
    page.set_input_files(f"#{name}-picture input[type=file]", path)
    kept = f"#{name}-picture img[src$='{path.name}'], #{name}-picture img[src$='preview.jpg']"
    page.wait_for_function(
        "kept => { const shown = document.querySelector(kept); return shown && /[/][0-9a-f]{32}[/]/.test(shown.src) }",
        arg=kept,
    )


def click(page, name, across, down):
    """Click into a picture, at fractions of its sides."""
    picture = page.locator(f"#{name}-picture img")
    page.wait_for_function("name => document.querySelector(name)?.naturalWidth", arg=f"#{name}-picture img")
    box = picture.bounding_box()
    picture.click(position={"x": across * box["width"], "y": down * box["height"]})


def drag(page, target, *way):
    """Drag over an element, from one place to others, at fractions of its sides."""
    page.locator(target).scroll_into_view_if_needed()
    box = page.locator(target).bounding_box()
    places = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in way]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def tell(page, name, start):
    """Wait for a text that begins with this."""
    page.locator(f"#{name}", has_text=start).wait_for()


def download(page, name):
    """Download the picture behind the button."""
    button = page.locator(f"#{name}-download")
    button.wait_for()
    with page.expect_download() as started:
        button.click()
    return read(started.value.path()).rgb, started.value.suggested_filename


def made(page, name):
    """Wait for a result of this name."""
    page.locator(f"#stylize-result img[src$='{name}']").wait_for(state="attached")


@contextlib.contextmanager
def renewed(page):
    """Wait for another result, which what is done within brings about."""
    shown = "[...document.querySelectorAll('#stylize-result img')].at(-1)?.src"
    before = page.evaluate(shown)
    yield
    page.wait_for_function(f"before => {shown} != before", arg=before)


def test_a_photograph_is_stylized_at_once_and_again_with_each_change(page, home):
    drop(page, "stylize", home / "painting.png")
    page.locator("#stylize-result img").first.wait_for()
    page.locator("#stylize-style").get_by_label("Tiny").check()
    made(page, "painting-tiny.png")
    full, name = download(page, "stylize")
    assert (full.shape, name) == ((1, 96, 128, 3), "painting-tiny.png")
    assert np.abs(full - read(home / "painting.png").rgb).mean() > 0.02
    with renewed(page):
        page.locator("#stylize-color").get_by_label("Photograph").check()
    kept, _ = download(page, "stylize")
    np.testing.assert_allclose(kept, keep_color(full, read(home / "painting.png").rgb), atol=4 / 255)
    page.locator("#stylize-file").get_by_label("JPEG").check()
    made(page, "painting-tiny.jpg")
    tell(page, "stylize-size", "Painted at 1600 pixels at most.")


def test_the_tiles_show_the_photograph_and_results_survive_a_reload(page, home):
    drop(page, "stylize", home / "painting.png")
    wait_for_tiles(page)
    page.locator("#stylize-style").get_by_label("Tiny").check()
    made(page, "painting-tiny.png")
    page.locator("#stylize-history img").nth(1).wait_for()
    page.reload()
    page.locator("#stylize-history img").nth(1).wait_for()


def test_what_was_made_before_is_opened_and_compared_also_after_a_reload(page, home):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    first, _ = download(page, "stylize")
    strip = page.locator("#stylize-history .thumbnail-item img")
    strip.nth(0).wait_for()
    page.wait_for_timeout(3000)  # What follows at once takes its place.
    page.locator("#stylize-strength input[type=number]").fill("0.5")
    strip.nth(1).wait_for()
    mixed, _ = download(page, "stylize")
    page.reload()
    strip.nth(0).click()
    made(page, "painting-tiny.png")
    page.locator("#stylize-picture img").wait_for()
    np.testing.assert_array_equal(download(page, "stylize")[0], first)
    shown = [f"#stylize-result img[src$='{name}']" for name in ("/painting.png", "painting-tiny.png")]
    assert [page.locator(picture).count() for picture in shown] == [1, 1]
    page.locator("#stylize-before input").click()
    page.get_by_role("option", name="2 Tiny").click()
    page.wait_for_function("shown => document.querySelectorAll(shown).length == 2", arg=shown[1])
    strip.nth(1).click()
    page.locator("#stylize-before input").click()
    page.get_by_role("option", name="The photograph").click()
    page.locator(shown[0]).wait_for(state="attached")
    np.testing.assert_array_equal(download(page, "stylize")[0], mixed)
    page.locator("#stylize-style").get_by_label("Starry night").check()  # The photograph is there again.
    made(page, "painting-starry_night.png")


def test_a_style_tells_its_painting_and_a_picture_that_cannot_be_copied_is_told(page, home):
    wave = page.locator("#stylize-style").get_by_label("Wave")
    assert wave.get_attribute("title") == "The Great Wave off Kanagawa, Katsushika Hokusai, 1831"
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")  # As on http from elsewhere.
    page.click("#stylize-copy")
    tell(page, "stylize-note", "The browser does not let this page copy.")


def test_a_result_is_copied_to_the_clipboard(page, home, size):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    page.click("#stylize-copy")
    tell(page, "stylize-note", "Copied.")
    copied = page.evaluate(
        """async () => {
          const [copied] = await navigator.clipboard.read(), reader = new FileReader();
          reader.readAsDataURL(await copied.getType("image/png"));
          await new Promise(read => reader.onload = read);
          return reader.result;
        }"""
    )
    result, _ = download(page, "stylize")
    np.testing.assert_allclose(read(base64.b64decode(copied.partition(",")[2])).rgb, result, atol=1 / 255)


def test_the_subject_is_protected_without_a_new_upload(page, home, size):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "object.png")
    made(page, "object-tiny.png")
    full, _ = download(page, "stylize")
    uploads = []
    page.on("request", lambda request: uploads.append(request.url) if "/upload" in request.url else None)
    page.get_by_role("button", name="Protect a part").click()
    with renewed(page):
        page.locator("#stylize-protect").get_by_label("The subject").check()
    page.locator("#stylize-mask img[src$='preview.jpg']").wait_for()
    protected, _ = download(page, "stylize")
    with renewed(page):
        page.locator("#stylize-least input[type=number]").fill("0")
    kept, _ = download(page, "stylize")
    photo, disc = read(home / "object.png").rgb, np.s_[0, 40:56, 56:72]
    np.testing.assert_allclose(kept[disc], photo[disc], atol=0.02)
    far, near = (np.abs(result - photo)[disc].mean() for result in (full, protected))
    assert near < 0.6 * far
    np.testing.assert_array_equal(protected[:, :8], full[:, :8])
    assert uploads == []


def test_the_size_of_strokes_is_set_by_its_slider(page, home, size):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    usual, _ = download(page, "stylize")
    with renewed(page):
        page.locator("#stylize-stroke input[type=range]").click()  # In its middle.
    assert page.locator("#stylize-stroke input[type=number]").input_value() == "2"
    larger, _ = download(page, "stylize")
    assert larger.shape == usual.shape
    assert np.abs(larger - usual).mean() > 0.01


def test_two_results_are_compared_side_by_side(page, home, size):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    results = []
    for style in ("Tiny", "Starry night"):
        page.locator("#stylize-style").get_by_label(style).check()
        made(page, f"painting-{style.replace(' ', '_').lower()}.png")
        results.append(download(page, "stylize")[0])
    page.locator("#stylize-before input").click()
    page.get_by_role("option", name="1 Tiny").click()
    images = page.locator("#stylize-result img")
    page.wait_for_function(
        "[...document.querySelectorAll('#stylize-result img')].some(image => image.src.endsWith('painting-tiny.png'))"
    )
    images.first.scroll_into_view_if_needed()
    shown = read(images.first.screenshot()).rgb
    height, width = shown.shape[1:3]
    first, second = (cv2.resize(result[0], (width, height)) for result in results)
    left, right = np.s_[:, width // 8 : 3 * width // 8], np.s_[:, 5 * width // 8 : 7 * width // 8]
    for part, same, other in ((left, first, second), (right, second, first)):
        assert np.abs(shown[0] - same)[part].mean() < 0.3 * np.abs(shown[0] - other)[part].mean()


def test_styles_are_chosen_by_the_keyboard(page, home):
    drop(page, "stylize", home / "painting.png")
    page.locator("#stylize-result img").first.wait_for()
    page.locator("#stylize-style input:checked").focus()
    page.keyboard.press("ArrowRight")
    second = page.locator("#stylize-style input").nth(1).get_attribute("value")
    made(page, f"painting-{second}.png")


def test_a_painting_is_dropped_among_the_styles_and_there_again_after_a_reload(page, home):
    content = base64.b64encode((home / "halves.png").read_bytes()).decode()
    page.locator("#stylize-own").evaluate(
        """async (tile, content) => {
          const blob = await (await fetch(`data:image/png;base64,${content}`)).blob();
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([blob], "halves.png", {type: "image/png"}));
          for (const event of ["dragover", "drop"])
            tile.dispatchEvent(new DragEvent(event, {dataTransfer, bubbles: true, cancelable: true}));
        }""",
        content,
    )
    own = page.locator("#stylize-style").get_by_label("Halves")
    own.wait_for(state="attached")
    page.reload()
    own.wait_for(state="attached")
    page.locator("#stylize-tiles style").wait_for(state="attached")
    tile, first = (page.locator(place).bounding_box() for place in ("#stylize-own", "#stylize-style label >> nth=0"))
    assert [tile["y"], tile["width"], tile["height"]] == pytest.approx(
        [first["y"], first["width"], first["height"]], abs=2
    )
    drop(page, "stylize", home / "painting.png")
    own.check()
    made(page, "painting-halves.png")
    page.get_by_role("button", name="Blend with a second style").click()
    page.locator("#stylize-style").get_by_label("Tiny").check()
    page.locator("#stylize-second input").click()
    page.get_by_role("option", name="Halves").click()
    made(page, "painting-tiny-halves.png")


def test_a_painting_of_ones_own_is_a_style_at_once(page, home):
    drop(page, "stylize", home / "painting.png")
    page.locator("#stylize-result img").first.wait_for()
    page.set_input_files("[data-testid='+ Your own painting-upload-button']", home / "halves.png")
    page.locator("#stylize-style").get_by_label("Halves").wait_for(state="attached")
    made(page, "painting-halves.png")
    assert download(page, "stylize")[0].shape == (1, 96, 128, 3)
    page.locator("#stylize-paint-run").click()
    page.locator("#stylize-note progress").wait_for()
    page.locator("#stylize-paint-stop").click()
    tell(page, "stylize-note", "Stopped.")
    page.locator("#stylize-paint-run").wait_for()
    assert download(page, "stylize")[1] == "painting-halves-painted.png"


def test_a_painting_that_is_gone_leaves_the_styles(page, home):
    drop(page, "stylize", home / "painting.png")
    page.set_input_files("[data-testid='+ Your own painting-upload-button']", home / "halves.png")
    made(page, "painting-halves.png")
    page.locator("#stylize-style").get_by_label("Tiny").check()
    made(page, "painting-tiny.png")
    own = page.locator("#stylize-style").get_by_label("Halves")
    Path(own.get_attribute("value")).unlink()
    own.check()
    toast(page, "no such style any more")
    own.wait_for(state="detached")
    first = page.locator("#stylize-style input").first
    made(page, f"painting-{first.get_attribute('value')}.png")
    assert first.is_checked()


def test_a_painting_is_learned_while_the_page_is_used_until_it_is_stopped(page, home, tmp_path):
    """On a desk, and then on a phone."""
    painting = tmp_path / "learned.png"
    shutil.copyfile(home / "halves.png", painting)
    drop(page, "stylize", home / "painting.png")
    page.set_input_files("[data-testid='+ Your own painting-upload-button']", painting)
    made(page, "painting-learned.png")
    predicted, _ = download(page, "stylize")
    page.locator("#stylize-tune-run").click()
    page.locator("#stylize-learned", has_text="left").wait_for(timeout=3 * PATIENCE)  # A training is prepared.
    page.locator("#stylize-learned img").wait_for()
    page.locator("#stylize-style").get_by_label("Tiny").check()
    made(page, "painting-tiny.png")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#stylize-style").get_by_label("Learned").check()
    made(page, "painting-learned.png")
    page.locator("#stylize-tune-stop").click()
    tell(page, "stylize-learned", "Stopped. What was learned so far is kept.")
    page.locator("#stylize-tune-run").wait_for()
    page.locator("#stylize-tune-stop").wait_for(state="hidden")
    page.locator("#stylize-style").get_by_label("Tiny").check()
    made(page, "painting-tiny.png")
    page.locator("#stylize-style").get_by_label("Learned").check()
    made(page, "painting-learned.png")
    assert np.abs(download(page, "stylize")[0] - predicted).max() > 0.01


def test_a_clip_is_painted_shown_and_stopped(page, home, size, tmp_path):
    clips.write(tmp_path / "walk.mp4", clips.frames(6, 320, 240))
    clips.write(tmp_path / "long.mp4", clips.frames(200, 320, 240))
    page.locator("#stylize-style").get_by_label("Tiny").check()
    page.set_input_files(SEVERAL, tmp_path / "walk.mp4")
    tell(page, "stylize-note", "1 of 1 painted")
    page.wait_for_function("document.querySelector('#stylize-note video')?.videoWidth == 320")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    with page.expect_download() as started:
        page.click("#stylize-all")
    assert started.value.suggested_filename == "walk-tiny.mp4"
    assert clips.sound_packets(started.value.path()) == clips.sound_packets(tmp_path / "walk.mp4")
    page.set_input_files(SEVERAL, tmp_path / "long.mp4")
    tell(page, "stylize-note", "left")
    page.locator("#stylize-several-stop").click()
    tell(page, "stylize-note", "Stopped. 0 of 1 painted.")
    page.locator("#stylize-several").wait_for()
    page.locator("#stylize-several-stop").wait_for(state="hidden")
    picture = tmp_path / "picture.mp4"
    shutil.copyfile(home / "painting.png", picture)
    page.set_input_files(SEVERAL, picture)
    toast(page, "not a clip")
    page.locator("#stylize-several").wait_for()


def test_several_photographs_are_painted_at_once(page, home):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    photos = [home / "painting.png", home / "halves.png"]
    page.set_input_files(SEVERAL, photos)
    tell(page, "stylize-note", "2 of 2 painted")
    with page.expect_download() as started:
        page.click("#stylize-all")
    with zipfile.ZipFile(started.value.path()) as archive:
        results = {name: read(archive.read(name)).rgb for name in archive.namelist()}
    assert [*results] == ["01-painting-tiny.png", "02-halves-tiny.png"]
    for photo, result in zip(photos, results.values(), strict=True):
        assert np.abs(result - read(photo).rgb).mean() > 0.02


def test_each_sample_is_stylized_and_then_an_upload(page, home):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    for number, name in enumerate(SAMPLES):
        path = sample_path(name)
        page.locator(".gallery-item").nth(number).click()
        made(page, f"{path.stem}-tiny.png")
        result, given = download(page, "stylize")
        assert given == f"{name}-tiny.png"
        assert result.shape == read(path).rgb.shape
    page.locator("#stylize-picture").get_by_label("Remove Image").click()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    assert download(page, "stylize")[0].shape == (1, 96, 128, 3)


def test_the_samples_stay_pictures_of_this_server(page):
    """A component that a click has created fetches nothing, and reads nothing either."""
    page.locator("#stylize-style").get_by_label("Tiny").check()
    asked = re.compile("/queue/join")
    page.route(asked, with_value(0, {"path": "http://127.0.0.1:1/x.png", "meta": {"_type": "gradio.FileData"}}))
    page.locator(".gallery-item").first.click()
    toast(page, "not here any more")
    page.unroute(asked)
    page.wait_for_timeout(1000)  # Gradio can lose a click in the moment when it shows an error.
    page.locator(".gallery-item").nth(1).click()
    page.locator("#stylize-result img").first.wait_for()


def with_value(position, value):
    """Make a handler that replaces a value that the page sends."""

    def change(route):
        body = route.request.post_data_json
        if len(body["data"]) > position:
            body["data"][position] = value
        route.continue_(post_data=json.dumps(body))

    return change


def busy(route):
    """Gradio's answer when too many requests are waiting."""
    route.fulfill(status=503, json={"detail": "Queue is full."})


def toast(page, text):
    page.locator("[data-testid=toast-body]", has_text=text).wait_for()


@pytest.mark.parametrize("refused", ["queue/join", "run/predict"])
def test_the_buttons_return_when_a_harmonization_has_failed(page, refused):
    page.get_by_role("tab", name="Harmonize").click()
    page.click("#harmonize-run")
    toast(page, "Choose both first")
    for _ in range(2):
        page.locator("#harmonize-run").wait_for()
        page.locator("#harmonize-stop").wait_for(state="hidden")
        page.route(re.compile(refused), busy)
        page.click("#harmonize-run")
    page.locator("#harmonize-run").wait_for()


def test_a_part_can_be_restyled_after_errors(page, home):
    page.get_by_role("tab", name="Partial").click()
    page.click("#partial-run")
    toast(page, "no photograph yet")
    asked = re.compile("/queue/join")
    page.route(asked, busy)
    page.click("#partial-run")
    toast(page, "busy")
    page.unroute(asked)
    drop(page, "partial", home / "halves.png")
    click(page, "partial", 0.25, 0.5)
    tell(page, "partial-hint", "50.0 %")
    page.locator("#partial-style").get_by_label("Tiny").check()
    page.click("#partial-run")
    assert download(page, "partial")[1] == "halves-tiny-part.png"


def test_a_camera_is_switched_off_when_its_stream_fails(page):
    page.get_by_role("tab", name="Live").click()
    page.locator("#live-style").get_by_label("Tiny").check()
    camera = page.locator("#live-picture")
    camera.get_by_text("Webcam").click()
    asked = re.compile("/queue/join|/stream/")
    page.route(asked, with_value(1, "no/such"))
    camera.get_by_text("Record").click()
    toast(page, "no/such")
    camera.get_by_text("Record").wait_for()
    page.unroute(asked)
    page.wait_for_timeout(1500)
    camera.get_by_text("Record").click()
    tell(page, "live-note", "320 × 240 pixels")
    camera.get_by_text("Stop").click()
    camera.get_by_text("Record").wait_for()


def test_an_object_is_harmonized(page, home):
    page.get_by_role("tab", name="Harmonize").click()
    drop(page, "object", home / "object.png")
    tell(page, "object-hint", "12.")  # Percent: the disc, which is found automatically.
    drop(page, "painting", home / "painting.png")
    page.locator(".stage .object").wait_for()
    click(page, "painting", 0.3, 0.5)
    page.get_by_role("button", name="By numbers").click()
    page.wait_for_function("document.querySelector('#harmonize-x input')?.value == '38'")
    page.click("#harmonize-run")
    page.locator("#harmonize-stop").wait_for()
    page.locator("#harmonize-note progress").wait_for()
    tell(page, "harmonize-note", "Done")
    result, _ = download(page, "harmonize")
    painting = read(home / "painting.png").rgb
    np.testing.assert_array_equal(result[:, :, 90:], painting[:, :, 90:])
    assert np.abs(result - painting)[0, 40:56, 30:46].mean() > 0.05
    page.locator("#harmonize-run").wait_for()


def test_the_object_is_moved_scaled_and_turned_by_its_handles(page, home, size):
    page.get_by_role("tab", name="Harmonize").click()
    page.get_by_role("button", name="By numbers").click()
    drop(page, "object", home / "object.png")
    drop(page, "painting", home / "painting.png")
    page.locator(".stage .object").wait_for()

    names = ("x", "y", "size", "turn")

    def numbers():
        page.wait_for_timeout(500)
        return [float(page.locator(f"#harmonize-{name} input").first.input_value()) for name in names]

    def box(target=".stage .object"):
        return np.array([*page.locator(target).bounding_box().values()])

    assert numbers() == [64, 48, 50, 0]
    drag(page, ".stage .object", (0.5, 0.5), (0.9, 0.5))
    x, y, share, turn = numbers()
    assert (x, y, share, turn) == (pytest.approx(64 + 0.4 * 48, abs=2), pytest.approx(48, abs=1), 50, 0)
    before = box()
    drag(page, ".stage .object .nw", (0.5, 0.5), (3.0, 3.0))
    after = box()
    np.testing.assert_allclose(after[:2] + after[2:], before[:2] + before[2:], atol=3)  # The other corner stays.
    assert numbers()[2] == pytest.approx(50 * after[3] / before[3], abs=1)
    x = numbers()[0]
    page.locator(".stage .object").focus()
    page.keyboard.press("ArrowLeft")
    assert numbers()[0] == x - 2
    middle = box()[:2] + box()[2:] / 2
    drag(page, ".stage .object .turn", (0.5, 0.5), (6.5, 3.0))
    assert numbers()[3] < -20
    np.testing.assert_allclose(box()[:2] + box()[2:] / 2, middle, atol=4)  # A disc has no other middle.
    left, (x, *_) = box()[0], numbers()
    page.locator("#harmonize-x input").fill("20")
    page.wait_for_timeout(500)
    scale = page.locator("#painting-picture img").bounding_box()["height"] / 96
    assert box()[0] == pytest.approx(left + scale * (20 - x), abs=2)


def test_a_harmonization_is_stopped(page, home):
    page.get_by_role("tab", name="Harmonize").click()
    drop(page, "object", home / "object.png")
    drop(page, "painting", home / "painting.png")
    page.get_by_label("Best").check()
    page.click("#harmonize-run")
    page.locator("#harmonize-stop").click()
    tell(page, "harmonize-note", "Stopped")
    page.locator("#harmonize-run").wait_for()


def test_a_part_is_selected_by_brush_and_box(page, home, size):
    page.get_by_role("tab", name="Partial").click()
    drop(page, "partial", home / "object.png")
    tell(page, "partial-hint", "12.")
    page.locator("#partial-tool").get_by_label("Brush").check()
    page.locator("#partial-brush").wait_for()
    page.locator("#partial-tolerance").wait_for(state="hidden")
    page.locator("#partial-mode").get_by_label("Take away").check()
    drag(page, "#partial-picture img", (0.3, 0.5), (0.7, 0.5))
    tell(page, "partial-hint", "10.")
    page.wait_for_timeout(500)
    shown = read(page.locator("#partial-picture img").screenshot()).rgb[0]
    height, width = shown.shape[:2]
    # The band across the disc is gray, the disc beside it red.
    saturation = np.ptp(shown, axis=-1)
    assert saturation[height // 2, int(0.4 * width) : int(0.6 * width)].max() < 0.1
    assert saturation[int(0.4 * height), int(0.45 * width) : int(0.55 * width)].min() > 0.4
    page.click("#partial-clear")
    tell(page, "partial-hint", "Click")
    page.locator("#partial-mode").get_by_label("Add").check()
    page.locator("#partial-tool").get_by_label("Box").check()
    drag(page, "#partial-picture img", (0.28, 0.15), (0.72, 0.85))
    tell(page, "partial-hint", "12.")
    page.click("#partial-undo")
    tell(page, "partial-hint", "Click")


def test_a_part_is_restyled(page, home):
    page.get_by_role("tab", name="Partial").click()
    drop(page, "partial", home / "halves.png")
    tell(page, "partial-hint", "50.0 %")  # The automatic selection of the subject.
    page.click("#partial-clear")
    tell(page, "partial-hint", "Click")
    click(page, "partial", 0.25, 0.5)
    tell(page, "partial-hint", "50.0 %")
    click(page, "partial", 0.75, 0.5)
    tell(page, "partial-hint", "100.0 %")
    page.click("#partial-undo")
    tell(page, "partial-hint", "50.0 %")
    page.locator("#partial-style").get_by_label("Tiny").check()
    page.click("#partial-run")
    result, name = download(page, "partial")
    photo = read(home / "halves.png").rgb
    assert name == "halves-tiny-part.png"
    np.testing.assert_array_equal(result[:, :, 70:], photo[:, :, 70:])
    assert np.abs(result - photo)[:, :, :50].mean() > 0.05


def in_sight(page, target):
    """Wait until the top of an element, and most of it, is within the window."""
    page.wait_for_function(
        """target => {
          const {top, height} = document.querySelector(target).getBoundingClientRect();
          return top > -1 && top + 0.6 * height <= innerHeight;
        }""",
        arg=target,
    )


def test_the_result_is_in_sight_when_the_work_begins(page, home, size):
    page.locator("#stylize-style").get_by_label("Tiny").check()
    drop(page, "stylize", home / "painting.png")
    made(page, "painting-tiny.png")
    in_sight(page, "#stylize-result")
    page.get_by_role("tab", name="Harmonize").click()
    drop(page, "object", home / "object.png")
    drop(page, "painting", home / "painting.png")
    page.click("#harmonize-run")
    page.locator("#harmonize-result img").first.wait_for()
    in_sight(page, "#harmonize-result")
    page.locator("#harmonize-stop").click()
    page.get_by_role("tab", name="Partial").click()
    drop(page, "partial", home / "object.png")
    tell(page, "partial-hint", "12.")
    page.locator("#partial-style").get_by_label("Tiny").check()  # It runs by itself.
    page.locator("#partial-result img[src$='object-tiny-part.png']").wait_for(state="attached")
    in_sight(page, "#partial-result")


def test_a_camera_is_stylized_while_it_runs(page, size):
    page.get_by_role("tab", name="Live").click()
    page.locator("#live-style").get_by_label("Tiny").check()
    page.locator("#live-picture").get_by_text("Webcam").click()
    page.locator("#live-picture").get_by_text("Record").click()
    tell(page, "live-note", "320 × 240 pixels")
    shown = page.locator("#live-result img").get_attribute("src")
    page.wait_for_function("shown => (document.querySelector('#live-result img')?.src ?? shown) != shown", arg=shown)
    in_sight(page, "#live-result img")
    page.locator("#live-picture").get_by_text("Stop").click()
    page.locator("#live-picture").get_by_text("Record").wait_for()


def test_what_is_refused_is_told_in_a_line_and_runs_no_script(page, tmp_path):
    path = tmp_path / "<img src=x onerror=document.title='no'>.png"
    path.write_bytes(b"not a picture")
    page.set_input_files("#stylize-picture input[type=file]", path)
    toast = page.locator("[data-testid=toast-body]")
    toast.wait_for()
    assert "Cannot read the image: it is not a picture" in toast.inner_text()
    assert page.title() == "keras_nst"


def test_nothing_is_wider_than_the_window(page, size):
    for last in ("stylize-strength", "harmonize-run", "partial-run", "live-strength"):
        page.get_by_role("tab", name=last.partition("-")[0].capitalize()).click()
        page.locator(f"#{last}").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        box = page.locator(f"#{last}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_page(page, home, scheme):
    """No rule of axe-core is violated: labels, names for screen readers, contrast."""
    page.emulate_media(color_scheme=scheme)
    page.reload()
    page.locator("#stylize-style").wait_for()
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    for name in ("stylize", "object", "painting", "partial"):
        tab = {"object": "Harmonize", "painting": "Harmonize"}.get(name, name.capitalize())
        page.get_by_role("tab", name=tab).click()
        drop(page, name, home / "object.png")
    page.locator("#stylize-history img").first.wait_for(state="attached")
    for tab in ("Stylize", "Harmonize", "Partial", "Live"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)  # Colors change gradually.
        found = axe.Axe().run(page).response["violations"]
        assert [(tab, rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
