"""A training step of the transfer net: images per second in float32, bfloat16 and float16, by size and batch.

The step trains the paper's net with a loss of VGG16 features, compiled as in `train`, with the chosen Keras backend
(JAX or PyTorch on a GPU without TensorFlow). Its operations are those of its convolutions: one pass of VGG16 for the
photographs' content, and three passes of the net and of VGG16 on its output, since a backward pass counts as two. The
table relates them to the rate of a product of large matrices with the same dtype in the same run.

    KERAS_BACKEND=jax python benchmarks/gpu_step.py [--sizes 256] [--batches 1 4 16 32] [--steps 20] [--matrix 8192]
"""

import argparse
import itertools
import time

import keras
import numpy as np
from keras import ops

from keras_nst.fit.objective import Objective
from keras_nst.fit.trainer import StyleTrainer
from keras_nst.models.observer import Observer
from keras_nst.models.transfer_net import transfer_net
from keras_nst.models.vgg import vgg
from keras_nst.recipes import johnson2016

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def operations(model: keras.Model, size: int) -> float:
    """Operations of a forward pass of one square picture: two for each multiplication of its convolutions."""
    sized = keras.models.clone_model(model, input_tensors=keras.Input((size, size, 3)))
    convolutions = (layer for layer in sized.layers if isinstance(layer, keras.layers.Conv2D))
    return sum(2.0 * np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape) for layer in convolutions)


def matrix_rate(side: int, dtype: str) -> float:
    """Operations per second of a product of square matrices; the best of five runs."""
    matrix = ops.ones((side, side), dtype)
    rates = []
    for _ in range(6):
        began = time.perf_counter()
        float(ops.matmul(matrix, matrix)[0, 0])
        rates.append(2.0 * side**3 / (time.perf_counter() - began))
    return max(rates[1:])


def operations_of_step(size: int) -> float:
    """Operations of a step per picture of a batch."""
    content = operations(vgg([johnson2016.CONTENT_LAYER]), size)
    return 3 * (operations(transfer_net(), size) + operations(vgg(johnson2016.STYLE_LAYERS), size)) + content


def suits_xla(policy: str) -> bool:
    """Whether XLA compiles the step; with TensorFlow, as in `train`."""
    if keras.backend.backend() != "tensorflow":
        return keras.backend.backend() == "jax"
    from keras_nst.fit.devices import suits_xla

    return suits_xla(policy)


def images_per_second(policy: str, size: int, batch: int, steps: int) -> float:
    """Images per second of steps after the first two, which compile."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    objective = Objective(johnson2016.tuned().loss(), Observer(vgg=vgg(dtype=policy)))
    trainer = StyleTrainer(transfer_net(dtype=policy), objective.bind(style=rng.random((1, size, size, 3), np.float32)))
    trainer.compile(keras.optimizers.Adam(1e-3), jit_compile=suits_xla(policy))
    photographs = {"content": rng.random((batch, size, size, 3), np.float32)}
    for _ in range(2):
        trainer.train_on_batch(photographs)
    began = time.perf_counter()
    for _ in range(steps):
        trainer.train_on_batch(photographs)
    return steps * batch / (time.perf_counter() - began)


def peak_memory() -> str:
    """Peak memory of the accelerator in this process, if the backend reports it."""
    if keras.backend.backend() == "torch":
        import torch

        return f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if torch.cuda.is_available() else "?"
    if keras.backend.backend() == "jax":
        import jax

        found = jax.local_devices()[0].memory_stats()
        return f"{found['peak_bytes_in_use'] / 1e9:.1f} GB" if found else "?"
    return "?"


def main() -> None:
    """Measure each precision, size and batch, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256], help="sides of the crops")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--steps", type=int, default=20, help="(default: %(default)s)")
    parser.add_argument("--matrix", type=int, default=8192, help="side of the matrices (default: %(default)s)")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    options = parser.parse_args()
    each = {size: operations_of_step(size) for size in options.sizes}
    device = keras.distribution.list_devices()[0]
    counts = ", ".join(f"{count / 1e9:.0f} at {size}" for size, count in each.items())
    print(f"{keras.backend.backend()} on {device}; GFLOP an image: {counts}")
    for precision in options.precisions:
        rate = matrix_rate(options.matrix, precision)
        print(f"{precision}: a product of matrices reaches {rate / 1e12:.2f} TFLOP/s")
        for size, batch in itertools.product(options.sizes, options.batches):
            speed = images_per_second(PRECISIONS[precision], size, batch, options.steps)
            print(
                f"  {size}x{size}, batch {batch:3}: {speed:8.2f} images/s   {speed * each[size] / rate:5.1%} of it"
                f"   peak so far {peak_memory()}",
                flush=True,
            )


if __name__ == "__main__":
    main()
