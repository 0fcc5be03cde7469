"""Nets as if they had been trained."""


def randomized(net, rng, deviation=0.5):
    """The net with every weight drawn anew, offsets and scales too."""
    for variable in net.variables:
        variable.assign(rng.normal(0, deviation, variable.shape) + (1 if variable.name == "gamma" else 0))
    return net
