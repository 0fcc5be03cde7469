"""The transfer nets that a style can be learned by, by name.

Nothing is loaded here before a net is built, so that the command line can name them at once.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_nst.errors import unknown

if TYPE_CHECKING:
    import keras


class Net(NamedTuple):
    """A transfer net.

    Attributes:
        module: Where its builder is.
        builder: A function of these arguments and `dtype`, Keras's policy of the hidden layers.
        arguments: Of the builder.
        conditional: Whether its model has an input "code" beside "image", and so a style for each code.
    """

    module: str
    builder: str
    arguments: Mapping[str, Any]
    conditional: bool = False


_JOHNSON, _UNET = "keras_nst.models.transfer_net", "keras_nst.models.unet"
_SMALL = {"filters": (8, 16, 32, 64, 96), "residual_blocks": (1, 1, 2), "kernel": 5}
NETS = {
    "johnson": Net(_JOHNSON, "transfer_net", {}),
    "lite": Net(_JOHNSON, "transfer_net", {"filters": (8, 24, 48), "kernel": 5}),
    "unet": Net(_UNET, "unet", {}, conditional=True),
    "unet-lite": Net(_UNET, "unet", _SMALL, conditional=True),
}
"""All of them; a net of one's own is one more row."""


def build(name: str, dtype: str = "float32") -> "keras.Model":
    """Build a net with random weights.

    Args:
        name: Of `NETS`.
        dtype: Keras dtype policy of the hidden layers.

    Raises:
        InputError: No such net.
    """
    if name not in NETS:
        raise unknown("net", name, NETS)
    net = NETS[name]
    return getattr(importlib.import_module(net.module), net.builder)(**net.arguments, dtype=dtype)
