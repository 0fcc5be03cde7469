"""The documentation: commands parse, named tests and files exist, examples run."""

import ast
import doctest
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from reference.nets import SMALL

import keras_nst
from keras_nst import cli, losses, recipes
from keras_nst.fit.objective import Objective
from keras_nst.jobs import setups
from keras_nst.models.nets import NETS
from keras_nst.models.observer import Observer
from keras_nst.models.vgg import vgg
from keras_nst.models.weights import vgg_weights
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.sheet import GAP

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"(?:.*\| *)?(?:keras-nst|python (?=(?:stylize|train|harmonize)\.py))(.*)")
ENDS = re.compile(r" [|>] | && |  #")


def text(page):
    return page.read_text("utf-8")


def commands(page):
    """The commands on a page: indented lines, and code within lines, without synopses."""
    joined = re.sub(r"\\\n *", "", text(page))
    lines = re.findall(r"(?m)^    (?! )(.*)$", joined) + re.findall(r"`(keras-nst [a-z][^`]* [^`]*)`", joined)
    for line in lines:
        if (found := COMMAND.fullmatch(line)) and not re.search(r"\.\.\.|\[|--(help|version)", line):
            yield ENDS.split(found[1] + "  #")[0].replace(".py", "", 1) if "python" in line else ENDS.split(found[1])[0]


PRINTED = sorted({command.strip() for page in PAGES for command in commands(page)})


def test_there_are_commands_of_every_kind():
    subcommands = {command.split()[0] for command in PRINTED}
    assert subcommands == set(cli._parser()._subparsers._group_actions[0].choices)


@pytest.mark.parametrize("command", PRINTED)
def test_a_printed_command_parses(command):
    cli._parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_a_page_explains_exist(page):
    subparsers = cli._parser()._subparsers._group_actions[0].choices.values()
    known = {option for parser in subparsers for option in parser._option_string_actions}
    rows = [cell for line in text(page).splitlines() if line.startswith("| `-") for cell in line.split("|")[1:2]]
    assert {option for row in rows for option in re.findall(r"(--?[a-z][\w-]*)", row)} <= known


def functions(path):
    return {node.name for node in ast.walk(ast.parse(text(path))) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_tests_that_a_page_names_exist(page):
    named = re.findall(r"`((?:tests|benchmarks|serving|tools|\.ci)/[\w./]+)(?:::(\w+))?`", text(page))
    named += re.findall(r"pytest (tests/[\w/.]+\.py)()", text(page))
    for path, test in named:
        assert (ROOT / path).exists() or path == "serving/models", path
        assert not test or test in functions(ROOT / path), test


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_a_page_exist(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(page)):
        assert (page.parent / target).exists(), target


def rows(page, columns):
    lines = (line for line in text(page).splitlines() if line.startswith("| ") and not line.startswith("| feature"))
    split = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in split if len(row) == columns]


def test_the_comparison_has_72_features_and_shows_each_that_is_there():
    features = rows(ROOT / "docs" / "comparison.md", 4)
    assert len(features) == 72
    assert {mark for _, _, mark, _ in features} <= {"y", "p", "n"}
    for name, _, mark, proof in features + [(name, "", *rest) for name, *rest in rows(ROOT / "docs/comparison.md", 3)]:
        assert mark != "y" or re.search(r"`.+`|Keras 3", proof), name


def test_every_public_name_is_documented():
    page = text(ROOT / "docs" / "api.md")
    for name in keras_nst.__all__:
        public = getattr(keras_nst, name)
        assert f"::: {public.__module__}.{name}\n" in page
        assert public.__doc__
    assert set(keras_nst.__all__) <= set(dir(keras_nst))
    with pytest.raises(AttributeError, match="nothing"):
        keras_nst.nothing  # noqa: B018


@pytest.mark.parametrize(
    "name", [*keras_nst.__all__, "pictures.given.as_picture", "losses.Loss", "select.masks.feather"]
)
def test_the_examples_of_docstrings_are_right(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module, _, attribute = f"keras_nst.{name}".rpartition(".")
    public = getattr(importlib.import_module(module), attribute)
    names = {"keras_nst": keras_nst, "np": np, attribute: public}
    for example in doctest.DocTestFinder(recurse=False).find(public, name, globs=names):
        told = io.StringIO()
        assert doctest.DocTestRunner().run(example, out=told.write).failed == 0, told.getvalue()


def test_every_page_is_in_the_navigation():
    navigation = text(ROOT / "mkdocs.yml").partition("nav:")[2]
    pages = {str(path.relative_to(ROOT / "docs")) for path in PAGES[1:]}
    assert set(re.findall(r"[\w/]+\.md", navigation)) == pages


def examples(page):
    return re.findall(r"(?ms)^```python\n(.*?)^```", text(ROOT / "docs" / page))


@pytest.fixture
def here(tmp_path, monkeypatch, rng):
    """A working directory with a photograph, a painting, one with an object in it, and photographs."""
    monkeypatch.chdir(tmp_path)

    def noise(path, side):
        write(path, Picture(rng.uniform(0.3, 0.7, (1, side, side, 3)).astype(np.float32)))

    noise("painting.jpg", 96)
    (tmp_path / "photographs").mkdir()
    for number in range(2):
        noise(f"photographs/{number}.png", 64)
    shutil.copy("photographs/0.png", "photo.jpg")
    composite = read("painting.jpg").rgb.copy()
    composite[:, 24:72, 24:72] = [0.9, 0.1, 0.1]
    write("composite.png", Picture(composite))
    return tmp_path


def run_small(code, names, **smaller):
    """Run an example with smaller numbers, so that it takes seconds."""
    for number, small in smaller.items():
        assert re.search(number, code)
        code = re.sub(number, small, code)
    exec(compile(code, "example", "exec"), names)


SHALLOW = "iterations=2, statistic='gram', style_layers=['relu1_1'], content_layers=['relu1_2']"
SMALLER = {
    "Stylizer": {},
    "learn": {r"steps=2000": "steps=2, size=32, batch=1, style_size=48, mixed_precision='off'"},
    "optimize": {r"end_size=512": f"end_size=64, {SHALLOW}"},
    "harmonize": {r'quality="good"': "quality='draft', style_strength=0.0"},
    "evaluate": {r"size=256": "size=64"},
    "export": {r"480, 640": "32, 40"},
    "StyleTrainer": {
        r"transfer_net\(\)": "transfer_net((4, 4, 8), 1)",
        r"\"adam\"": "'adam', run_eagerly=True",
        r"size=256, batch=4": "size=32, batch=1",
        r"steps_per_epoch=250, epochs=8": "steps_per_epoch=2, epochs=1, verbose=0",
    },
}
PYTHON = {re.search(rf"keras_nst\.({'|'.join(SMALLER)})\b", code)[1]: code for code in examples("python.md")}
LEFT = {
    "Stylizer": "styled.png",
    "learn": "saved_models/painting/model.keras",
    "optimize": "optimized.png",
    "harmonize": "harmonized.png",
    "evaluate": "photo.jpg",
    "export": "exported/starry_night/1/saved_model.pb",
    "StyleTrainer": "photo.jpg",
}


def test_the_python_page_has_an_example_of_each():
    assert PYTHON.keys() == SMALLER.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLER)
def test_the_examples_of_the_python_page_run(here, name, monkeypatch):
    if name == "learn":
        small_training(monkeypatch)
    names = {}
    run_small(PYTHON[name], names, **SMALLER[name])
    assert (here / LEFT[name]).is_file()
    if name == "StyleTrainer":
        assert int(names["trainer"].step) == 2


def small_training(monkeypatch):
    def narrow(*_):
        return {layer: (kernel[:, :, :8, :8], bias[:8]) for layer, (kernel, bias) in vgg_weights().items()}

    monkeypatch.setitem(NETS, "johnson", SMALL["johnson"])
    monkeypatch.setattr(setups, "vgg_weights", narrow)
    compiled = setups.StyleTrainer.compile
    monkeypatch.setattr(
        setups.StyleTrainer, "compile", lambda self, **given: compiled(self, **{**given, "jit_compile": False})
    )


def test_what_the_architecture_page_adds_works_as_it_says(here, monkeypatch, rng):
    added_loss, added_recipe, added_net, use_of_net = examples("architecture.md")
    names = {}
    run_small(added_loss, names)
    monkeypatch.setattr(losses, "brightness", names["brightness"], raising=False)
    module = types.ModuleType("keras_nst.recipes.bright2030")
    run_small(added_recipe, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(recipes, "RECIPES", (*recipes.RECIPES, "bright2030"))
    loss = recipes.recipe("bright2030").loss(weights={"brightness": 3.0})
    photograph = resize(read("photo.jpg"), 64).rgb
    objective = Objective(loss, Observer(vgg=vgg()))
    bound = objective.bind(style=read("painting.jpg").rgb, content=photograph)
    _, terms = bound(output=photograph / 2)
    assert float(terms["brightness"]) == pytest.approx((photograph.mean() / 2) ** 2, rel=1e-4)
    assert list(objective.loss.weights) == ["content", "style", "tv", "brightness"]
    run_small(added_net, names)
    run_small(use_of_net, names)
    whole = read("small.png").rgb
    assert whole.shape == photograph.shape
    monkeypatch.setattr("keras_nst.infer.stylizer.WHOLE_PIXELS", 1000)
    monkeypatch.setattr("keras_nst.infer.bands.BAND_PIXELS", 1000)
    assert cli.main(["stylize", "photo.jpg", "--style", "small", "-o", "in_bands.png"]) == 0
    np.testing.assert_allclose(read("in_bands.png").rgb, whole, atol=1.1 / 255)


@pytest.mark.slow
def test_pages_that_show_results_are_made_by_their_script(tmp_path):
    code = [sys.executable, str(ROOT / "tools" / "pictures.py"), "--quick", "--output", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(code, check=True, capture_output=True, cwd=tmp_path, env=environment)
    for part, pages in {"gallery": ["gallery.md"], "tutorials": (ROOT / "docs" / "tutorials").iterdir()}.items():
        linked = [name for page in pages for name in re.findall(rf"{part}/(\w+\.jpg)", text(ROOT / "docs" / page))]
        made = [*(tmp_path / part).iterdir()]
        assert sorted(linked) == sorted(path.name for path in made)
        for path in [*made, *(ROOT / "docs" / "pictures" / part).iterdir()]:
            assert path.stat().st_size <= 700_000
            assert read(path).rgb.std() > 0.05


def test_the_notebook_runs(here):
    cells = json.loads(text(ROOT / "docs" / "quickstart.ipynb"))["cells"]
    names, shown = {}, []
    for cell in cells:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"]).replace("SIDE = 384", "SIDE = 64").replace("iterations=30", SHALLOW)
            *statements, last = ast.parse(source).body
            exec(compile(ast.Module(statements, []), "cell", "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    assert names["SIDE"] == 64
    # All sheets have the same height.
    assert [picture.height for picture in shown] == [256 + 2 * GAP] * 4
