"""What each part of SDP-GAN brings: the paper's ablations and CartoonGAN, trained alike and compared as sets.

Each variant is trained by `train` with the same photographs, pictures of a style, steps, batch and seed, and then all
are compared on photographs that none was trained on. What is trained stays in the output folder, and another run goes
on where one was stopped.

    python benchmarks/ablation.py PICTURES/ PHOTOGRAPHS/ HELD_BACK/ -o runs/ablation [--steps 2000] [--size 128]
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
VARIANTS = {
    "SDP-GAN": [],
    "without L_sali": ["--saliency-weight", "0"],
    "without S''_m": ["--salient-weight", "0"],
    "without L_con_s": ["--saliency-content-weight", "0"],
    "without concatenation": ["--no-concatenation"],
    "CartoonGAN": ["--saliency-weight", "0", "--salient-weight", "0"],
}


def folder_of(variant: str, output: Path) -> Path:
    """Where a variant is trained."""
    return output / "".join(letter if letter.isalnum() else "_" for letter in variant)


def learn(variant: str, options: argparse.Namespace, more: list[str]) -> None:
    """Train a variant, or go on with it, unless it is there."""
    output = folder_of(variant, options.output)
    if (output / "card.json").is_file():
        return
    command = [sys.executable, str(ROOT / "train.py"), "--recipe", "sdp_gan"]
    command += ["--style", options.pictures, "--content", options.photographs, "--output", str(output)]
    command += ["--steps", str(options.steps), "--size", str(options.size), *more, *VARIANTS[variant]]
    if (output / "training" / "checkpoint.npz").is_file():
        command.append("--resume")
    subprocess.run(command, check=True)


def main() -> int:
    """Other options go to `train`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", help="of the style, a folder")
    parser.add_argument("photographs", help="to train on, a folder")
    parser.add_argument("held_back", help="photographs to compare on, a folder")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000, help="of each variant (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="of the crops (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=100, help="photographs to compare on (default: %(default)s)")
    options, more = parser.parse_known_args()
    options.output.mkdir(parents=True, exist_ok=True)
    models = []
    for variant in VARIANTS:
        learn(variant, options, more)
        models += ["--model", f"{variant}={folder_of(variant, options.output)}"]
    command = [sys.executable, "-m", "keras_nst", "evaluate", *models, "--photos", options.held_back]
    command += ["--model", f"the photographs={options.held_back}", "--limit", str(options.limit)]
    command += ["--style", options.pictures, "--report", str(options.output / "report")]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
