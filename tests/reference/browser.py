"""Chromium, without a window, with a camera that shows a clock."""

import contextlib
import os
import shutil

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# The camera needs no permission.
_ARGUMENTS += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def installed():
    """The path of Chromium; None if there is none."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return os.environ.get("KERAS_NST_CHROMIUM", next(found, None))


@contextlib.contextmanager
def chromium():
    """Context in which the installed Chromium runs."""
    from playwright.sync_api import sync_playwright  # Not everybody who runs the tests has it.

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=_ARGUMENTS)
        yield browser
        browser.close()


def wait_for_tiles(page):
    """Wait until the app shows the photograph in all styles, small."""
    page.wait_for_function(
        "count => document.querySelector('#stylize-tiles style')?.textContent.split('nth-of-type').length > count",
        arg=page.locator("#stylize-style label").count(),
    )
