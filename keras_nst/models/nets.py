"""The transfer nets by name.

Keras is loaded only when a net is built, so that the command line can list the names quickly.
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
        module: Module of the builder.
        builder: Name of the function that builds the net from `arguments` and `dtype`, the Keras dtype policy.
        arguments: Arguments of the builder.
        conditional: Whether the model has a second input, "code", that selects the style.
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
"""All nets. Add a row to add a net."""


def build(name: str, dtype: str = "float32") -> "keras.Model":
    """Build a net with random weights.

    Args:
        name: A key of `NETS`.
        dtype: Keras dtype policy of the hidden layers.

    Raises:
        InputError: No such net.
    """
    if name not in NETS:
        raise unknown("net", name, NETS)
    net = NETS[name]
    return getattr(importlib.import_module(net.module), net.builder)(**net.arguments, dtype=dtype)
