"""Convert VGG16 weights in the layout of keras.applications to keras_nst/models/vgg16.npz.

Usage: python tools/convert_vgg16.py vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5

The convolutions up to block5_conv1 are stored as float16 arrays named "<layer>/kernel" and "<layer>/bias". The printed
SHA-256 belongs in keras_nst/models/weights.py.
"""

import hashlib
import sys

import numpy as np

from keras_nst.models import weights

if __name__ == "__main__":
    convolutions = weights.read_keras_h5(sys.argv[1], "vgg16", through="block5_conv1")
    arrays = {}
    for layer, (kernel, bias) in convolutions.items():
        arrays[f"{layer}/kernel"] = kernel.astype(np.float16)
        arrays[f"{layer}/bias"] = bias.astype(np.float16)
    output = weights.EMBEDDED / "vgg16.npz"
    np.savez(output, **arrays)
    print(hashlib.sha256(output.read_bytes()).hexdigest(), output.stat().st_size)
