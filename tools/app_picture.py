"""Makes the picture of the app that README.md and docs/ show: a photograph, its result and all styles of it.

Usage: pip install -e .[test] && python tools/app_picture.py
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from keras_nst.pictures.samples import sample_path

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1280, "height": 880}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, str(ROOT / "app.py"), "--port", "0"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            page = playwright.chromium.launch().new_page(viewport=SIZE)
            page.set_default_timeout(120_000)
            page.goto(server.stdout.readline().split()[3])
            page.locator("#stylize-style").get_by_label("Starry night").check()
            page.set_input_files("#stylize-picture input[type=file]", sample_path("astronaut"))
            page.locator("#stylize-result img[src$='starry_night.png']").first.wait_for()
            count = page.locator("#stylize-style label").count()
            page.wait_for_function(
                "n => document.querySelector('#stylize-tiles style').textContent.split('nth-of-type').length > n",
                arg=count,
            )
            page.wait_for_timeout(1000)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.save(ROOT / "docs" / "pictures" / "app.jpg", quality=85)
            server.terminate()


if __name__ == "__main__":
    main()
