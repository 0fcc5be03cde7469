"""`keras-nst app`: the web application."""

import contextlib
import threading

from keras_nst.commands.arguments import App
from keras_nst.errors import InputError
from keras_nst.files import make_folder


def run(options: App) -> int:
    """Serve until interrupted."""
    if options.share_dir:
        make_folder(options.share_dir, "share_dir")
    try:
        from keras_nst.app.server import Limits, serve
    except ModuleNotFoundError as error:
        raise InputError(f"The app needs {error.name}. Install it: pip install 'keras_nst[app]'.") from error
    limits = Limits(pixels=options.max_pixels)
    serving = serve(options.host, options.port, options.share_dir, options.name, limits)
    with serving as url, contextlib.suppress(KeyboardInterrupt):
        print(f"keras_nst is at {url} (Ctrl+C ends it)", flush=True)
        threading.Event().wait()
    return 0
