"""Convert the ONNX file of U2-Netp to keras_nst/models/u2netp.npz.

Usage: python tools/convert_u2netp.py u2netp.onnx

The file must list its convolutions in the order in which `u2netp()` builds them. Kernels and biases are stored as
float16, named by the variables' paths. The printed SHA-256 belongs in keras_nst/models/weights.py.
"""

import hashlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper

from keras_nst.models import weights
from keras_nst.models.u2netp import u2netp

if __name__ == "__main__":
    graph = onnx.load(sys.argv[1]).graph
    known = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    convolutions = [node.input[1:3] for node in graph.node if node.op_type == "Conv"]
    # From (filters, channels, height, width).
    theirs = [array for kernel, bias in convolutions for array in (known[kernel].transpose(2, 3, 1, 0), known[bias])]
    own = [layer for layer in u2netp(pretrained=False).layers if layer.weights]
    # Keras sorts by depth, so the convolutions of the maps come before some others.
    own.sort(key=lambda layer: layer.name if layer.name.startswith(("map", "subject")) else "")
    arrays = {}
    for variable, array in zip((variable for layer in own for variable in layer.weights), theirs, strict=True):
        assert tuple(variable.shape) == array.shape, variable.path
        arrays[variable.path] = array.astype(np.float16)
    output = weights.EMBEDDED / "u2netp.npz"
    np.savez(output, **arrays)
    print(hashlib.sha256(output.read_bytes()).hexdigest(), output.stat().st_size)
