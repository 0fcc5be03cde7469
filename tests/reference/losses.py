"""The losses computed again from their formulas, in float64 NumPy, without code of keras_nst."""

import numpy as np


def uniform(features):
    """Equal weights for all positions of one item."""
    height, width, _ = features.shape
    return np.full((height, width, 1), 1 / (height * width))


def gram(features, weights=None):
    """Liu et al. 2019, eq. (3), for one item (height, width, channels); weights (height, width, 1) sum to 1."""
    channels = features.shape[-1]
    weights = uniform(features) if weights is None else weights
    product = np.zeros((channels, channels))
    for position, weight in zip(features.astype(np.float64).reshape(-1, channels), weights.ravel(), strict=True):
        product += float(weight) * np.outer(position, position)
    return product / channels


def difference(features, down, right):
    """The value at an offset down and to the right minus that at each position; 0 if there is none."""
    height, width, _ = features.shape
    found = np.zeros(features.shape)
    for row in range(height - down):
        for column in range(width - right):
            found[row, column] = features[row + down, column + right].astype(np.float64) - features[row, column]
    return found


def high_order(features, weights=None):
    """Gram matrices of the features and of their differences from the right, lower and lower right neighbor."""
    steps = (0, 1), (1, 0), (1, 1)
    return [gram(features, weights), *(gram(difference(features, *step), weights) for step in steps)]


def gaussian(features, weights=None):
    """Mean and covariance of the channels."""
    weights = uniform(features) if weights is None else weights.astype(np.float64)
    mean = np.sum(weights * features, axis=(0, 1))
    centered = features.astype(np.float64) - mean
    return mean, np.einsum("hwo,hwi,hwj->ij", weights, centered, centered)


def _square_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values) @ vectors.T


def wasserstein(output, target):
    """Dowson & Landau 1982, squared, over the target's second moment; 1/100 of its mean variance is added to both."""
    (mean, covariance), (wanted_mean, wanted) = output, target
    floor = 1e-2 * np.trace(wanted) / len(wanted) * np.eye(len(wanted))
    covariance, wanted = covariance + floor, wanted + floor
    root = _square_root(wanted)
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariance @ root)).sum()
    squared = squared_norm(mean - wanted_mean) + np.trace(covariance) + np.trace(wanted) - 2 * cross
    return squared / (squared_norm(wanted_mean) + np.trace(wanted))


def squared_norm(values):
    return float(np.linalg.norm(np.asarray(values, np.float64).ravel()) ** 2)


def mean_squared(output, target):
    """Eq. (2) for one item."""
    return squared_norm(np.subtract(output, target, dtype=np.float64)) / output.size


def sum_squared(output, target):
    """A summand of eq. (4), for one item."""
    return squared_norm(np.subtract(output, target, dtype=np.float64))


def relative_squared(output, target, least=0.0):
    return sum_squared(output, target) / max(squared_norm(target), least)


def mean_high_order(output, target):
    """The norms of the differences' Gram matrices are at least a twentieth of that of the features."""
    least = squared_norm(target[0]) / 400
    return np.mean([relative_squared(*pair, least) for pair in zip(output, target, strict=True)])


def _variation(image, function, weights):
    weights = uniform(image) if weights is None else weights
    steps = (0, 1), (1, 0)
    return float(np.sum(weights * sum(function(difference(image, *step)) for step in steps))) / image.shape[-1]


def squared_variation(image, weights=None):
    """Johnson et al. 2016, section 3.2, for one item, divided by the number of values."""
    return _variation(image, np.square, weights)


def absolute_variation(image, weights=None):
    """Jin 2020, section III.D, for one item, divided by the number of values."""
    return _variation(image, np.abs, weights)


def _items(scene, role):
    """The observed items of a role. A single item serves all items of the output."""
    batch = len(next(iter(scene["output"].values())))
    return [{probe: tensor[i % len(tensor)] for probe, tensor in scene[role].items()} for i in range(batch)]


def _layers(observed, region):
    """(layer, features, weights) of each layer."""
    for probe in observed:
        network, layer = probe.split("/")
        if network == "vgg":
            yield layer, observed[probe], None if region is None else observed[f"region{region}/{layer}"]


def _mean_square(values, weights):
    weights = uniform(values) if weights is None else weights
    return float(np.sum(weights * values.astype(np.float64) ** 2)) / values.shape[-1]


def normalized(features):
    """The channels of one item, minus their means and divided by their standard deviations."""
    features = features.astype(np.float64)
    variance = features.var(axis=(0, 1))
    return (features - features.mean(axis=(0, 1))) / np.sqrt(variance + 1e-3 * variance.mean() + 1e-6)


def normalized_content(scene):
    """`content` of normalized features."""
    return content(
        {
            role: {probe: np.stack([normalized(item) for item in features]) for probe, features in observed.items()}
            for role, observed in scene.items()
        }
    )


def content(scene, relative=True, region=None):
    """Eq. (2), summed over the content's observed layers and averaged over the batch."""
    values = []
    for output, content in zip(_items(scene, "output"), _items(scene, "content"), strict=True):
        for layer, target, weights in _layers(content, region):
            difference = np.subtract(output[f"vgg/{layer}"], target, dtype=np.float64)
            distance = _mean_square(difference, None if region is None else output[f"region{region}/{layer}"])
            values.append(distance / (_mean_square(target, weights) if relative else 1))
    return sum(values) / len(scene["output"][f"vgg/{layer}"])


def style(scene, distance=relative_squared, statistic=gram, region=None):
    """Eq. (4), summed over the style's observed layers and averaged over the batch."""
    values = []
    for output, style in zip(_items(scene, "output"), _items(scene, f"style{region or ''}"), strict=True):
        pairs = zip(_layers(output, region), _layers(style, region), strict=True)
        values.append(sum(distance(statistic(*mine[1:]), statistic(*target[1:])) for mine, target in pairs))
    return np.mean(values)


def patch_style(scene, side):
    """Zhou, section 3.3.2, with the nearest patches given: Gram matrices of channels, written out."""
    values = []
    for output, style in zip(_items(scene, "output"), _items(scene, "style"), strict=True):
        total = 0
        for layer, features, weights in _layers(output, 0):
            height, width, channels = features.shape
            reach = side // 2
            padded = np.pad(np.float64(features), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
            apart, sizes = 0, []
            for y, x in np.ndindex(height, width):
                own = padded[y : y + side, x : x + side].reshape(-1, channels)
                given = np.float64(style[f"patches/{layer}"][y, x]).reshape(-1, channels)
                apart += weights[y, x, 0] * np.sum(np.square(own.T @ own - given.T @ given))
                sizes.append(np.sum(np.square(given.T @ given)))
            total += apart / np.mean(sizes)
        values.append(total)
    return np.mean(values)


def hypercolumns(features):
    """The layers of one item side by side, at each block of 4x4 pixels of the first."""
    height, width = (side // 4 for side in features[0].shape[:2])
    found = []
    for y, x in np.ndindex(height, width):
        column = []
        for values in np.float64(features[0])[None], *(np.float64(values)[None] for values in features[1:]):
            stride = 2 ** round(np.log2(features[0].shape[0] / values.shape[1]))  # In pixels.
            if stride > 4:
                place = min(y * 4 // stride, values.shape[1] - 1), min(x * 4 // stride, values.shape[2] - 1)
                column.append(values[0, *place])
            else:
                side = 4 // stride
                column.append(values[0, y * side : (y + 1) * side, x * side : (x + 1) * side].mean(axis=(0, 1)))
        found.append(np.concatenate(column))
    return np.reshape(found, (height, width, -1))


def match(scene, region=None):
    """Kolkin et al. 2022: the mean of 1 - the cosine of each place's features and those of its match."""
    values = []
    for output, given in zip(_items(scene, "output"), _items(scene, "match"), strict=True):
        features = [values for probe, values in output.items() if probe.startswith("vgg/")]
        found = hypercolumns(features) - scene["match"]["mean"][0]
        wanted = scene["match"]["columns"][given["places"][..., 0]]
        cosines = np.sum(found * wanted, axis=-1) / np.linalg.norm(found, axis=-1)
        weights = uniform(found) if region is None else np.float64(output[f"region{region}/relu3_1"])
        values.append(np.sum(weights[..., 0] * (1 - cosines)))
    return np.mean(values)


def transport(scene, size=""):
    """Kolkin et al. 2019: the relaxed earth mover's distance of the places of two pictures, by 1 - cosines.

    The size is that of the probes, such as "@2".
    """

    def places(observed):
        columns = hypercolumns([values for probe, values in observed.items() if probe.partition("@")[2] == size[1:]])
        blocks = [place for place in np.ndindex(*columns.shape[:2]) if not (place[0] % 2 or place[1] % 2)]
        return np.array([columns[y : y + 2, x : x + 2].mean(axis=(0, 1)) for y, x in blocks])

    values = []
    for output, style in zip(_items(scene, "output"), _items(scene, "style"), strict=True):
        found, offered = places(output), places(style)
        mean = offered.mean(axis=0)
        costs = [[1 - _cosine(one - mean, other - mean) for other in offered] for one in found]
        values.append(max(np.min(costs, axis=1).mean(), np.min(costs, axis=0).mean()))
    return np.mean(values)


def _cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def total_variation(scene, variation=squared_variation, region=None):
    return np.mean([variation(item["image"], item.get(f"region{region}/image")) for item in _items(scene, "output")])


def weave(scene, period=4, least=0.02):
    """The power of the frequencies that are multiples of 1 / period, over that of all frequencies."""

    def share(image):
        height, width = (side // period * period for side in image.shape[:2])
        power = np.abs(np.fft.fft2(image[:height, :width].astype(np.float64), axes=(0, 1)) / (height * width)) ** 2
        power[0, 0] = 0
        repeated = power[:: height // period, :: width // period]
        return repeated.sum(axis=(0, 1)).mean() / (power.sum(axis=(0, 1)).mean() + least**2)

    return np.mean([share(item["image"]) for item in _items(scene, "output")])


def _top_class(observed):
    return int(np.argmax(observed["cam/logits"]))


def cam(scene, distance=relative_squared, own_class=False):
    """Eq. (7), both maps of the content's top class, or each of its own picture's, averaged over the batch."""
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean(
        [
            distance(
                output["cam/maps"][..., _top_class(output if own_class else target)],
                target["cam/maps"][..., _top_class(target)],
            )
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
    """For one item (height, width, 3)."""
    luma = image.astype(np.float64) @ [0.299, 0.587, 0.114]
    smoothed = _filtered(luma, np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256)
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    squared = _filtered(smoothed, sobel) ** 2 + _filtered(smoothed, sobel.T) ** 2
    return squared / (squared + threshold**2)


def coarse(image, block=16):
    """For one item; blocks at the border may be smaller."""
    starts = [range(-((-side % block) // 2), side, block) for side in image.shape[:2]]
    return np.array(
        [[image[max(y, 0) : y + block, max(x, 0) : x + block].mean((0, 1)) for x in starts[1]] for y in starts[0]]
    )


def chroma(image):
    image = image.astype(np.float64)
    return image[..., [0, 2]] - (image @ [0.299, 0.587, 0.114])[..., None]


def edge(scene):
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean([mean_squared(soft_edges(output["image"]), soft_edges(target["image"])) for output, target in pairs])


def color(scene, of=chroma):
    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean([mean_squared(*(coarse(of(item["image"])) for item in pair)) for pair in pairs])


def light(scene, least=0.05):
    def shade(image):
        blocks = coarse(np.asarray(image, np.float64) @ [0.299, 0.587, 0.114])
        return (blocks - blocks.mean()) / np.sqrt(blocks.var() + least**2)

    pairs = zip(_items(scene, "output"), _items(scene, "content"), strict=True)
    return np.mean([mean_squared(*(shade(item["image"]) for item in pair)) for pair in pairs])


def subject(scene, layers, elsewhere=0.01):
    def normalized(features, weights):
        mean = np.sum(weights * features, axis=(0, 1))
        variance = np.sum(weights * (features - mean) ** 2, axis=(0, 1))
        return (features - mean) / np.sqrt(variance + 1e-3 * variance.mean() + 1e-6)

    costs = []
    for output, target in zip(_items(scene, "output"), _items(scene, "content"), strict=True):
        cost = 0
        for layer in layers:
            found, kept = (np.float64(item[f"vgg/{layer}"]) for item in (output, target))
            share = mask(target["subject"], kept) - 1
            weights = (share + elsewhere) / np.sum(share + elsewhere)
            apart = (normalized(found, weights) - normalized(kept, weights)) ** 2
            cost += np.sum(share / np.sum(share + elsewhere) * apart.mean(axis=-1, keepdims=True))
        costs.append(cost)
    return np.mean(costs)


def mask(saliency, like):
    """S''_m of Li et al. 2020, eq. (4), for one item, averaged over the block of each position of the features."""
    scaled = 2 * saliency[..., 0].astype(np.float64)
    chosen = np.where(scaled < 1, 1, scaled)
    rows, columns = like.shape[:2]
    block = len(chosen) // rows
    means = [
        [chosen[y * block : (y + 1) * block, x * block : (x + 1) * block].mean() for x in range(columns)]
        for y in range(rows)
    ]
    return np.array(means)[..., None]


def _mean_norm(values):
    """||.||_1 divided by the number of values."""
    return np.abs(np.asarray(values, np.float64)).mean()


def masked_content(scene, weight=lambda saliency, like: 1.0, layer="vgg/relu1_2"):
    """Li et al. 2020, eq. (5), with these weights of positions, relative to the content's features."""
    values = []
    for output, content in zip(_items(scene, "output"), _items(scene, "content"), strict=True):
        kept = content[layer].astype(np.float64)
        factor = weight(content.get("saliency/map"), kept)
        values.append(_mean_norm(factor * output[layer] - factor * kept) / _mean_norm(kept))
    return np.mean(values)


def absolute(scene, role, probe):
    """Li et al. 2020, eqs. (6) and (7)."""
    return np.mean(
        [
            _mean_norm(np.subtract(output[probe], target[probe], dtype=np.float64))
            for output, target in zip(_items(scene, "output"), _items(scene, role), strict=True)
        ]
    )


def least_squares(scene, probe, real):
    """Mao et al. 2017, eq. (9), with a = 0, b = c = 1, of D = (1 + logits) / 2."""
    said = (1 + scene["output"][probe].astype(np.float64)) / 2
    return ((said - real) ** 2).mean()


def hinge(scene, probe, real):
    """A term of Miyato et al. 2018, eq. (16), negated."""
    said = scene["output"][probe].astype(np.float64)
    return -np.minimum(0, -1 + said if real else -1 - said).mean()


def log_loss(scene, probe, real):
    """A term of Li et al. 2020, eq. (3), negated."""
    said = 1 / (1 + np.exp(-scene["output"][probe].astype(np.float64)))
    return -np.log(said if real else 1 - said).mean()
