"""Response times of the app: its first page, a stylized picture of 512x512, all styles of it, thirty visitors at once.

Usage: pip install -e .[test] && python benchmarks/app.py [--runs 5]

Goals: the first page within 3 s after the server reports that it runs, a picture within 2 s once its net is loaded
(medians), within 2 s in Chromium too, where a photograph is dropped five seconds after the page is there, and the small
pictures in all styles within 10 s once their nets are; none of thirty simultaneous requests is lost, and the memory
does not grow by more than a tenth while they are answered a second time. Exits with 1 if a goal is missed.
"""

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from reference.browser import chromium, wait_for_tiles  # noqa: E402
from reference.gradio_client import Page, picture  # noqa: E402

from keras_nst.pictures.encoding import encode  # noqa: E402
from keras_nst.pictures.io import read  # noqa: E402
from keras_nst.pictures.picture import Picture  # noqa: E402
from keras_nst.pictures.samples import sample_path  # noqa: E402

VISITORS = 30
PAUSES = (0, 5)  # Seconds between the first page of a new server and the first photograph.


@contextlib.contextmanager
def serving(folder: str) -> Iterator[subprocess.Popen]:
    """Context in which the app runs, with a working directory of its own."""
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.terminate()


def address(server: subprocess.Popen) -> str:
    """Wait until the server reports that it runs; returns where."""
    return server.stdout.readline().split()[3].rstrip("/")


def load(url: str) -> None:
    """Load the page and everything that a browser loads with it."""
    page = Page(url)
    status, html = page.get("/")
    assert status == 200
    for path in set(re.findall(r'(?:src|href)="(?:\./)?((?:assets|static|theme)[^"]+)"', html.decode())):
        page.get(f"/{path}")


def stylize(url: str, photo: str) -> float:
    page, began = Page(url), time.perf_counter()
    answer = page.call("stylize", picture(photo), None, "starry_night", 1, 1, "style", "no", 0.4, "", 0.5, "png")
    path = answer["data"][2]["value"]["path"]
    assert page.get(f"/gradio_api/file={path}")[0] == 200
    return time.perf_counter() - began


def dropped(url: str, pause: float) -> tuple[float, float]:
    """Seconds until a photograph that is dropped on the page is painted, and until it is there in all styles."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator("#stylize-style").wait_for()
        page.wait_for_timeout(1000 * pause)
        began = time.perf_counter()
        page.set_input_files("#stylize-picture input[type=file]", sample_path("astronaut"))
        page.locator("#stylize-result img").first.wait_for(state="attached")
        painted = time.perf_counter() - began
        wait_for_tiles(page)
        return painted, time.perf_counter() - began


def tiles(url: str, photo: str) -> float:
    """Seconds until a photograph is there in all styles, small."""
    page, began = Page(url), time.perf_counter()
    assert "error" not in page.call("show_tiles", picture(photo), [])
    return time.perf_counter() - began


def memory(process: int) -> float:
    """Memory that a process uses, in GB."""
    (used,) = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(used) / 1e6


def upload(url: str, number: int) -> str:
    """The path of an uploaded photograph of 512x512 that differs for each number: results for the same one are kept."""
    shifted = Picture(np.roll(read("sample:astronaut").rgb, 16 * number, axis=2))
    return Page(url).upload(encode(shifted, "png"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    starts, pages, firsts = [], [], []
    for pause in PAUSES:
        with tempfile.TemporaryDirectory() as folder, serving(folder) as server:
            firsts.append(dropped(address(server), pause))
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            with serving(folder) as server:
                url = address(server)
                starts.append(time.perf_counter() - began)
                load(url)
                pages.append(time.perf_counter() - began - starts[-1])
                if run == runs - 1:
                    photos = [upload(url, number) for number in range(VISITORS)]
                    first = stylize(url, photos[0])
                    warm = [stylize(url, photo) for photo in photos[1 : runs + 1]]
                    first_tiles, later_tiles = tiles(url, photos[0]), tiles(url, photos[1])
                    used = []
                    for _ in range(2):
                        began = time.perf_counter()
                        with ThreadPoolExecutor(VISITORS) as pool:
                            waited = list(pool.map(stylize, [url] * VISITORS, photos))
                        together = time.perf_counter() - began
                        used.append(memory(server.pid))
    print(f"start-up         median {statistics.median(starts):5.2f} s")
    missed = later_tiles > 10 or firsts[-1][0] > 2 or used[1] > 1.1 * used[0]
    for name, times, goal in (("first page", pages, 3), ("512x512", warm, 2)):
        missed |= statistics.median(times) > goal
        spread = f"({min(times):.2f} to {max(times):.2f})"
        print(f"{name:16} median {statistics.median(times):5.2f} s  {spread}  goal {goal} s")
    print(f"all styles       {later_tiles:12.2f} s  goal 10 s; the first time {first_tiles:.1f} s")
    print(f"512x512, first   {first:12.2f} s  with TensorFlow and the net loaded meanwhile")
    for pause, (painted, everywhere) in zip(PAUSES, firsts, strict=True):
        print(f"dropped after {pause} s {painted:5.2f} s  all styles after {everywhere:.1f} s")
    print(f"{len(waited)} of {VISITORS} at once {together:8.2f} s  the last waited {max(waited):.1f} s")
    print(f"memory           {used[0]:12.2f} GB after {VISITORS} visitors, {used[1]:.2f} GB after as many again")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
