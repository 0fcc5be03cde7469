"""Class activation maps: where a classifier sees a class in an image."""

import importlib
import os
import warnings
from pathlib import Path

import keras
from keras import layers, ops

from keras_nst.errors import InputError, unknown
from keras_nst.models import efficientnet_lite, squeezenet

EMBEDDED = {
    "efficientnet_lite0": (efficientnet_lite.efficientnet_lite0, efficientnet_lite.preprocess_input),
    "squeezenet1_1": (squeezenet.squeezenet1_1, squeezenet.preprocess_input),
}
"""Classifiers with weights in the package: the function that builds each, and its preprocessing."""


def gap_classifier(
    backbone: str = "efficientnet_lite0",
    *,
    weights: str | Path | None = "imagenet",
    classes: int = 1000,
    size: int | None = None,
) -> keras.Model:
    """Build a classifier that also gives the activation map of each class.

    The network must end in a convolution, global average pooling and one dense layer. This holds for MobileNet,
    MobileNetV2, ResNet50, ResNet50V2, DenseNet121, EfficientNetB0, EfficientNetV2B0, Xception, InceptionV3 and their
    larger versions. If the last convolution has one map per class, as in SqueezeNet, no dense layer is needed. To fit
    it to your own classes, train `keras.Model(model.input, model.output["logits"])`.

    Args:
        backbone: "efficientnet_lite0" or "squeezenet1_1", the paper's, whose weights are part of the package, or a
            network of keras.applications.
        weights: "imagenet", which Keras downloads for other backbones; a file of weights from Keras or the backbone's
            `save_weights`; None for random weights.
        classes: Number of classes; "imagenet" has 1000.
        size: Side in pixels that images are resized to; None for the size that the backbone was trained with.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] of any size to {"maps": activation maps of all classes
        (batch, h, w, classes), "logits": (batch, classes), "pooled": mean of the last features (batch, channels)}.

    Raises:
        InputError: An unknown backbone, one without global average pooling, a size that is too small for it, or weights
            that do not fit.

    Source: Liu et al. 2019, section III.E and eq. (6); Zhou et al. 2016, "Learning deep features for discriminative
    localization".
    Differs from the source: any network, not only SqueezeNet 1.1.
    """
    build, preprocess = _backbone(backbone)
    side = {"input_shape": (size, size, 3)} if size else {}
    # The package's weights fit any size. All others are loaded after the network's last layers have been checked.
    own = weights if backbone in EMBEDDED and (weights, classes) == ("imagenet", 1000) else None
    try:
        network = build(weights=own, classes=classes, **side)
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"Cannot build {backbone} for pictures of {size} pixels: {reason}. Choose more.") from error
    head, features = _head(network, backbone)
    if weights != own:
        _load(network, build, backbone, weights, classes)

    image = keras.Input((None, None, 3), name="image")
    # Not Keras's Resizing layer: with it, all later layers run in training mode by default.
    hidden = ops.image.resize(image, network.input_shape[1:3])
    features, logits = keras.Model(network.input, [features, network.output], name=backbone)(preprocess(255.0 * hidden))
    outputs = {"maps": ActivationMaps(head, name="maps")(features) if head else features, "logits": logits}
    outputs["pooled"] = layers.GlobalAveragePooling2D(name="pooled")(features)
    return keras.Model(image, outputs, name=f"cam_{backbone}")


def cam(classifier: keras.Model, image, category):
    """The activation map of one class per image.

    M(x, y) = sum over k of w_k f_k(x, y), with f the features of the last convolution and w the weights of the class.
    Its mean over positions is the logit of the class without the dense layer's bias.

    Args:
        classifier: From `gap_classifier`.
        image: RGB (batch, height, width, 3) in [0, 1].
        category: Index of the class for each image, (batch,).

    Returns:
        (batch, h, w), of any sign; not negative for SqueezeNet, whose maps have passed a ReLU.

    Source: Liu et al. 2019, eq. (6).
    """
    maps = classifier(image, training=False)["maps"]
    return ops.take_along_axis(maps, ops.reshape(category, (-1, 1, 1, 1)), axis=-1)[..., 0]


class ActivationMaps(layers.Layer):
    """Activation maps of all classes: applies the dense layer's kernel to each position of the features.

    Args:
        head: The classifier's dense layer, or the 1x1 convolution that replaces it.

    Source: Liu et al. 2019, eq. (6).
    """

    def __init__(self, head: layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.head = head

    def compute_output_shape(self, input_shape):
        """(batch, h, w, classes)."""
        return (*input_shape[:-1], self.head.kernel.shape[-1])

    def call(self, features):
        """The maps (batch, h, w, classes) of features (batch, h, w, channels)."""
        kernel = ops.convert_to_tensor(self.head.kernel)
        return ops.matmul(features, ops.reshape(kernel, (features.shape[-1], -1)))


def _backbone(name: str):
    """The functions that build the backbone and preprocess RGB in [0, 255] for it."""
    if name in EMBEDDED:
        return EMBEDDED[name]
    networks = [key for key in dir(keras.applications) if key[0].isupper()]
    if name not in networks:
        raise unknown("classifier", name, [*EMBEDDED, *networks])
    application = getattr(keras.applications, name)

    def build(**kwargs):
        return application(classifier_activation=None, **kwargs)

    return build, importlib.import_module(application.__module__).preprocess_input


def _load(network: keras.Model, build, backbone: str, weights: str | Path, classes: int) -> None:
    if weights == "imagenet":
        if classes != 1000:
            raise InputError(f"ImageNet has 1000 classes. Received: {classes}. Pass a file of weights.")
        try:
            # A second network is needed, since Keras loads ImageNet weights only at one size.
            network.set_weights(build(weights="imagenet").get_weights())
        except Exception as error:  # Keras raises a bare Exception when a download fails.
            ready = " or ".join(EMBEDDED)
            raise InputError(f"Cannot get {backbone}'s weights: {error}. Pass a file, or use {ready}.") from error
        return
    if not os.path.isfile(weights):
        raise InputError(f"No weights of {backbone} at {weights}. Expected a file, or 'imagenet'.")
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras warns before it raises the same error.
            network.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"{weights} does not hold the weights of {backbone} with {classes} classes. "
            "Check the file and the number of classes."
        ) from error


def _head(network: keras.Model, backbone: str):
    """The layer that classifies, and the features that are averaged before it.

    The layer is None if the averages themselves are the logits.

    Raises:
        InputError: The network does not end in global average pooling and at most one such layer.
    """
    passing = (layers.Dropout, layers.Reshape, layers.Activation)
    heads = []
    layer = network.output._keras_history.operation
    while isinstance(layer, (*passing, layers.Dense)) or (isinstance(layer, layers.Conv2D) and not heads):
        if not isinstance(layer, passing):
            heads.append(layer)
        layer = layer.input._keras_history.operation
    if len(heads) > 1 or not isinstance(layer, layers.GlobalAveragePooling2D):
        raise InputError(
            f"A classifier must end in global average pooling and one dense layer. {backbone} does not. "
            "Choose a network such as EfficientNetB0, ResNet50, DenseNet121 or MobileNetV2."
        )
    return (heads or [None])[0], layer.input
