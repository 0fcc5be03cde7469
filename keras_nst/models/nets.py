"""The transfer nets that a style can be learned by, by name."""

from collections.abc import Callable
from functools import partial

import keras

from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.unet import unet

NETS: dict[str, Callable[..., keras.Model]] = {
    "johnson": transfer_net,
    "lite": partial(transfer_net, filters=(8, 24, 48), kernel=5),
    "unet": unet,
    "unet-lite": partial(unet, filters=(8, 16, 32, 64, 96), residual_blocks=(1, 1, 2), kernel=5),
}
"""Builders, called with a dtype policy. One whose model has an input "code" beside "image" learns many styles."""
