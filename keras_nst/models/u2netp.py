"""U2-Netp, a net for salient objects, with weights in the package."""

import keras
from keras import layers, ops

from keras_nst.models.weights import embedded

_SIDE = 320  # Side of the training pictures in pixels.

# For RGB that is divided by the photograph's largest value, but at least by the last of these.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LEAST_MAXIMUM = 1e-3

_INNER, _OUTER = 16, 64
_DEPTHS = (7, 6, 5, 4)  # Depths of the U-shaped blocks at full, half, quarter and eighth size.
_DILATIONS = (1, 2, 4, 8)  # Dilations of the blocks at the two coarsest sizes, which do not downsample.


def u2netp(*, pretrained: bool = True) -> keras.Model:
    """Build the net.

    Args:
        pretrained: Whether to load the package's weights; otherwise they are random.

    Returns:
        A model from RGB (batch, 320, 320, 3) in [0, 1] to the probability that each pixel belongs to the subject,
        (batch, 320, 320, 1) in [0, 1]: the first of the net's maps, which combines the others.

    Raises:
        InputError: The embedded weights are damaged.

    Source: Qin et al. 2020, "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", section 3, the
    small version U2-Net† with 1.13 million parameters.
    Differs from the source: batch normalization is folded into the convolutions.
    """
    photograph = keras.Input((_SIDE, _SIDE, 3), name="image")
    brightest = ops.maximum(ops.max(photograph, axis=(1, 2, 3), keepdims=True), _LEAST_MAXIMUM)
    hidden = (photograph / brightest - ops.convert_to_tensor(_MEAN)) / ops.convert_to_tensor(_DEVIATION)
    seen = []
    for stage, depth in enumerate((*_DEPTHS, None, None), 1):
        hidden = _block(hidden if stage == 1 else _halved(hidden), depth, f"encode{stage}")
        seen.append(hidden)
    decoded = [seen.pop()]
    for stage, depth in zip(range(5, 0, -1), (None, *reversed(_DEPTHS)), strict=True):
        decoded.append(_block(_joined(decoded[-1], seen.pop()), depth, f"decode{stage}"))
    maps = [layers.Conv2D(1, 3, padding="same", name=f"map{place}")(x) for place, x in enumerate(reversed(decoded), 1)]
    joined = layers.Concatenate(name="maps")([_enlarged(found, maps[0]) for found in maps])
    subject = layers.Conv2D(1, 1, activation="sigmoid", name="subject")(joined)
    net = keras.Model(photograph, subject, name="u2netp")
    if pretrained:
        arrays = embedded("u2netp")
        for variable in net.variables:
            variable.assign(arrays[variable.path])
    return net


def _block(image, depth: int | None, name: str):
    """A residual U-block; without a depth, one with dilated convolutions at a single size."""
    entered = _convolution(image, _OUTER, f"{name}_in")
    seen = [_convolution(entered, _INNER, f"{name}_down1")]
    for level in range(2, depth or len(_DILATIONS)):
        if depth:
            seen.append(_convolution(_halved(seen[-1]), _INNER, f"{name}_down{level}"))
        else:
            seen.append(_convolution(seen[-1], _INNER, f"{name}_down{level}", _DILATIONS[level - 1]))
    hidden = _convolution(seen[-1], _INNER, f"{name}_bottom", 2 if depth else _DILATIONS[-1])
    for level in range(len(seen), 0, -1):
        dilation = 1 if depth else _DILATIONS[level - 1]
        filters = _INNER if level > 1 else _OUTER
        hidden = _convolution(_joined(hidden, seen.pop()), filters, f"{name}_up{level}", dilation)
    return layers.Add(name=f"{name}_out")([hidden, entered])


def _convolution(image, filters: int, name: str, dilation: int = 1):
    return layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, activation="relu", name=name)(image)


def _halved(image):
    return layers.MaxPooling2D(2, padding="same")(image)


def _joined(coarse, fine):
    """Concatenate both, at the size of the finer one."""
    return layers.Concatenate()([_enlarged(coarse, fine), fine])


def _enlarged(image, like):
    factor = like.shape[1] // image.shape[1]
    return image if factor == 1 else layers.UpSampling2D(factor, interpolation="bilinear")(image)
