"""Makes the picture of the app that README.md and docs/ show: a photograph, its result and all styles of it.

Usage: pip install -e .[test] && python tools/app_picture.py
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from keras_nst.pictures.samples import sample_path

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1280, "height": 880}
sys.path.append(str(ROOT / "tests"))

from reference.browser import chromium, wait_for_tiles  # noqa: E402


def picture(url: str) -> Image.Image:
    """The page at an address, with the astronaut in the style of The Starry Night."""
    with chromium() as browser:
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_timeout(60_000)  # All nets are loaded by then.
        page.locator("#stylize-style").get_by_label("Starry night").check()
        page.set_input_files("#stylize-picture input[type=file]", sample_path("astronaut"))
        page.locator("#stylize-result img[src$='starry_night.png']").first.wait_for()
        wait_for_tiles(page)
        page.wait_for_timeout(1000)
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main() -> None:
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            found = picture(server.stdout.readline().split()[3])
        finally:
            server.terminate()
    found.save(ROOT / "docs" / "pictures" / "app.jpg", quality=85)


if __name__ == "__main__":
    main()
