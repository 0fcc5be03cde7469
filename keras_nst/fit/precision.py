"""The floating-point precision of networks."""

from pathlib import Path

import keras

from keras_nst.errors import InputError

PROCESSOR = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
"""x86 instructions that multiply bfloat16, in about half the time. Without them it takes longer than float32."""


def settled(precision: str) -> str:
    """Resolve "auto" to the fastest precision: "bfloat16" on a CPU that multiplies it, else "off".

    Raises:
        InputError: "float16" with JAX, with which Keras's loss scaling does not know a trainer's step.
    """
    if precision == "float16" and keras.backend.backend() == "jax":
        raise InputError("A `mixed_precision` of float16 does not run on JAX. Choose bfloat16, or unset KERAS_BACKEND.")
    if precision != "auto":
        return precision
    # The compilers of the other backends compute bfloat16 in float32.
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return "off"
    return "bfloat16" if INSTRUCTIONS & _of_processor() else "off"


def painting_policy(precision: str = "auto") -> str:
    """The Keras dtype policy for the hidden layers of a net that paints pictures.

    With "auto" it is bfloat16 only where the processor has matrix instructions for it (AMX): others are slower than
    Winograd's algorithm in float32, which takes a quarter of the multiplications.
    """
    if precision == "auto":
        precision = settled("auto") if "amx_bf16" in _of_processor() else "off"
    return policy(precision)


def _of_processor() -> set[str]:
    try:
        return set(PROCESSOR.read_text().split())
    except OSError:  # Not on Linux.
        return set()


def policy(precision: str) -> str:
    """The Keras dtype policy for a precision: "auto", "off", "float16" or "bfloat16"."""
    precision = settled(precision)
    return "float32" if precision == "off" else f"mixed_{precision}"
