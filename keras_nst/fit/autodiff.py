"""Gradients and compilation, which differ between Keras's backends."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from keras_nst.models.convolution import compiled_for_cpu


class _Step:
    """The `train_step` of `Trainer`: also averages the weights and reports steps that mixed precision skips."""

    def train_step(self, data):
        """Take one step of each player's optimizer on a batch that `losses_of` accepts."""
        players = self.players

        def losses() -> list:
            # Each replica computes the mean over its part of the batch; the gradients of the replicas are summed.
            found = zip(players, self.losses_of(data), strict=True)
            return [optimizer.scale_loss(loss / self._replicas()) for (optimizer, _), loss in found]

        gradients = self._gradients(losses, [variables for _, variables in players])
        # With float16, an optimizer silently skips the step if a scaled gradient overflows.
        finite = [ops.all(ops.isfinite(gradient)) for found in gradients for gradient in found]
        for (optimizer, variables), found in zip(players, gradients, strict=True):
            optimizer.apply(found, variables)
        self._once(self.update_average)
        return self._logs(self.after_step(skipped=1.0 - ops.cast(ops.all(ops.stack(finite)), "float32")))

    def test_step(self, data):
        """The losses of the averaged net on a validation batch."""
        with self._compiling():
            return self._logs(self.validate(data))

    def _gradients(self, losses: Callable[[], list], variables: list[list]) -> list[list]:
        """The gradients of each loss by its own variables."""
        raise NotImplementedError

    def _compiling(self) -> contextlib.AbstractContextManager:
        """Context around the losses that tells layers whether XLA compiles them."""
        return contextlib.nullcontext()

    def _replicas(self) -> int:
        return 1

    def _once(self, update: Callable[[], None]) -> None:
        """Run an update of variables once for all replicas."""
        update()

    def _logs(self, logs: dict) -> dict:
        return logs


if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    class GradientStep(_Step):  # noqa: D101
        def _gradients(self, losses, variables):
            with tf.GradientTape(persistent=len(variables) > 1) as tape, self._compiling():
                found = losses()
            # Zeros for a variable that a loss does not reach.
            unreached = {"unconnected_gradients": tf.UnconnectedGradients.ZERO}
            return [tape.gradient(loss, own, **unreached) for loss, own in zip(found, variables, strict=True)]

        def _maybe_symbolic_build(self, iterator=None, data_batch=None):
            # The constructor builds a trainer. Keras would average the first batch over all workers, which TensorFlow
            # cannot do with a batch of several tensors.
            pass

        def _compiling(self):
            return compiled_for_cpu(self.jit_compile and not tf.config.list_physical_devices("GPU"))

        def _replicas(self):
            return tf.distribute.get_strategy().num_replicas_in_sync

        def _once(self, update):
            tf.distribute.get_replica_context().merge_call(lambda _: update())

        def _logs(self, logs):
            # Keras averages the workers' logs along an axis, which a scalar does not have.
            is_multi_worker = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
            return {name: value[None] for name, value in logs.items()} if is_multi_worker else logs

elif keras.backend.backend() == "torch":
    import torch

    class GradientStep(_Step):  # noqa: D101
        def _gradients(self, losses, variables):
            pairs = zip(losses(), variables, strict=True)
            keep = {"retain_graph": True, "materialize_grads": True}
            return [torch.autograd.grad(loss, [one.value for one in own], **keep) for loss, own in pairs]

else:
    import jax

    class GradientStep(_Step):
        """Keras gives each step the values of all variables, and takes their new values from it."""

        def train_step(self, state, data):
            """As in `_Step`; returns the logs, and the new values."""
            groups = self.trainable_variables, self.non_trainable_variables, self.optimizer.variables
            return _stateless(partial(super().train_step, data), (*groups, self.metrics_variables), state)

        def test_step(self, state, data):
            """As in `_Step`; returns the logs, and the new values."""
            groups = self.trainable_variables, self.non_trainable_variables, self.metrics_variables
            return _stateless(partial(super().test_step, data), groups, state)

        def _gradients(self, losses, variables):
            (own,) = variables  # Of one player: Keras gives no values of a second optimizer.
            others = [*self.non_trainable_variables, *self.optimizer.variables, *self.metrics_variables]

            def loss_at(values):
                (loss,), (_, updated) = _stateless(losses, (own, others), (values, others))
                return loss, updated

            gradients, updated = jax.grad(loss_at, has_aux=True)([variable.value for variable in own])
            for variable, value in zip(others, updated, strict=True):
                variable.assign(value)
            return [gradients]


def _stateless(function: Callable[[], Any], groups: Sequence[Sequence], state: Sequence[Sequence]) -> tuple[Any, tuple]:
    """Call a function with these values of groups of variables; returns its result, and the values that it leaves."""
    pairs = [pair for group in zip(groups, state, strict=True) for pair in zip(*group, strict=True)]
    with keras.StatelessScope(pairs) as scope:
        result = function()
    return result, tuple([scope.get_current_value(variable) for variable in group] for group in groups)


def compiled(function: Callable) -> Callable:
    """Compile a function of nests of tensors once for each set of shapes; with TensorFlow, make it a graph."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        # No XLA: it keeps the code of each size, some 50 MB, until the process ends. The gradient of a network is a
        # tenth faster than in a graph, but takes twice the memory and seconds to compile.
        return tf.function(function, autograph=False)
    if backend == "jax":
        return jax.jit(function)
    return function


def value_and_gradient(function: Callable) -> Callable:
    """Compile a function together with its gradient.

    Args:
        function: Takes nests of tensors; returns a scalar and any other value.

    Returns:
        A function of the same arguments to ((scalar, other value), gradient by the first argument).
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":

        def run(first, *others):
            with tf.GradientTape() as tape:
                tape.watch(first)
                value, rest = function(first, *others)
            return (value, rest), tape.gradient(value, first)

    elif backend == "jax":
        run = jax.value_and_grad(function, has_aux=True)
    else:

        def run(first, *others):
            first = keras.tree.map_structure(
                lambda array: ops.convert_to_tensor(array).detach().requires_grad_(), first
            )
            value, rest = function(first, *keras.tree.map_structure(ops.convert_to_tensor, others))
            gradient = torch.autograd.grad(value, keras.tree.flatten(first))
            rest = rest and keras.tree.map_structure(ops.stop_gradient, rest)
            return (value.detach(), rest), keras.tree.pack_sequence_as(first, gradient)

    return compiled(run)
