"""A mask propagated through VGG: how much each position of each layer belongs to a region of the image."""

from collections.abc import Iterable

import cv2
import numpy as np

from keras_nst.errors import InputError, unknown
from keras_nst.models.weights import BLOCKS, kernel_shapes

_THIRDS = np.full(3, 1 / 3)

# How a 3x3 convolution changes the mask: each output position depends on nine of the input. The mean is a filter, since
# OpenCV's blur keeps running sums, whose rounding errors leave values around 0 outside the mask.
RULES = {
    "simple": lambda mask: cv2.sepFilter2D(mask, -1, _THIRDS, _THIRDS, borderType=cv2.BORDER_REPLICATE),
    "inside": lambda mask: cv2.erode(mask, np.ones((3, 3))),
    "all": lambda mask: cv2.dilate(mask, np.ones((3, 3))),
    "pooled": lambda mask: mask,
}
POOLS = {"max": np.max, "average": np.mean}


def region_weights(
    mask: np.ndarray,
    layers: Iterable[str],
    *,
    backbone: str = "vgg16",
    pooling: str = "max",
    rule: str = "simple",
) -> dict[str, np.ndarray]:
    """Weights of the positions of several layers in a mean over a region.

    Args:
        mask: (1, H, W, 1) in [0, 1], 1 in the region.
        layers: VGG layers, such as "relu1_2", or "image" for the pixels themselves.
        backbone: "vgg16" or "vgg19".
        pooling: Pooling of the network, "max" or "average".
        rule: "simple" smooths the mask at each convolution. "inside" keeps positions whose receptive field lies in the
            region, so that nothing of its surroundings leaks in. "all" keeps positions whose receptive field meets it.
            "pooled", Zhou's rule, leaves the mask unchanged there; only poolings shrink it, like the features. At a
            layer where a rule leaves no position, as "inside" does in a small region, the weights are those of
            "simple".

    Returns:
        {layer: (1, h, w, 1) float32}, each summing to 1.

    Raises:
        InputError: An unknown layer, backbone, pooling or rule, an empty mask, or a picture too small for a layer.

    Source: Zhou, section 3.3.1; Chen & Hsu 2016, the mask M; for the rules Gatys et al. 2017.
    Differs from the source: the weights are divided by their sum, since regions of content and style differ in area.
    """
    if rule not in RULES:
        raise unknown("`rule`", rule, RULES)
    if pooling not in POOLS:
        raise unknown("`pooling`", pooling, POOLS)
    kernel_shapes(backbone)  # Raises for an unknown backbone.
    maps = _carried(mask[0, ..., 0], backbone, pooling, rule)
    if emptied := [layer for layer, carried in maps.items() if not carried.any()]:
        smooth = _carried(mask[0, ..., 0], backbone, pooling, "simple")
        maps |= {layer: smooth[layer] for layer in emptied}
    return {layer: _normalized(maps, layer, mask) for layer in layers}


def _carried(mask: np.ndarray, backbone: str, pooling: str, rule: str) -> dict[str, np.ndarray]:
    """The mask (H, W) by a rule at each layer, and as "image"."""
    pool = np.min if rule == "inside" else POOLS[pooling]
    maps = {"image": mask.astype(np.float32)}
    carried = maps["image"]
    for block, (_, convolutions) in enumerate(BLOCKS[backbone], 1):
        if block > 1:
            height, width = (side // 2 for side in carried.shape)
            carried = pool(carried[: 2 * height, : 2 * width].reshape(height, 2, width, 2), axis=(1, 3))
        for convolution in range(1, convolutions + 1):
            # In a small picture, the deepest layers have no positions.
            carried = maps[f"relu{block}_{convolution}"] = RULES[rule](carried) if carried.size else carried
    return maps


def _normalized(maps: dict[str, np.ndarray], layer: str, mask: np.ndarray) -> np.ndarray:
    if layer not in maps:
        raise unknown("layer", layer, maps)
    total = maps[layer].sum(dtype=np.float64)
    if not total > 0:
        height, width = mask.shape[1:3]
        raise InputError(
            f"The layer {layer} has no position in a picture of {width} x {height} pixels, or its mask is empty. "
            "Use a larger picture, or another mask."
        )
    return np.float32(maps[layer] / total)[None, ..., None]
