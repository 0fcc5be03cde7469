"""Learning rate schedules of a training."""

from collections.abc import Callable
from typing import Any

from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PiecewiseConstantDecay, PolynomialDecay

WARMUP_STEPS = 100

Schedule = Callable[[float, int], Callable[[Any], Any] | float]
"""Function from the peak learning rate and the number of steps to a function of the step, or to a constant."""


def constant(peak: float, steps: int) -> float:
    """The same learning rate at every step."""
    return peak


def cosine(peak: float, steps: int) -> LearningRateSchedule:
    """Warm up from a hundredth of the peak, then decay to a tenth along half a cosine.

    Adam's first steps have full length for any gradient. In the last convolution, with its 2592 inputs, they would
    saturate tanh, which then has no gradient to recover: black blobs for the rest of the training.
    """
    warmup = min(WARMUP_STEPS, steps // 5)
    return CosineDecay(peak / 100, steps - warmup, alpha=0.1, warmup_target=peak, warmup_steps=warmup)


def halfway(peak: float, steps: int) -> LearningRateSchedule:
    """The peak for half of the steps, a tenth of it for the next quarter, a hundredth for the last quarter."""
    return PiecewiseConstantDecay([steps // 2, 3 * steps // 4], [peak, peak / 10, peak / 100])


def straight(peak: float, steps: int) -> Callable[[Any], Any]:
    """The peak for half of the steps, then along a straight line to zero."""
    line = PolynomialDecay(2 * peak, steps, end_learning_rate=0.0)
    return lambda step: ops.minimum(line(step), peak)
