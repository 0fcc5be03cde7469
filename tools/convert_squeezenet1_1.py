"""Make keras_nst/models/squeezenet1_1.npz from the ImageNet weights in float32.

Usage: python tools/convert_squeezenet1_1.py squeezenet1_1.weights.npz

The input holds a kernel (height, width, channels, filters) and a bias for each layer, such as "fire2/expand1x1/kernel".
The SHA-256 that this prints belongs into keras_nst/models/weights.py.
"""

import hashlib
import sys

import numpy as np

from keras_nst.models import weights
from keras_nst.models.squeezenet import squeezenet1_1

if __name__ == "__main__":
    network = squeezenet1_1(weights=None)
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        # A layer's name has no slash in Keras.
        theirs = {variable.path: arrays[variable.path.replace("_", "/")] for variable in network.variables}
    rounded = {path: array.astype(np.float16) for path, array in theirs.items()}
    output = weights.EMBEDDED / "squeezenet1_1.npz"
    np.savez(output, **rounded)
    print(hashlib.sha256(output.read_bytes()).hexdigest(), output.stat().st_size)
