"""Learning rates over a training."""

from collections.abc import Callable

from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PiecewiseConstantDecay

WARMUP_STEPS = 100

Schedule = Callable[[float, int], LearningRateSchedule | float]
"""From the peak and the number of steps to the rate at a step."""


def constant(peak: float, steps: int) -> float:
    """The same rate at every step."""
    return peak


def cosine(peak: float, steps: int) -> LearningRateSchedule:
    """Up from a hundredth of the peak, and down to a tenth along half a cosine.

    Adam's first steps have full length whatever the gradient. In the last convolution, with its 2592 inputs, they would
    drive tanh into saturation, where it has no gradient to come back by: black blobs for the rest of the training.
    """
    warmup = min(WARMUP_STEPS, steps // 5)
    return CosineDecay(peak / 100, steps - warmup, alpha=0.1, warmup_target=peak, warmup_steps=warmup)


def halfway(peak: float, steps: int) -> LearningRateSchedule:
    """A tenth of the peak from half of the steps on, and a hundredth for the last quarter."""
    return PiecewiseConstantDecay([steps // 2, 3 * steps // 4], [peak, peak / 10, peak / 100])
