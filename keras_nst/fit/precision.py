"""The floating-point precision of networks."""

from pathlib import Path

import keras

PROCESSOR = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
"""x86 instructions that multiply bfloat16, in about half the time. Without them it takes longer than float32."""


def settled(precision: str) -> str:
    """Resolve "auto" to the fastest precision: "bfloat16" on a CPU that multiplies it, else "off"."""
    if precision != "auto":
        return precision
    # The compilers of the other backends compute bfloat16 in float32.
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return "off"
    try:
        able = INSTRUCTIONS & set(PROCESSOR.read_text().split())
    except OSError:  # Not on Linux.
        able = set()
    return "bfloat16" if able else "off"


def policy(precision: str) -> str:
    """The Keras dtype policy for a precision: "auto", "off", "float16" or "bfloat16"."""
    precision = settled(precision)
    return "float32" if precision == "off" else f"mixed_{precision}"
