"""A net applied to a picture of any size in bounded memory, band by band.

Instance normalization needs the mean and the variance of the whole picture, at fifteen places or more. So the net is
taken one convolution at a time over all bands, and only the deepest maps, a sixteenth of the pixels, are kept whole:
what comes before and after them is computed again for each convolution, which costs half as much again. A band is
computed with the rows around it that it depends on, so that nothing tells where it ends.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_nst.infer.fold import GivenNormalization, fold
from keras_nst.models.transfer_net import STRIDE

BAND_PIXELS = 3 * 2**17
KEPT = np.float16
# Rows of the deepest maps that a band's result depends on, on each side: those of the picture that its encoder sees,
# of a deepest map that a convolution there and that all of the decoder sees.
ENCODER_HALO, RESIDUAL_HALO, DECODER_HALO = 2, 1, 3

Rows = Callable[[int, int], np.ndarray]
"""Rows of a picture or a map from the first to before the last, (1, rows, width, channels)."""


class Bandwise:
    """A net for large pictures.

    Args:
        net: As `keras_nst.models.transfer_net.transfer_net` makes it, or "picture" of what
            `keras_nst.models.sdp_gan.generator` makes, of any number of channels and residual blocks.
    """

    def __init__(self, net: keras.Model):
        self._net = fold(net, GivenNormalization)
        names = [layer.name for layer in self._net.layers]  # What a layer depends on comes before it.
        self._blocks = sum(name.endswith("_add") for name in names)
        self._encoder = [name for name in names if re.fullmatch(r"(encode|saliency)\d_conv", name)]
        self._encoded = "encode_join" if "encode_join" in names else "encode3_relu"
        # A band that begins elsewhere would be padded otherwise than the whole.
        self._unit = self._net.get_layer("pad").multiple // STRIDE
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
        side = STRIDE * self._unit
        count = self._unit * -(-height // side)
        per_band = self._unit * max(1, BAND_PIXELS // (side * (width + -width % side)))
        bands = [(begin, min(begin + per_band, count)) for begin in range(0, count, per_band)]

        def image(begin: int, end: int) -> np.ndarray:
            return rows(STRIDE * begin, min(STRIDE * end, height))

        def run(layer: str, sources: dict[str, Rows], halo: int, into: _Map | None = None) -> None:
            parts = []
            for begin, band, moments in self._run(layer, sources, halo, bands, into and KEPT):
                if into:
                    into.put(begin, band)
                parts.append(moments)
            if layer.endswith("_conv"):
                self._normalize(layer.replace("_conv", "_norm"), parts)

        kept = {name: _Map(count) for name in self._encoder if name.endswith("3_conv")}
        for name in self._encoder:
            run(name, {"image": image}, ENCODER_HALO, into=kept.get(name))
        hidden, residual = kept["encode3_conv"], _Map(count)
        run(self._encoded, kept, 0, into=hidden)
        del kept
        before = self._encoded
        for block in range(1, self._blocks + 1):
            first, second, added = f"residual{block}a_conv", f"residual{block}b_conv", f"residual{block}_add"
            run(first, {before: hidden}, RESIDUAL_HALO, into=residual)
            run(second, {first: residual}, RESIDUAL_HALO, into=residual)
            run(added, {before: hidden, second: residual}, 0, into=hidden)
            before = added
        del residual
        for name in ("decode1_conv", "decode2_conv"):
            run(name, {before: hidden}, DECODER_HALO)
        for begin, band, _ in self._run("rgb", {before: hidden}, DECODER_HALO, bands, np.float32):
            yield STRIDE * begin, band[:, : height - STRIDE * begin, :width]

    def _run(
        self, layer: str, sources: dict[str, Rows], halo: int, bands: Sequence[tuple[int, int]], dtype: type | None
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray | None]]:
        """The output of a layer from those of others, band by band.

        Yields:
            The band's first row; what the layer gives there, in the type asked for, None for none; and, of a
            convolution, number, means and variances of its values, (3, channels).
        """
        compute = self._compiled(layer, tuple(sources), dtype)
        last = bands[-1][1]

        def windows() -> Iterator[tuple]:
            for begin, end in bands:
                first, after = max(0, begin - halo), min(last, end + halo)
                seen = [rows(first, after) for rows in sources.values()]
                yield begin, seen, end - begin, begin - first, after - first

        upcoming = windows()
        window = next(upcoming)
        while window:
            begin, *arguments = window
            found = compute(*arguments)
            # Read before this result is written, which may be over what the next one sees.
            window = next(upcoming, None)
            yield begin, *(None if part is None else part.numpy() for part in found)

    def _compiled(self, layer: str, sources: tuple[str, ...], dtype: type | None) -> Callable:
        if layer not in self._runs:
            inputs = [self._net.get_layer(name).output for name in sources]
            part = keras.Model(inputs, self._net.get_layer(layer).output)
            specs = [
                tf.TensorSpec((1, None, None, tensor.shape[-1]), np.float32 if name == "image" else KEPT)
                for name, tensor in zip(sources, inputs, strict=True)
            ]

            @tf.function(input_signature=[specs, *[tf.TensorSpec((), tf.int32)] * 3], autograph=False)
            def compute(seen, rows, above, all_rows):
                found = part([tf.cast(values, tf.float32) for values in seen], training=False)
                scale = tf.shape(found)[1] // all_rows
                found = found[:, scale * above : scale * (above + rows)]
                moments = None
                if layer.endswith("_conv"):
                    ones = tf.ones_like(found[0, 0, 0])
                    # TensorFlow's quickest way to them; the variance is that of a sample.
                    _, mean, variance = tf.compat.v1.nn.fused_batch_norm(found, ones, ones)
                    count = tf.cast(tf.size(found[..., 0]), tf.float32)
                    moments = tf.stack([count * ones, mean, (1 - 1 / count) * variance])
                return None if dtype is None else tf.cast(found, dtype), moments

            self._runs[layer] = compute
        return self._runs[layer]

    def _normalize(self, name: str, parts: Sequence[np.ndarray]) -> None:
        """Give a normalization the moments of what it normalizes, from those of bands.

        Source: Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
        """
        counts, means, variances = np.stack(parts, axis=1).astype(np.float64)
        shares = counts / counts.sum(0)
        mean = (shares * means).sum(0)
        self._net.get_layer(name).moments.assign([mean, (shares * (variances + (means - mean) ** 2)).sum(0)])


class _Map:
    """A map of features that is kept whole."""

    def __init__(self, rows: int):
        self._rows, self._values = rows, None

    def __call__(self, begin: int, end: int) -> np.ndarray:
        return self._values[:, begin:end].copy()

    def put(self, begin: int, band: np.ndarray) -> None:
        """Keep the rows from the first on."""
        if self._values is None:
            self._values = np.empty((1, self._rows, *band.shape[2:]), KEPT)
        self._values[:, begin : begin + band.shape[1]] = band
