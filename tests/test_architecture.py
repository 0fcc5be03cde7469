"""The source follows docs/architecture.md."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_nst"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

# A module imports only from its own group and those before it.
ORDER = [
    {"__init__", "console", "errors", "fields", "files", "interruption", "memory", "startup"},
    {"pictures"},
    {"losses", "video"},
    {"models"},
    {"fit", "select"},
    {"data", "recipes"},
    {"infer", "options"},
    {"evaluation", "jobs"},
    {"api", "commands", "cli", "app"},
    {"__main__"},
]
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}

# Everything else uses keras and keras.ops, which run on any backend.
TENSORFLOW = (
    "fit/autodiff.py",
    "fit/callbacks.py",
    "fit/devices.py",
    "data/datasets.py",
    "data/sets.py",
    "infer/",
    "jobs/export.py",
    "select/subject.py",
    "startup.py",
)

# Other modules use the visible colors. These write, resize or paste a picture with its alpha.
HIDDEN = (
    "commands/stylize.py",
    "jobs/stylize.py",
    "pictures/encoding.py",
    "select/paste.py",
    "pictures/picture.py",
    "infer/stylizer.py",
)


def part(module):
    """The folder or file under keras_nst that a module belongs to."""
    return module.split("/")[0].removesuffix(".py")


def tree(module):
    return ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))


def imported(nodes):
    """Dotted names of all imports, also inside functions."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_parts_of_the_package_are_all_in_order():
    assert {part(module) for module in MODULES} <= set(RANK)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    own = [name.split(".") for name in imported(tree(module)) if name.split(".")[0] == PACKAGE.name]
    # A second name that is not a part is a name in keras_nst/__init__.py.
    reached = {names[1] if len(names) > 1 and names[1] in RANK else "__init__" for names in own}
    backwards = {other for other in reached if RANK[other] > RANK[part(module)]}
    assert not backwards


def test_tensorflow_is_imported_in_few_named_places():
    importing = {module for module in MODULES for name in imported(tree(module)) if name.split(".")[0] == "tensorflow"}
    assert [module for module in importing if not module.startswith(TENSORFLOW)] == []


def test_the_library_does_not_print():
    printing = {
        module
        for module in MODULES
        for node in tree(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert [module for module in printing if RANK[part(module)] < RANK["cli"]] == []


def test_rich_shows_text_in_one_place():
    """In `console`, which disables markup. Columns without text, and tables, may be made elsewhere."""
    harmless = {"box.SIMPLE_HEAD", "table.Table"} | {
        f"progress.{column}Column" for column in ("Bar", "MofNComplete", "TaskProgress", "TimeElapsed", "TimeRemaining")
    }
    found = {
        f"{module}: {name}"
        for module in MODULES
        for name in imported(tree(module))
        if module != "console.py" and name.split(".")[0] == "rich" and name.removeprefix("rich.") not in harmless
    }
    assert found == set()


def test_colors_that_transparency_hides_are_read_in_few_named_places():
    reading = {
        module
        for module in MODULES
        for node in tree(module)
        if isinstance(node, ast.Attribute) and node.attr == "straight"
    }
    assert [module for module in reading if not module.startswith(HIDDEN)] == []


@pytest.mark.parametrize("module", ["keras_nst", "keras_nst.cli"])
def test_importing_it_does_not_wait_for_tensorflow(module):
    code = f"import {module}, sys; print(*sorted({{'tensorflow', 'keras'}} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert result.stdout.split() == []


def test_an_installation_holds_every_package():
    metadata = configparser.ConfigParser()
    metadata.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    found = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(metadata["options"]["packages"].split()) == found | {"keras_nst.saved_models"}
