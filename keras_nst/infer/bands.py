"""A transfer net applied to a picture of any size in bounded memory, band by band.

Instance normalization needs the mean and the variance of the whole picture, fifteen times over. So the net is taken one
convolution at a time over all bands, and only the deepest maps, a sixteenth of the pixels, are kept whole: what comes
before and after them is computed again for each convolution, which costs a third more. A band is computed with the rows
around it that it depends on, so that nothing tells where it ends.
"""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_nst.infer.fold import GivenNormalization, with_normalization
from keras_nst.models.transfer_net import STRIDE

BAND_PIXELS = 2**20
KEPT = np.float16
# Rows of the deepest maps that a band's result depends on, on each side: those of the picture that its encoder sees,
# of a deepest map that a convolution there and that all of the decoder sees.
ENCODER_HALO, RESIDUAL_HALO, DECODER_HALO = 2, 1, 3

Rows = Callable[[int, int], np.ndarray]
"""Rows of a picture or a map from the first to before the last, (1, rows, width, channels)."""


class Bandwise:
    """A transfer net for large pictures.

    Args:
        net: As `keras_nst.models.transfer_net.transfer_net` makes it, of any number of channels and residual blocks.
    """

    def __init__(self, net: keras.Model):
        self._net = with_normalization(net, GivenNormalization)
        self._blocks = sum(layer.name.endswith("_add") for layer in net.layers)
        self._runs = {}

    def __call__(self, rows: Rows, size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
        """Stylize a picture.

        Args:
            rows: Gives the picture's rows, in [0, 1]; each is asked for several times.
            size: Height and width.

        Yields:
            The first row of each band and the band, (1, rows, width, 3) float32, from top to bottom.
        """
        height, width = size
        count = -(-height // STRIDE)
        per_band = max(1, BAND_PIXELS // (STRIDE * (width + -width % STRIDE)))
        bands = [(begin, min(begin + per_band, count)) for begin in range(0, count, per_band)]

        def image(begin: int, end: int) -> np.ndarray:
            return rows(STRIDE * begin, min(STRIDE * end, height))

        def run(layer, sources, halo):
            return self._run(layer, sources, halo, bands)

        encoder, decoder = {"image": image}, {}
        for name in ("encode1", "encode2"):
            self._normalize(name, run(f"{name}_conv", encoder, ENCODER_HALO))
        hidden = _Map(count)
        self._normalize("encode3", hidden.kept(run("encode3_conv", encoder, ENCODER_HALO)))
        for _ in hidden.kept(run("encode3_relu", {"encode3_conv": hidden}, 0)):
            pass
        before, residual = "encode3_relu", _Map(count)
        for block in range(1, self._blocks + 1):
            first, second, added = f"residual{block}a", f"residual{block}b", f"residual{block}_add"
            self._normalize(first, residual.kept(run(f"{first}_conv", {before: hidden}, RESIDUAL_HALO)))
            self._normalize(second, residual.kept(run(f"{second}_conv", {f"{first}_conv": residual}, RESIDUAL_HALO)))
            for _ in hidden.kept(run(added, {before: hidden, f"{second}_conv": residual}, 0)):
                pass
            before = added
        del residual
        decoder[before] = hidden
        for name in ("decode1", "decode2"):
            self._normalize(name, run(f"{name}_conv", decoder, DECODER_HALO))
        for begin, band in run("rgb", decoder, DECODER_HALO):
            yield STRIDE * begin, band[:, : height - STRIDE * begin, :width]

    def _run(
        self, layer: str, sources: dict[str, Rows], halo: int, bands: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The output of a layer from those of others, band by band."""
        compute = self._compiled(layer, tuple(sources))
        last = bands[-1][1]

        def windows() -> Iterator[tuple]:
            for begin, end in bands:
                first, after = max(0, begin - halo), min(last, end + halo)
                yield (
                    begin,
                    end - begin,
                    begin - first,
                    after - first,
                    [rows(first, after) for rows in sources.values()],
                )

        upcoming = windows()
        window = next(upcoming)
        while window:
            begin, *place, seen = window
            found = compute(seen, *place)
            # Read before this result is written, which may be over what the next one sees.
            window = next(upcoming, None)
            yield begin, found.numpy()

    def _compiled(self, layer: str, sources: tuple[str, ...]) -> Callable:
        if (layer, sources) not in self._runs:
            inputs = [self._net.get_layer(name).output for name in sources]
            part = keras.Model(inputs, self._net.get_layer(layer).output)
            specs = [tf.TensorSpec((1, None, None, tensor.shape[-1])) for tensor in inputs]

            @tf.function(input_signature=[specs, *[tf.TensorSpec((), tf.int32)] * 3])
            def compute(seen, rows, above, all_rows):
                found = part(seen, training=False)
                scale = tf.shape(found)[1] // all_rows
                return found[:, scale * above : scale * (above + rows)]

            self._runs[layer, sources] = compute
        return self._runs[layer, sources]

    def _normalize(self, name: str, bands: Iterator[tuple[int, np.ndarray]]) -> None:
        """Give a normalization the moments of what it normalizes.

        Each band's own are exact; they are put together as by Chan, Golub, LeVeque 1979.
        """
        parts = [(band[..., 0].size, band.mean((0, 1, 2)), band.var((0, 1, 2))) for _, band in bands]
        counts, means, variances = (np.array(part, np.float64) for part in zip(*parts, strict=True))
        shares = (counts / counts.sum())[:, None]
        mean = (shares * means).sum(0)
        self._net.get_layer(f"{name}_norm").moments.assign([mean, (shares * (variances + (means - mean) ** 2)).sum(0)])


class _Map:
    """A map of features that is kept whole."""

    def __init__(self, rows: int):
        self._rows, self._values = rows, None

    def __call__(self, begin: int, end: int) -> np.ndarray:
        return self._values[:, begin:end].astype(np.float32)

    def kept(self, bands: Iterator[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
        """The bands, each kept as it goes by."""
        for begin, band in bands:
            if self._values is None:
                self._values = np.empty((1, self._rows, *band.shape[2:]), KEPT)
            self._values[:, begin : begin + band.shape[1]] = band
            yield begin, band
