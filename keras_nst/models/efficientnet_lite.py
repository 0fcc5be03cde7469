"""EfficientNet-Lite0, the classifier whose weights are part of the package, built like keras.applications' networks."""

import keras
from keras import layers

from keras_nst.models.layers import DepthwiseConvolution2D
from keras_nst.models.weights import embedded

# (repeats, kernel, stride of the first block, expansion, filters): EfficientNet-B0's stages. Tan & Le 2019, table 1.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280


def preprocess_input(image_255):
    """Scale RGB in [0, 255] to about [-1, 1], as in the network's training."""
    return (image_255 - 127.0) / 128.0


def efficientnet_lite0(
    *, weights: str | None = "imagenet", classes: int = 1000, input_shape: tuple[int, int, int] = (224, 224, 3)
) -> keras.Model:
    """Build the classifier.

    Args:
        weights: "imagenet" for the package's weights, None for random ones.
        classes: Number of classes; "imagenet" has 1000.
        input_shape: (height, width, 3).

    Returns:
        A model from preprocessed images to logits (batch, classes).

    Raises:
        InputError: The embedded weights are damaged.

    Source: Tan & Le 2019, table 1; for "Lite" TensorFlow's model garden: no squeeze-and-excitation, ReLU6, not swish.
    Differs from the source: no dropout.
    """
    image = keras.Input(input_shape, name="image")
    hidden = _activated(_normalized(_convolution(image, STEM, 3, 2, "_conv_stem"), "_bn0"), "_relu0")
    block, channels = 0, STEM
    for repeats, kernel, stride, expansion, filters in STAGES:
        for place in range(repeats):
            hidden = _inverted_residual(
                hidden, kernel, 1 if place else stride, channels * expansion, filters, f"_blocks.{block}."
            )
            block, channels = block + 1, filters
    hidden = _activated(_normalized(_convolution(hidden, HEAD, 1, 1, "_conv_head"), "_bn1"), "_relu1")
    pooled = layers.GlobalAveragePooling2D(name="pool")(hidden)
    network = keras.Model(image, layers.Dense(classes, name="_fc")(pooled), name="efficientnet_lite0")
    if weights == "imagenet":
        arrays = embedded("efficientnet_lite0")
        for variable in network.variables:
            variable.assign(arrays[variable.path])
    return network


def _inverted_residual(image, kernel: int, stride: int, expanded: int, filters: int, name: str):
    """Expand, filter each channel, project; add the input if the shapes are the same."""
    channels, hidden = image.shape[-1], image
    if expanded != channels:
        hidden = _convolution(hidden, expanded, 1, 1, f"{name}_expand_conv")
        hidden = _activated(_normalized(hidden, f"{name}_bn0"), f"{name}_relu0")
    hidden = DepthwiseConvolution2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(hidden)
    hidden = _activated(_normalized(hidden, f"{name}_bn1"), f"{name}_relu1")
    hidden = _normalized(_convolution(hidden, filters, 1, 1, f"{name}_project_conv"), f"{name}_bn2")
    return layers.Add(name=f"{name}add")([hidden, image]) if (stride, filters) == (1, channels) else hidden


def _convolution(image, filters: int, kernel: int, stride: int, name: str):
    return layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=name)(image)


def _normalized(image, name: str):
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=name)(image)


def _activated(image, name: str):
    return layers.ReLU(max_value=6.0, name=name)(image)
