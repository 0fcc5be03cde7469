"""The wheel of a release."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST = 100_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since leftovers of earlier builds in the tree would be included."""
    folder = tmp_path_factory.mktemp("release")
    shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "runs"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "tree"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode and "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("needs setuptools, from an index or a mirror of one")
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
def test_the_wheel_holds_weights_and_styles_and_nothing_else(wheel):
    assert wheel.stat().st_size < LARGEST
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    inside = {name for name in names if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("keras_nst/**/*.py")}
    types = {"keras_nst/__init__.pyi", "keras_nst/py.typed"}
    scripts = {str(path.relative_to(ROOT)) for path in ROOT.glob("keras_nst/**/*.js")}
    weights = {str(path.relative_to(ROOT)) for path in ROOT.glob("keras_nst/models/*.npz")}
    styles = {f"keras_nst/saved_models/{path.parent.name}/{path.name}" for path in ROOT.glob("saved_models/*/*.*")}
    assert len(weights) == 5
    assert len(styles) >= 6 * 3
    assert inside - {"keras_nst/saved_models/__init__.py"} == modules | types | scripts | weights | styles
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


@pytest.mark.slow
def test_the_wheel_works_without_the_tree(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = "keras_nst stylize sample:astronaut --style starry_night-lite --max-size 64 -o astronaut.png --json"
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command.split()],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "astronaut.png").exists()
    json.loads(done.stdout.splitlines()[-1])
