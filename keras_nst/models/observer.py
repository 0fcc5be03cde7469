"""Frozen networks that measure the probes of an image that a loss reads, by name."""

from collections.abc import Iterable, Mapping

import keras
from keras import ops

from keras_nst.errors import unknown


class Observer:
    """Runs frozen networks on an image, each once and only as deep as the probes need.

    A probe is "network/tap", such as "vgg/relu3_3", or "image" for the image itself. The suffix "@2" measures the image
    at half its size, averaged over 2x2 pixels; any other number works alike. Gradients reach the image but not the
    weights, so an observer may use a network that is being trained elsewhere.

    Args:
        **networks: Models from RGB (batch, height, width, 3) in [0, 1] to {tap: tensor}.
    """

    def __init__(self, **networks: keras.Model):
        self._networks = networks
        self._pruned: dict[tuple[str, ...], keras.Model] = {}

    def __call__(self, image, probes: Iterable[str]) -> dict[str, object]:
        """Measure the probes of `image` (batch, height, width, 3) in [0, 1].

        Returns:
            {probe: tensor}.

        Raises:
            InputError: A probe names a network or tap that the observer does not have.
        """
        by_size: dict[int, dict[str, str]] = {}
        for probe in probes:
            name, _, size = probe.partition("@")
            by_size.setdefault(int(size or 1), {})[name] = probe
        observed = {}
        for size, asked in by_size.items():
            smaller = ops.convert_to_tensor(image) if size == 1 else ops.average_pool(image, size, size)
            found = self._observed(smaller, tuple(asked))
            observed.update({probe: found[name] for name, probe in asked.items()})
        return observed

    def _observed(self, image, probes: tuple[str, ...]) -> dict[str, object]:
        observed = {"image": image} if "image" in probes else {}
        for name, taps in self._taps(probes).items():
            network = self._network(name, taps)
            frozen = [ops.stop_gradient(weight) for weight in network.trainable_variables]
            features, _ = network.stateless_call(frozen, network.non_trainable_variables, image, training=False)
            observed.update({f"{name}/{tap}": features[tap] for tap in taps})
        return observed

    def _taps(self, probes: tuple[str, ...]) -> Mapping[str, list[str]]:
        taps: dict[str, list[str]] = {}
        for probe in probes:
            if probe == "image":
                continue
            network, _, tap = probe.partition("/")
            if network not in self._networks or tap not in self._networks[network].output:
                known = [f"{name}/{tap}" for name, model in self._networks.items() for tap in model.output]
                raise unknown("probe", probe, [*known, "image"])
            taps.setdefault(network, []).append(tap)
        return taps

    def _network(self, name: str, taps: list[str]) -> keras.Model:
        """The network up to its deepest tap; it shares the weights."""
        key = (name, *taps)
        if key not in self._pruned:
            network = self._networks[name]
            self._pruned[key] = keras.Model(network.input, {tap: network.output[tap] for tap in taps}, name=name)
        return self._pruned[key]
