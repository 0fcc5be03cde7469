"""A page that asks which of two results is better, without saying whose they are: the user study of papers."""

import html
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_nst.evaluation.page import embedded, write_html

BALLOT = "vote.html"

_BODY = """
<h1>Which result do you like better?</h1>
<main id="asking">
<p><span id="progress"></span>. Click it, or press ← or →; ↓ if you cannot say.</p>
<section><figure><img id="photograph" alt="The photograph"><figcaption>The photograph</figcaption></figure></section>
<section>
<button id="left"><img alt="The left result"></button>
<button id="right"><img alt="The right result"></button>
</section>
<p><button id="neither">I cannot say</button></p>
</main>
<main id="counted" hidden>
<p>Thank you. The votes of all who voted on this computer; who cannot say gives half a vote to each.</p>
<table><thead><tr><th>model<th>pairs<th>chosen<th>95 % interval</thead><tbody id="rows"></tbody></table>
<p><button id="next">Next voter</button> <a id="save" download="votes.json">Save the votes</a>
<button id="forget">Forget them and begin again</button></p>
</main>
<script type="application/json" id="data">DATA</script>
<script>SCRIPT</script>
"""


def write_ballot(
    path: str | Path, title: str, pictures: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]]
) -> None:
    """Write the page. It needs no server: pictures are within it, and votes are kept by the browser.

    Each pair of models is shown once for each photograph, in random order.

    Args:
        path: The file.
        title: What is voted on; votes on another title are counted apart.
        pictures: The photograph and each model's result, (1, h, w, 3) in [0, 1], by the photograph's name.

    Raises:
        InputError: The file cannot be written.

    Source: Li et al. 2020, section V.C, whose voters choose among all methods at once.
    """
    models = list(next(iter(pictures.values()))[1])
    rows = [
        {"name": name, "photograph": embedded(photograph), "results": [embedded(results[model]) for model in models]}
        for name, (photograph, results) in pictures.items()
    ]
    data = json.dumps({"title": title, "models": models, "pictures": rows}).replace("<", "\\u003c")
    script = Path(__file__).with_name("ballot.js").read_text("utf-8")
    body = _BODY.replace("SCRIPT", script).replace("DATA", data)
    write_html(path, html.escape(title), body)
