"""Small nets, and nets as if they had been trained."""

from keras_nst.models.nets import NETS

SMALL = {
    "johnson": NETS["johnson"]._replace(arguments={"filters": (4, 4, 8), "residual_blocks": 1}),
    "unet": NETS["unet"]._replace(arguments={"filters": (3, 4, 5, 6, 7), "residual_blocks": (1, 1, 1), "kernel": 5}),
}
"""What takes the place of nets of these names, so that a training takes seconds."""


def randomized(net, rng, deviation=0.5):
    """The net with every weight drawn anew, offsets and scales too."""
    for variable in net.variables:
        variable.assign(rng.normal(0, deviation, variable.shape) + (1 if variable.name == "gamma" else 0))
    return net
