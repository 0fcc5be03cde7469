"""Read and write animations: GIF, WebP, PNG and AVIF with several frames."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from keras_nst.errors import InputError
from keras_nst.files import check_file
from keras_nst.pictures.decoding import decode
from keras_nst.pictures.io import MAX_PIXELS
from keras_nst.pictures.kinds import ANIMATED
from keras_nst.pictures.picture import Picture

WRITABLE = {"apng": "PNG", "gif": "GIF", "webp": "WEBP"}
"""Suffixes that can be written, with Pillow's names of the formats."""

TIME_BASE = 1000
"""Units of a time stamp per second."""

_SHORTEST, _USUAL = 20, 100  # In milliseconds; like browsers, show a frame with a shorter duration for the usual one.
_QUALITY = 90  # WebP's.
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10  # Offset of an extended file's flags, and the flag of transparency.
_LONGEST = 655_350  # Milliseconds of a frame of a GIF, which counts 65,535 hundredths of a second.
_OPAQUE = 128  # Least alpha that counts as opaque in a GIF.


def read_animation(
    path: str | Path, *, max_frames: int | None = None, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[int, int, Picture]]:
    """Read the frames of an animation.

    Args:
        path: A file in one of the formats `kinds.ANIMATED`.
        max_frames: Largest number of frames, checked before decoding; None for any.
        max_pixels: Largest number of pixels of a frame, checked before decoding.

    Yields:
        When the frame begins and ends, in milliseconds from 0, and the whole picture.

    Raises:
        InputError: The file is missing, damaged, not an animation, or beyond the limits.
    """
    check_file(path)
    begin = 0
    try:
        with Image.open(path, formats=sorted(set(ANIMATED.values()))) as image:
            check_size(image.height, image.width, max_pixels)
            frames = getattr(image, "n_frames", 1)
            check_number(frames, max_frames)
            for number in range(frames):
                image.seek(number)
                picture = decode(image)  # First, since some formats have a duration only then.
                duration = round(image.info.get("duration") or 0)
                end = begin + (duration if duration >= _SHORTEST else _USUAL)
                yield begin, end, picture
                begin = end
    except InputError as error:
        raise InputError(f"Cannot read {path}: {error}") from None
    except Exception as error:  # A decoder may raise anything if the file is broken.
        raise InputError(f"Cannot read {path}: it is damaged, cut short or not an animation ({error}).") from error


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Check the size of a clip's frames.

    Raises:
        InputError: They have more pixels.
    """
    if height * width > max_pixels:
        raise InputError(f"frames of {width} x {height} pixels are more than the limit of {max_pixels:,}. Shrink it.")


def check_number(frames: int, max_frames: int | None) -> None:
    """Check the number of a clip's frames.

    Raises:
        InputError: It has more.
    """
    if max_frames is not None and frames > max_frames:
        raise InputError(f"it has {frames} frames, more than the limit of {max_frames}. Shorten it.")


def write_animation(
    path: str | Path, suffix: str, frames: Sequence[np.ndarray], durations: Sequence[int], note: str
) -> None:
    """Write an animation that loops forever.

    Args:
        path: The file.
        suffix: A suffix of `WRITABLE`.
        frames: (H, W, 3 or 4) uint8. A GIF has a palette of at most 256 colors for each frame.
        durations: Duration of each frame in milliseconds; in a GIF at most 11 minutes.
        note: The file's description, as `encoding.encode` writes it; in a GIF its comment.
    """
    format = WRITABLE[suffix]
    first, *others = [Image.fromarray(_with_hard_alpha(frame) if format == "GIF" else frame) for frame in frames]
    options = {"save_all": True, "append_images": others, "duration": list(durations), "loop": 0}
    if format == "WEBP":
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = note
        options |= {"quality": _QUALITY, "exif": exif.tobytes()}
    elif format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Description", note)
        options |= {"pnginfo": text}
    else:
        # Without disposal, the frame before shows through transparent pixels.
        options |= {"disposal": 2, "comment": note, "duration": [min(_LONGEST, duration) for duration in durations]}
    first.save(path, format, **options)
    if format == "WEBP" and "A" in first.mode:
        with open(path, "r+b") as file:  # libwebp leaves out this flag if the visible part of all frames is a box.
            file.seek(_WEBP_FLAGS)
            flags = file.read(1)[0]
            file.seek(_WEBP_FLAGS)
            file.write(bytes([flags | _WEBP_ALPHA]))


def _with_hard_alpha(frame: np.ndarray) -> np.ndarray:
    if frame.shape[-1] == 3:
        return frame
    alpha = np.uint8(255) * (frame[..., 3:] >= _OPAQUE)
    return np.concatenate([frame[..., :3], alpha], axis=-1)
