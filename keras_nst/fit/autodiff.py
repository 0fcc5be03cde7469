"""The seam to the backends: what needs their own gradients and compilers."""

from collections.abc import Callable

import keras

from keras_nst.models.convolution import compiled_for_cpu

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    class GradientStep:
        """A `train_step` for keras.Model that reports what mixed precision skips and averages the weights."""

        averages = True

        def train_step(self, data):
            """One step of the optimizer on a batch of photographs (batch, height, width, 3) in [0, 1]."""
            photographs, *_ = keras.utils.unpack_x_y_sample_weight(data)
            on_cpu = not tf.config.list_physical_devices("GPU")
            with tf.GradientTape() as tape, compiled_for_cpu(self.jit_compile and on_cpu):
                loss = self.compute_loss(x=photographs, y_pred=self(photographs, training=True), training=True)
                scaled = self.optimizer.scale_loss(loss)
            variables = self.trainable_variables
            gradients = tape.gradient(scaled, variables)
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
            # Under float16 the optimizer leaves the weights alone when a scaled gradient overflows, and tells nobody.
            self.optimizer.apply(gradients, variables)
            return self.after_step(skipped=1.0 - tf.cast(finite, tf.float32))

else:

    class GradientStep:
        """Nothing: Keras's own `train_step` serves, which neither averages weights nor counts skipped steps."""

        averages = False


def compiled(function: Callable) -> Callable:
    """The function of nests of tensors, compiled once for each set of shapes."""
    backend = keras.backend.backend()
    if backend == "tensorflow":

        @tf.function(jit_compile=True)
        def run(*arguments):
            with compiled_for_cpu(not tf.config.list_physical_devices("GPU")):
                return function(*arguments)

        return run
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
