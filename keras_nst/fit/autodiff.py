"""The seam to the backends: what needs their own gradients and compilers."""

from collections.abc import Callable

import keras

from keras_nst.models.convolution import compiled_for_cpu

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    class GradientStep:
        """A `train_step` for `Trainer` that reports what mixed precision skips and averages the weights."""

        averages = True

        def train_step(self, data):
            """One step of each player's optimizer on a batch, as `losses_of` takes it."""
            players = self.players
            on_cpu = not tf.config.list_physical_devices("GPU")
            tape = tf.GradientTape(persistent=len(players) > 1)
            with tape, compiled_for_cpu(self.jit_compile and on_cpu):
                losses = zip(players, self.losses_of(data), strict=True)
                scaled = [optimizer.scale_loss(loss) for (optimizer, _), loss in losses]
            gradients = [tape.gradient(loss, variables) for (_, variables), loss in zip(players, scaled, strict=True)]
            finite = [tf.reduce_all(tf.math.is_finite(gradient)) for found in gradients for gradient in found]
            # Under float16 an optimizer leaves the weights alone when a scaled gradient overflows, and tells nobody.
            for (optimizer, variables), found in zip(players, gradients, strict=True):
                optimizer.apply(found, variables)
            return self.after_step(skipped=1.0 - tf.cast(tf.reduce_all(finite), tf.float32))

else:

    class GradientStep:
        """Nothing: Keras's own `train_step` serves, which neither averages weights nor counts skipped steps."""

        averages = False


def compiled(function: Callable) -> Callable:
    """The function of nests of tensors, compiled once for each set of shapes; with TensorFlow, made a graph."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        # XLA would keep its code of each size, some 50 MB, for as long as the process lives. For a network's gradient
        # it is a tenth quicker than the graph, takes twice the memory, and seconds to compile.
        return tf.function(function)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function


def value_and_gradient(function: Callable) -> Callable:
    """Compile a function together with its gradient.

    Args:
        function: Of nests of tensors; returns a scalar and anything else.

    Returns:
        A function of the same arguments to ((scalar, anything else), gradient by the first argument).
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":

        def run(first, *others):
            with tf.GradientTape() as tape:
                tape.watch(first)
                value, rest = function(first, *others)
            return (value, rest), tape.gradient(value, first)

    elif backend == "jax":
        import jax

        run = jax.value_and_grad(function, has_aux=True)
    else:
        import torch

        def run(first, *others):
            first = keras.tree.map_structure(lambda tensor: tensor.detach().requires_grad_(), first)
            value, rest = function(first, *others)
            gradient = torch.autograd.grad(value, keras.tree.flatten(first))
            return (value.detach(), rest), keras.tree.pack_sequence_as(first, gradient)

    return compiled(run)
