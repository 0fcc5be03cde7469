"""The quality and cost of harmonizing pasted objects.

    python benchmarks/harmonize.py cases DIR --report OUT     # comparison with another method's results
    python benchmarks/harmonize.py options DIR                # the contribution of each part of the method
    python benchmarks/harmonize.py cost                       # seconds and memory

A case is a folder with background.jpg, composite.jpg, mask.jpg and the other method's peer_result.jpg, like the public
ones of Luan et al. 2018. Exits with 1 if a goal is missed.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from skimage import data

from keras_nst.evaluation.harmonization import UNSEEN, measure
from keras_nst.jobs.harmonize import harmonize
from keras_nst.models.observer import Observer
from keras_nst.models.vgg import vgg
from keras_nst.options import HarmonizeOptions
from keras_nst.pictures.io import read, write
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.pyramid import fit
from keras_nst.pictures.sheet import contact_sheet
from keras_nst.recipes.zhou.matching import STYLE_LAYERS
from keras_nst.select.paste import find_object

MEASURES = ("style", "moments", "content", "seam", "changed_outside")
# Number of the 18 cases that must be at least as good as the other method's (seam: as the painting's own outlines).
GOALS = {"style": 14, "content": 12, "seam": 16}
VARIANTS = {
    "all": {},
    "without recoloring": {"recolor": False},
    "matches not in line": {"consistent": False},
    "patches, each by itself": {"match": "patches"},
    "style of all the painting": {"match": "none"},
    "only that (masked Gatys)": {"match": "none", "recolor": False, "weights": {"color": 0.0}},
}
SECONDS = {"draft": 25, "good": 90}
GIGABYTES, SMALL_TO_LARGE, TWICE_AS_LARGE = 4.0, 0.4, 1.3


def case(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read painting, composite and given mask at the same size."""
    composite = read(folder / "composite.jpg").rgb
    painting, mask = (fit(read(folder / f"{name}.jpg").rgb, composite) for name in ("background", "mask"))
    return painting, composite, np.float32(mask[..., :1] > 0.5)


def cases(options: argparse.Namespace) -> bool:
    """Run every case with the mask that is found and with the given mask, and compare with the other method."""
    observer = Observer(vgg=vgg([*STYLE_LAYERS, *UNSEEN]))
    folders = sorted(path.parent for path in Path(options.folder).glob("*/composite.jpg"))
    reached = {kind: dict.fromkeys(GOALS, 0) for kind in options.mask}
    overlaps, rows, facts = [], [], {}
    for folder in folders:
        painting, composite, given = case(folder)
        found = find_object(composite, painting)
        overlaps.append(float((found * given).sum() / np.maximum(found, given).sum()))
        peer = fit(read(folder / "peer_result.jpg").rgb, composite)
        theirs = measure(peer, painting, composite, given, observer)
        row = [composite]
        facts[folder.name] = {"iou": overlaps[-1], "peer": theirs}
        for kind, mask in {"found": found, "given": given}.items():
            if kind not in options.mask:
                continue
            began = time.perf_counter()
            result = harmonize(painting, composite, mask, HarmonizeOptions(quality=options.quality))
            seconds = time.perf_counter() - began
            ours = measure(result, painting, composite, given if kind == "given" else mask, observer)
            facts[folder.name][kind] = ours | {"seconds": round(seconds, 1)}
            reached[kind]["style"] += ours["style"] < theirs["style"]
            reached[kind]["content"] += ours["content"] <= theirs["content"]
            reached[kind]["seam"] += ours["seam"] <= 1
            row.append(result)
            figures = "  ".join(f"{name} {ours[name]:.3g} ({theirs[name]:.3g})" for name in MEASURES)
            print(f"{folder.name} {kind}  {figures}  IoU {overlaps[-1]:.2f}  {seconds:.0f} s", flush=True)
        rows.append([*row, peer])
        if options.report:
            sheet = contact_sheet(rows, labels=["composite", *(f"mask {kind}" for kind in options.mask), "other"])
            write(Path(options.report) / "cases.png", Picture(sheet))
            (Path(options.report) / "cases.json").write_text(json.dumps(facts, indent=2), "utf-8")
    print(f"IoU of the mask found: at least 0.9 in {sum(value >= 0.9 for value in overlaps)} of {len(overlaps)}")
    for kind, counts in reached.items():
        print(f"mask {kind}: " + ", ".join(f"{name} {count} of {len(folders)}" for name, count in counts.items()))
    return all(counts[name] >= goal * len(folders) / 18 for counts in reached.values() for name, goal in GOALS.items())


def parts(options: argparse.Namespace) -> bool:
    """The contribution of each part of the method: means over the cases, at one size to save time."""
    observer = Observer(vgg=vgg([*STYLE_LAYERS, *UNSEEN]))
    found = {name: [] for name in VARIANTS}
    for folder in sorted(path.parent for path in Path(options.folder).glob("*/composite.jpg"))[: options.limit]:
        painting, composite, mask = case(folder)
        for name, changed in VARIANTS.items():
            chosen = HarmonizeOptions(quality=options.quality, **changed)
            result = harmonize(painting, composite, mask, chosen)
            found[name].append(measure(result, painting, composite, mask, observer))
    for name, rows in found.items():
        means = {measured: statistics.mean(row[measured] for row in rows) for measured in MEASURES[:4]}
        print(f"{name:28}" + "".join(f"  {measured} {mean:.3f}" for measured, mean in means.items()))
    return True


def once(side: int, share: float, quality: str) -> None:
    """Run once on a painting of this longer side, with an object of this share of 700 x 525 pixels; print the cost."""
    texture = cv2.resize(np.float32(data.immunohistochemistry()) / 255, (side, side * 3 // 4))[None]
    y, x = np.indices(texture.shape[1:3])
    radius = np.sqrt(share * 700 * 525 / np.pi)
    mask = np.float32(np.hypot(y - side * 3 // 8, x - side // 2) < radius)[None, ..., None]
    object_ = cv2.resize(np.float32(data.astronaut()) / 255, texture.shape[2:0:-1])[None]
    began = time.perf_counter()
    harmonize(texture, np.where(mask > 0, object_, texture), mask, HarmonizeOptions(quality=quality))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": round(seconds, 1), "gigabytes": round(peak, 2)}))


def cost(options: argparse.Namespace) -> bool:
    """Seconds and memory of runs in their own processes, with compilation."""

    def run(side: int, share: float, quality: str = "good") -> dict:
        command = [sys.executable, __file__, "once", str(side), str(share), quality]
        taken = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        print(f"{side} px, object {share:.0%}, {quality}: {taken['seconds']} s, {taken['gigabytes']} GB", flush=True)
        return taken

    large, small, draft = run(700, 0.3), run(700, 0.05), run(700, 0.2, "draft")
    good, wide = run(700, 0.2), run(990, 0.05)
    checks = {
        f"good within {SECONDS['good']} s": good["seconds"] <= SECONDS["good"],
        f"draft within {SECONDS['draft']} s": draft["seconds"] <= SECONDS["draft"],
        f"memory under {GIGABYTES} GB": max(large["gigabytes"], good["gigabytes"]) < GIGABYTES,
        f"5 % of the painting costs {small['seconds'] / large['seconds']:.2f} of 30 %": small["seconds"]
        <= SMALL_TO_LARGE * large["seconds"],
        f"twice the painting costs {wide['seconds'] / small['seconds']:.2f}": wide["seconds"]
        <= TWICE_AS_LARGE * small["seconds"],
    }
    for text, held in checks.items():
        print(f"{text}: {'reached' if held else 'missed'}")
    return all(checks.values())


def main() -> int:
    """Run a subcommand. The exit code says whether the goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    for name in ("cases", "options"):
        added = commands.add_parser(name)
        added.add_argument("folder")
        added.add_argument("--quality", default="good")
        added.add_argument("--report")
        added.add_argument("--limit", type=int)
        added.add_argument("--mask", nargs="+", choices=("found", "given"), default=["found", "given"])
    commands.add_parser("cost")
    single = commands.add_parser("once")
    single.add_argument("side", type=int)
    single.add_argument("share", type=float)
    single.add_argument("quality")
    options = parser.parse_args()
    if options.command == "once":
        once(options.side, options.share, options.quality)
        return 0
    return 0 if {"cases": cases, "options": parts, "cost": cost}[options.command](options) else 1


if __name__ == "__main__":
    sys.exit(main())
