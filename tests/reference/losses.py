"""The losses once more, from their formulas, in float64 NumPy; nothing in here is shared with keras_nst."""

import numpy as np


def gram(features):
    """Liu et al. 2019, eq. (3), of one item (height, width, channels)."""
    height, width, channels = features.shape
    product = np.zeros((channels, channels))
    for position in features.astype(np.float64).reshape(-1, channels):
        product += np.outer(position, position)
    return product / (channels * height * width)


def squared_norm(values):
    return float(np.linalg.norm(np.asarray(values, np.float64).ravel()) ** 2)


def mean_squared(output, target):
    """Eq. (2) of one item."""
    return squared_norm(np.subtract(output, target, dtype=np.float64)) / output.size


def sum_squared(output, target):
    """A summand of eq. (4), of one item."""
    return squared_norm(np.subtract(output, target, dtype=np.float64))


def relative_squared(output, target):
    return sum_squared(output, target) / squared_norm(target)


def squared_variation(image):
    """Johnson et al. 2016, section 3.2, of one item, each direction averaged over its differences."""
    image = image.astype(np.float64)
    return float(np.mean(np.diff(image, axis=0) ** 2) + np.mean(np.diff(image, axis=1) ** 2))


def _items(scene, role):
    """The observed items of a role; one item serves all items of the output."""
    batch = len(next(iter(scene["output"].values())))
    return [{probe: tensor[i % len(tensor)] for probe, tensor in scene[role].items()} for i in range(batch)]


def content(scene, distance=relative_squared):
    """Eq. (2), summed over the layers observed of the content and averaged over the batch."""
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean([sum(distance(output[layer], target[layer]) for layer in target) for output, target in pairs])


def style(scene, distance=relative_squared):
    """Eq. (4), summed over the layers observed of the style and averaged over the batch."""
    pairs = zip(_items(scene, "output"), _items(scene, "style"), strict=True)
    return np.mean(
        [sum(distance(gram(output[layer]), gram(target[layer])) for layer in target) for output, target in pairs]
    )


def total_variation(scene):
    return np.mean([squared_variation(item["image"]) for item in _items(scene, "output")])
