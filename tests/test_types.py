"""What a type checker reports for programs that use the package."""

import subprocess
import sys

PROGRAM = """
import keras_nst

picture: keras_nst.Picture = keras_nst.optimize("photo.jpg", "painting.jpg", end_size=512)
keras_nst.write("out.png", picture)
options = keras_nst.PixelOptions(iterations=20, color="keep")
keras_nst.learn(keras_nst.TrainingOptions(style=["painting.jpg"], steps=100)).joinpath("card.json")
print(keras_nst.styles().keys(), options.mask_rule.upper())

keras_nst.PixelOptions(iterations="many")
keras_nst.PixelOptions(iteration=20)
keras_nst.harmonise("painting.jpg", "composite.jpg")
keras_nst.read("photo.jpg").colors
"""


def test_right_calls_pass_and_wrong_ones_are_found(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    quiet = ("--follow-imports=silent", "--ignore-missing-imports", "--cache-dir", tmp_path / "cache")
    result = subprocess.run([sys.executable, "-m", "mypy", *quiet, program], capture_output=True, text=True)
    found = [line.split(":")[1] for line in result.stdout.splitlines() if ": error:" in line]
    assert found == ["10", "11", "12", "13"]
