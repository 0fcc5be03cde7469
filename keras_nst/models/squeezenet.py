"""SqueezeNet 1.1, the classifier of Liu et al. 2019, with weights in the package."""

import keras
from keras import layers, ops

from keras_nst.models.weights import embedded

SIDE = 227
MEAN = (104.0, 117.0, 123.0)  # Mean of ImageNet's blue, green and red.

# (squeeze, expand) filters of the fire modules 2 to 9. There is a pooling before modules 2, 4 and 6.
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
POOLED = (2, 4, 6)


def preprocess_input(image_255):
    """BGR minus its mean, of RGB in [0, 255]."""
    return image_255[..., ::-1] - ops.convert_to_tensor(MEAN, dtype="float32")


def squeezenet1_1(
    *, weights: str | None = "imagenet", classes: int = 1000, input_shape: tuple[int, int, int] = (SIDE, SIDE, 3)
) -> keras.Model:
    """Build the classifier.

    The last convolution has one map per class, and the logits are their means: they are the class activation maps.

    Args:
        weights: "imagenet" for the package's weights, None for random ones.
        classes: Number of classes; "imagenet" has 1000.
        input_shape: (height, width, 3), with height and width both even or both odd.

    Returns:
        A model from preprocessed images to logits (batch, classes), not negative.

    Raises:
        InputError: The embedded weights are damaged.

    Source: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    table 1; version 1.1 of their repository, with a first layer of 3x3 and earlier pooling.
    Differs from the source: no dropout.
    """
    image = keras.Input(input_shape, name="image")
    hidden = _convolution(image, 64, 3, "conv1", strides=2, padding="valid")
    for number, (squeeze, expand) in enumerate(FIRES, 2):
        if number in POOLED:
            # Caffe rounds sizes up, which "same" does for even sizes.
            hidden = layers.MaxPooling2D(3, 2, padding="valid" if hidden.shape[1] % 2 else "same")(hidden)
        squeezed = _convolution(hidden, squeeze, 1, f"fire{number}_squeeze1x1")
        sides = [_convolution(squeezed, expand, side, f"fire{number}_expand{side}x{side}") for side in (1, 3)]
        hidden = layers.Concatenate(name=f"fire{number}")(sides)
    maps = _convolution(hidden, classes, 1, "conv10")
    network = keras.Model(image, layers.GlobalAveragePooling2D(name="pool10")(maps), name="squeezenet1_1")
    if weights == "imagenet":
        arrays = embedded("squeezenet1_1")
        for variable in network.variables:
            variable.assign(arrays[variable.path])
    return network


def _convolution(image, filters: int, side: int, name: str, **kwargs):
    return layers.Conv2D(filters, side, activation="relu", name=name, **{"padding": "same", **kwargs})(image)
