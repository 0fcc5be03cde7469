"""ImageNet weights from the package, a file, or the download of keras.applications.

The package includes VGG16's convolutions up to block5_conv1 in float16, so nothing has to be downloaded. A path or the
environment variable KERAS_NST_VGG_WEIGHTS replaces them; "imagenet" downloads them with keras.applications.
"""

import hashlib
import io
import os
from functools import cache
from pathlib import Path

import numpy as np

from keras_nst.errors import InputError, unknown

EMBEDDED = Path(__file__).parent
SHA256 = {
    "efficientnet_lite0": "496fbe152e8e789d5063fdbc969e3da72b5f74f4b3f27a7f9f97de19abf02efe",
    "squeezenet1_1": "dcffa408933361de55a3036ebc6ea1775408b97d054d8c2825ff66e575df8c3a",
    "u2netp": "36ef07e747499f1b5fc84a4bdf017fa3ff92eefc36d229c3ca57769afbdb7298",
    "vgg16": "60708d8641b675d28b17a9a6d18c894396acba510ef15fb8e2aa77067469d98d",
}
ENVIRONMENT = "KERAS_NST_VGG_WEIGHTS"

# (channels, convolutions) of each block; blocks are separated by pooling. Simonyan & Zisserman 2015, table 1, D and E.
BLOCKS = {
    "vgg16": ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)),
    "vgg19": ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)),
}

Convolutions = dict[str, tuple[np.ndarray, np.ndarray]]


def kernel_shapes(backbone: str) -> dict[str, tuple[int, int, int, int]]:
    """The kernel shapes of all convolutions of `backbone`, shallow to deep, by layer name in keras.applications.

    Raises:
        InputError: `backbone` is neither "vgg16" nor "vgg19".
    """
    if backbone not in BLOCKS:
        raise unknown("`backbone`", backbone, BLOCKS)
    shapes, channels = {}, 3
    for block, (filters, convolutions) in enumerate(BLOCKS[backbone], 1):
        for convolution in range(1, convolutions + 1):
            shapes[f"block{block}_conv{convolution}"] = (3, 3, channels, filters)
            channels = filters
    return shapes


def vgg_weights(backbone: str = "vgg16", source: str | Path | None = None) -> Convolutions:
    """Kernels and biases of VGG's convolutions, float32.

    Args:
        backbone: "vgg16" or "vgg19".
        source: The path of an HDF5 file in the layout of keras.applications, with or without the classifier;
            "imagenet" for the download of keras.applications, whose hash Keras verifies; or None for
            KERAS_NST_VGG_WEIGHTS if it is set, else the package's weights (VGG16 up to block5_conv1) or, for VGG19, the
            download.

    Returns:
        {layer: (kernel (3, 3, channels, filters), bias (filters,))}, shallow to deep.

    Raises:
        InputError: An unknown backbone, a missing file, a file of another network or damaged embedded weights.
    """
    source = source or os.environ.get(ENVIRONMENT)
    if source == "imagenet" or (source is None and backbone != "vgg16"):
        return _download(backbone)
    return _embedded_vgg16() if source is None else read_keras_h5(source, backbone)


def at_hand(backbone: str, source: str | Path | None = None) -> bool:
    """Whether `vgg_weights` needs no download for these weights, except one that the user asked for."""
    source = source or os.environ.get(ENVIRONMENT)
    if backbone == "vgg16" or source == "imagenet":
        return True
    if source is None:
        return kept_by_keras(f"{backbone}_weights_tf_dim_ordering_tf_kernels_notop.h5") is not None
    try:
        return bool(read_keras_h5(source, backbone))
    except InputError:  # Most likely the file is for the other network.
        return False


def kept_by_keras(file: str) -> Path | None:
    """The path of a file that keras.applications has downloaded before; None if it has not."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "models", file)
    return path if path.is_file() else None


@cache
def embedded(network: str) -> dict[str, np.ndarray]:
    """Load a network's weights from the package, where they are in float16, as float32.

    Args:
        network: A key of `SHA256`.

    Raises:
        InputError: The file is damaged.
    """
    file = EMBEDDED / f"{network}.npz"
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[network]:
        raise InputError(f"The embedded weights {file} are damaged: another SHA-256. Install keras_nst again.")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: array.astype(np.float32) for name, array in arrays.items()}


def _embedded_vgg16() -> Convolutions:
    arrays = embedded("vgg16")
    layers = dict.fromkeys(name.split("/")[0] for name in arrays)
    return {layer: (arrays[f"{layer}/kernel"], arrays[f"{layer}/bias"]) for layer in layers}


def read_keras_h5(path: str | Path, backbone: str, through: str | None = None) -> Convolutions:
    """Read the convolutions from an HDF5 weights file in the layout of keras.applications.

    Args:
        path: The file.
        backbone: "vgg16" or "vgg19".
        through: The last layer to read; None for all.

    Returns:
        Like `vgg_weights`.

    Raises:
        InputError: There is no such file, or it does not hold the weights of `backbone`.
    """
    import h5py

    expected = f"Expected the HDF5 weights of keras.applications' {backbone}"
    if not os.path.isfile(path):
        raise InputError(f"No VGG weights at {path}. {expected}.")
    convolutions = {}
    try:
        with h5py.File(path) as file:
            for layer, shape in kernel_shapes(backbone).items():
                # Keras 2 wrote "block1_conv1_W_1:0" and "..._b_1:0", or "kernel:0" and "bias:0" one level deeper.
                arrays = []
                file[layer].visititems(
                    lambda _, item, found=arrays: found.append(item) if hasattr(item, "dtype") else None
                )
                arrays = {array.ndim: np.asarray(array, np.float32) for array in arrays}
                if arrays[4].shape != shape or arrays[1].shape != shape[-1:]:
                    raise KeyError(layer)
                convolutions[layer] = arrays[4], arrays[1]
                if layer == through:
                    break
    except (OSError, KeyError, AttributeError) as error:  # AttributeError: an array instead of a layer's group.
        raise InputError(f"{path} does not hold the weights of {backbone} ({error}). {expected}.") from error
    return convolutions


def _download(backbone: str) -> Convolutions:
    import keras

    application = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}
    if backbone not in application:
        raise unknown("`backbone`", backbone, application)
    try:
        network = application[backbone](include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        raise InputError(
            f"Cannot download {backbone}'s weights: {error}. Pass a file with `vgg_weights` or set {ENVIRONMENT}."
        ) from error
    return {layer.name: tuple(layer.get_weights()) for layer in network.layers if layer.get_weights()}
