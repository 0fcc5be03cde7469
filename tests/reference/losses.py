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


def _top_class(observed):
    return int(np.argmax(observed["cam/logits"]))


def cam(scene, distance=relative_squared):
    """Eq. (7), both maps of the content's top class, averaged over the batch."""
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean(
        [
            distance(output["cam/maps"][..., _top_class(target)], target["cam/maps"][..., _top_class(target)])
            for output, target in pairs
        ]
    )


def category(scene):
    """Cross-entropy of the output's softmax against the content's top class, averaged over the batch."""
    values = []
    for output, target in zip(_items(scene, "output"), _items(scene, "content"), strict=True):
        exponentials = np.exp(output["cam/logits"].astype(np.float64))
        values.append(-np.log(exponentials[_top_class(target)] / exponentials.sum()))
    return np.mean(values)


def _filtered(plane, kernel):
    rows, columns = kernel.shape
    return np.array(
        [
            [np.sum(plane[y : y + rows, x : x + columns] * kernel) for x in range(plane.shape[1] - columns + 1)]
            for y in range(plane.shape[0] - rows + 1)
        ]
    )


def soft_edges(image, threshold=0.1):
    """Of one item (height, width, 3)."""
    luma = image.astype(np.float64) @ [0.299, 0.587, 0.114]
    smoothed = _filtered(luma, np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256)
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    squared = _filtered(smoothed, sobel) ** 2 + _filtered(smoothed, sobel.T) ** 2
    return squared / (squared + threshold**2)


def coarse_chroma(image, block=16):
    """Of one item; the blocks at the border are as large as the image allows."""
    image = image.astype(np.float64)
    chroma = image[..., [0, 2]] - (image @ [0.299, 0.587, 0.114])[..., None]
    starts = [range(-((-side % block) // 2), side, block) for side in image.shape[:2]]
    return np.array(
        [[chroma[max(y, 0) : y + block, max(x, 0) : x + block].mean((0, 1)) for x in starts[1]] for y in starts[0]]
    )


def edge(scene):
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean([mean_squared(soft_edges(output["image"]), soft_edges(target["image"])) for output, target in pairs])


def color(scene):
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean(
        [mean_squared(coarse_chroma(output["image"]), coarse_chroma(target["image"])) for output, target in pairs]
    )
