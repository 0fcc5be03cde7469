"""Transfer time and size of styles, as in table 1 of Liu et al. 2019: 480x640 pixels, the mean of 15 pictures.

The size of a style that is a code is that of the code and of the net that it shares with others.

python benchmarks/transfer_time.py the_scream [STYLE...]
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from skimage import data, transform

from keras_nst.infer.stylizer import Stylizer
from keras_nst.models.styles import find_style, net_files
from keras_nst.pictures.picture import Picture

PICTURES = 15


def main(styles: list[str]) -> int:
    """Print a row for each style."""
    photograph = transform.resize(data.coffee(), (480, 640), anti_aliasing=True)[None].astype("float32")
    stylizers = {style: Stylizer(style) for style in styles or ["the_scream"]}
    seconds = {style: [] for style in stylizers}
    for turn in range(PICTURES + 1):
        for style, stylizer in stylizers.items():
            began = time.perf_counter()
            stylizer(Picture(photograph))
            if turn:  # The first run compiles.
                seconds[style].append(time.perf_counter() - began)
    for style, times in seconds.items():
        own, *shared = (file.stat().st_size / 1024 for file in net_files(find_style(style)))
        size = f"{own:7.0f} KiB" + "".join(f" and the shared net, {net:.0f} KiB" for net in shared)
        print(f"{style:32} {1000 * statistics.mean(times):7.0f} ms  {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
