"""How precisely networks compute."""

from pathlib import Path

import keras

PROCESSOR = Path("/proc/cpuinfo")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
"""Of x86 processors that multiply bfloat16, and so take about half the time; others take longer than in float32."""


def settled(precision: str) -> str:
    """The precision itself, and for "auto" the quickest: "bfloat16" on a CPU that multiplies it, else "off"."""
    if precision != "auto":
        return precision
    # By the other backends' compilers bfloat16 is computed in float32.
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        return "off"
    try:
        able = INSTRUCTIONS & set(PROCESSOR.read_text().split())
    except OSError:  # Not on Linux.
        able = set()
    return "bfloat16" if able else "off"


def policy(precision: str) -> str:
    """Keras's dtype policy of networks for a precision: "auto", "off", "float16" or "bfloat16"."""
    precision = settled(precision)
    return "float32" if precision == "off" else f"mixed_{precision}"
