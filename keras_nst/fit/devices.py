"""Training on several devices, of one machine or of several."""

import os

import keras
import tensorflow as tf

from keras_nst.errors import InputError


def strategy(count: int) -> tf.distribute.Strategy:
    """Make the strategy that splits batches over devices. Create networks, trainer and optimizers in its `scope`.

    Each device has all variables and computes a part of each batch. The gradients are summed, so a step equals that of
    one device with the whole batch if the loss is a mean over pictures. A term that pools the pictures of a painting
    (`keras_nst.losses.algebra.Term.pooled`) pools those on its device.

    Args:
        count: Number of devices: GPUs, or parts of the CPU if there is no GPU, for trying it out. If `TF_CONFIG` is
            set in the environment (see TensorFlow's guide), the processes that it names are used, each with all its
            GPUs.

    Raises:
        InputError: There are GPUs, but fewer than `count`; TensorFlow was already set up with fewer devices, or is not
            Keras's backend; or `TF_CONFIG` is not valid.
    """
    if (count > 1 or "TF_CONFIG" in os.environ) and keras.backend.backend() != "tensorflow":
        raise InputError("Several `devices` or machines need TensorFlow. Unset KERAS_BACKEND, or use one.")
    if "TF_CONFIG" in os.environ:
        ring = tf.distribute.experimental.CommunicationImplementation.RING
        options = tf.distribute.experimental.CommunicationOptions(implementation=ring)
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        except (ValueError, KeyError, TypeError) as error:
            message = "Expected the JSON that TensorFlow's guide to distributed training describes."
            raise InputError(f"TF_CONFIG cannot be used ({error}). {message}") from error
    if count == 1:
        return tf.distribute.get_strategy()
    gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    if 0 < len(gpus) < count:
        raise InputError(f"There are {len(gpus)} GPUs. Expected at least {count}, or lower `devices`.")
    if not gpus:
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError as error:  # TensorFlow is set up already, perhaps with enough devices.
            if len(tf.config.list_logical_devices("CPU")) < count:
                raise InputError(f"{error} Ask for several devices before anything else is computed.") from error
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)])


def replicas() -> int:
    """The number of devices that share a batch, within the scope of a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the files: it is the only one, or the first of several."""
    resolver = strategy.cluster_resolver
    return not resolver or (resolver.task_id in (None, 0) and resolver.task_type in (None, "chief", "worker"))


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU. Otherwise a training takes the machine's memory."""
    return bool(tf.config.list_physical_devices("GPU"))


def suits_xla(policy: str) -> bool:
    """Whether XLA should compile a training step with this dtype policy. With JAX, nothing else compiles it.

    With TensorFlow, XLA is faster except on CPUs with bfloat16, which it computes in float32 while TensorFlow's own
    kernels use the hardware's instructions. It cannot compile for several parts of one CPU.
    """
    if has_gpu() or keras.backend.backend() == "jax":
        return True
    return replicas() == 1 and policy != "mixed_bfloat16"


def by_elements(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Split each batch over the processes, instead of the files."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)
