"""One training on several devices: of this machine, or of several."""

import os

import tensorflow as tf

from keras_nst.errors import InputError


def strategy(count: int) -> tf.distribute.Strategy:
    """How the devices share a batch; networks, trainer and optimizers are made in its `scope`.

    Every device has all variables and a part of each batch, and their gradients are added up, so that a step is that of
    one device with the whole batch.

    Args:
        count: Devices to use: GPUs, where there are as many, else parts of the CPU, which helps to try it out. With
            `TF_CONFIG` in the environment, as TensorFlow describes it, the processes that it names take part, each with
            all its GPUs.

    Raises:
        InputError: There are some GPUs, but fewer, or TensorFlow has already been set up with fewer devices, or
            `TF_CONFIG` cannot be understood.
    """
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
        raise InputError(f"There are {len(gpus)} GPUs. Expected at least {count}, or lower --devices.")
    if not gpus:
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
        except RuntimeError as error:  # It was set up before; perhaps with as many.
            if len(tf.config.list_logical_devices("CPU")) < count:
                raise InputError(f"{error} Ask for several devices before anything else is computed.") from error
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(count)])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files, alone or the first of several."""
    resolver = strategy.cluster_resolver
    return not resolver or (resolver.task_id in (None, 0) and resolver.task_type in (None, "chief", "worker"))


def suits_xla(policy: str) -> bool:
    """Whether a training step of a dtype policy is compiled by XLA, which is the quickest but for two cases.

    For a CPU it computes bfloat16 in float32, where TensorFlow's own kernels use what the hardware has; and it cannot
    compile for several parts of one.
    """
    if tf.config.list_physical_devices("GPU"):
        return True
    return tf.distribute.get_strategy().num_replicas_in_sync == 1 and policy != "mixed_bfloat16"


def by_elements(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Batches of which every process takes its part of each, in place of files of its own."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)
