"""Class activation maps: where in an image a classifier sees a class."""

import importlib
import os
import warnings
from pathlib import Path

import keras
from keras import layers, ops

from keras_nst.errors import InputError, unknown
from keras_nst.models import efficientnet_lite

EMBEDDED = "efficientnet_lite0"


def gap_classifier(
    backbone: str = EMBEDDED,
    *,
    weights: str | Path | None = "imagenet",
    classes: int = 1000,
    size: int | None = None,
) -> keras.Model:
    """Build a classifier that also tells where it sees each class.

    The last convolution must feed global average pooling and that one dense layer: MobileNet, MobileNetV2, ResNet50,
    ResNet50V2, DenseNet121, EfficientNetB0, EfficientNetV2B0, Xception, InceptionV3 and their larger sisters do. To
    fit it on classes of your own, train `keras.Model(model.input, model.output["logits"])`.

    Args:
        backbone: "efficientnet_lite0", whose weights travel inside the package, or a network of keras.applications.
        weights: "imagenet", which for other backbones Keras downloads; a file that `save_weights` of the backbone, or
            Keras, wrote; None for random weights.
        classes: Number of classes; "imagenet" has 1000.
        size: Side in pixels that images are resized to; None for the size that the backbone was trained with.

    Returns:
        A model from RGB (batch, height, width, 3) in [0, 1] of any size to {"maps": activation maps of all classes
        (batch, h, w, classes), "logits": (batch, classes), "pooled": the last features' means (batch, channels)}.

    Raises:
        InputError: An unknown backbone, one without global average pooling, or weights that do not fit.

    Source: Liu et al. 2019, section III.E and eq. (6); Zhou et al. 2016, "Learning deep features for discriminative
    localization". Differs from the source: any network in place of SqueezeNet.
    """
    build, preprocess = _backbone(backbone)
    side = {"input_shape": (size, size, 3)} if size else {}
    # The weights inside the package fit any size; all others are loaded once the network is known to end as it must.
    own = weights if (backbone, weights, classes) == (EMBEDDED, "imagenet", 1000) else None
    network = build(weights=own, classes=classes, **side)
    head, features = _head(network, backbone)
    if weights != own:
        _load(network, build, backbone, weights, classes)

    image = keras.Input((None, None, 3), name="image")
    # Keras's Resizing layer would do, but has everything behind it run as in training unless told otherwise.
    hidden = ops.image.resize(image, network.input_shape[1:3])
    features, logits = keras.Model(network.input, [features, network.output], name=backbone)(preprocess(255.0 * hidden))
    outputs = {"maps": ActivationMaps(head, name="maps")(features), "logits": logits}
    outputs["pooled"] = layers.GlobalAveragePooling2D(name="pooled")(features)
    return keras.Model(image, outputs, name=f"cam_{backbone}")


def cam(classifier: keras.Model, image, category):
    """The activation map of one class for each image.

    M(x, y) = sum over k of w_k f_k(x, y), with f the last convolution's features and w the weights of the class. Its
    mean over positions is the logit of the class without its bias.

    Args:
        classifier: From `gap_classifier`.
        image: RGB (batch, height, width, 3) in [0, 1].
        category: Index of the class for each image, (batch,).

    Returns:
        (batch, h, w), of any sign.

    Source: Liu et al. 2019, eq. (6). Differs from the source: nothing.
    """
    maps = classifier(image, training=False)["maps"]
    return ops.take_along_axis(maps, ops.reshape(category, (-1, 1, 1, 1)), axis=-1)[..., 0]


class ActivationMaps(layers.Layer):
    """Eq. (6) for all classes at once: the weights of a dense layer, applied to each position before the pooling.

    Args:
        head: The classifier's dense layer, or a 1x1 convolution in its place.
    """

    def __init__(self, head: layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.head = head

    def compute_output_shape(self, input_shape):
        """A map for each class in place of each feature."""
        return (*input_shape[:-1], self.head.kernel.shape[-1])

    def call(self, features):
        """The maps (batch, h, w, classes) of features (batch, h, w, channels)."""
        kernel = ops.convert_to_tensor(self.head.kernel)
        return ops.matmul(features, ops.reshape(kernel, (features.shape[-1], -1)))


def _backbone(name: str):
    """What builds the backbone and what prepares RGB in [0, 255] for it."""
    if name == EMBEDDED:
        return efficientnet_lite.efficientnet_lite0, efficientnet_lite.preprocess_input
    networks = [key for key in dir(keras.applications) if key[0].isupper()]
    if name not in networks:
        raise unknown("`backbone`", name, [EMBEDDED, *networks])
    application = getattr(keras.applications, name)

    def build(**kwargs):
        return application(classifier_activation=None, **kwargs)

    return build, importlib.import_module(application.__module__).preprocess_input


def _load(network: keras.Model, build, backbone: str, weights: str | Path, classes: int) -> None:
    if weights == "imagenet":
        if classes != 1000:
            raise InputError(f"ImageNet has 1000 classes. Received: {classes}. Pass a file of weights.")
        try:
            # In a network of its own, since Keras takes ImageNet's weights at one size only.
            network.set_weights(build(weights="imagenet").get_weights())
        except Exception as error:  # Keras raises a bare Exception when a download fails.
            raise InputError(f"Cannot get {backbone}'s weights: {error}. Pass a file, or use {EMBEDDED}.") from error
        return
    if not os.path.isfile(weights):
        raise InputError(f"No weights of {backbone} at {weights}. Expected a file, or 'imagenet'.")
    try:
        with warnings.catch_warnings(action="ignore"):  # Keras warns of what it then raises.
            network.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"{weights} does not hold the weights of {backbone} with {classes} classes. "
            "Check the file and the number of classes."
        ) from error


def _head(network: keras.Model, backbone: str):
    """The layer that classifies, and the features whose average it is given.

    Raises:
        InputError: The network is not built so.
    """
    passing = (layers.Dropout, layers.Reshape, layers.Activation)
    heads = []
    layer = network.output._keras_history.operation
    while isinstance(layer, (*passing, layers.Dense)) or (isinstance(layer, layers.Conv2D) and not heads):
        if not isinstance(layer, passing):
            heads.append(layer)
        layer = layer.input._keras_history.operation
    if len(heads) != 1 or not isinstance(layer, layers.GlobalAveragePooling2D):
        raise InputError(
            f"`backbone` must end in global average pooling and one dense layer. {backbone} does not. "
            "Choose EfficientNetB0, ResNet50, DenseNet121, MobileNetV2 or the like."
        )
    return heads[0], layer.input
