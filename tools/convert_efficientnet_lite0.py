"""Convert float32 ImageNet weights to keras_nst/models/efficientnet_lite0.npz.

Usage: python tools/convert_efficientnet_lite0.py efficientnet_lite0.weights.npz

The input holds an array for each variable of `efficientnet_lite0()`, named by its path. The printed SHA-256 belongs in
keras_nst/models/weights.py.
"""

import hashlib
import sys

import numpy as np

from keras_nst.models import weights
from keras_nst.models.efficientnet_lite import efficientnet_lite0

if __name__ == "__main__":
    network = efficientnet_lite0(weights=None)
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        rounded = {variable.path: arrays[variable.path].astype(np.float16) for variable in network.variables}
    output = weights.EMBEDDED / "efficientnet_lite0.npz"
    np.savez(output, **rounded)
    print(hashlib.sha256(output.read_bytes()).hexdigest(), output.stat().st_size)
