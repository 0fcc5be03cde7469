"""Limits for visitors and for the numbers that they send."""

from dataclasses import dataclass

from keras_nst.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Limits for a visitor.

    Attributes:
        pixels: Largest number of pixels of a picture, checked before decoding.
        side: Longest side that pictures are shrunk to.
        file: Bytes of an uploaded file.
        uploads: Files uploaded from one address within `age`.
        uploaded: Bytes of these together.
        message: Bytes of a request that is not an upload.
        age: Seconds after which a file is deleted.
        kept: Bytes of all files together; the oldest are deleted.
        frames: Largest number of frames of a clip.
        clip: Longest side that the frames of a clip are shrunk to.
        seconds: Time for an optimization, after which it only finishes its picture; longest wait for other work.
        tuning: Time for which the style of a painting is tuned.
        waiting: Number of requests that may wait.
    """

    pixels: int = 50_000_000
    side: int = 1600
    file: int = 50_000_000
    uploads: int = 200
    uploaded: int = 200_000_000
    message: int = 5_000_000
    age: float = 6 * 3600.0
    kept: int = 4_000_000_000
    frames: int = 300
    clip: int = 640
    seconds: float = 300.0
    tuning: float = 600.0
    waiting: int = 60


def check_number(number: float, low: float, high: float, name: str) -> None:
    """Check that a value is a number from `low` to `high`.

    Args:
        number: What a visitor sent.
        low: The minimum.
        high: The maximum.
        name: Name of the value in messages.

    Raises:
        InputError: It is not.
    """
    if not isinstance(number, int | float) or not low <= number <= high:
        raise InputError(f"{name} is out of range. Expected a number from {low} to {high}.")
