"""What each part of SDP-GAN brings: the paper's ablations and two baselines, trained alike and compared as sets.

`train` trains each variant with the same photographs, style pictures, steps, batch size and seed. Then all are compared
on photographs that none was trained on. Trained variants stay in the output folder, and a second run resumes there.

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
    "without concatenation": ["--no-concatenate"],
    "w_con fixed": ["--content-schedule", "fixed"],
    "CartoonGAN": ["--saliency-weight", "0", "--salient-weight", "0"],
    "CycleGAN": ["--recipe", "cyclegan"],
}
TERMS = ("content", "salient", "saliency-content", "saliency", "color", "transport")
WEIGHTS = {f"--{term}-weight" for term in TERMS}


def folder_of(variant: str, output: Path) -> Path:
    """The folder that a variant is trained in."""
    return output / "".join(letter if letter.isalnum() else "_" for letter in variant)


def learn(variant: str, options: argparse.Namespace, more: list[str]) -> None:
    """Train a variant or resume its training, unless it is finished."""
    output = folder_of(variant, options.output)
    if (output / "card.json").is_file():
        return
    command = [sys.executable, str(ROOT / "train.py"), "--recipe", "sdp_gan"]
    command += ["--style", options.pictures, "--content", options.photographs, "--output", str(output)]
    own = VARIANTS[variant]
    if "--recipe" in own:
        # Another recipe has other terms.
        more = [word for flag, word in zip(["", *more], more, strict=False) if not {flag, word} & WEIGHTS]
    command += ["--steps", str(options.steps), "--size", str(options.size), *more, *own]
    if (output / "training" / "checkpoint.npz").is_file():
        command.append("--resume")
    subprocess.run(command, check=True)


def main() -> int:
    """Train and compare all variants. Unknown options are passed to `train`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", help="folder of style pictures")
    parser.add_argument("photographs", help="folder of photographs to train on")
    parser.add_argument("held_back", help="folder of photographs to compare on")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000, help="steps for each variant (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="side of the crops (default: %(default)s)")
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
