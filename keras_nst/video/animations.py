"""Pictures that move: GIF, WebP, PNG and AVIF of several frames."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from keras_nst.errors import InputError
from keras_nst.files import check_file
from keras_nst.pictures.decoding import decode
from keras_nst.pictures.kinds import ANIMATED
from keras_nst.pictures.picture import Picture

WRITABLE = {"apng": "PNG", "gif": "GIF", "webp": "WEBP"}
"""Suffixes of what can be written, and Pillow's format of each."""

TIME_BASE = 1000
"""Units of a time stamp in a second."""

_SHORTEST, _USUAL = 20, 100  # Milliseconds: what asks for less is shown for the usual time, as browsers do.
_QUALITY = 90  # Of WebP.
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10  # Where the flags of an extended file are, and the one of transparency.
_OPAQUE = 128  # Alpha that is shown where there is no half of it.


def read_animation(path: str | Path) -> Iterator[tuple[int, int, Picture]]:
    """The frames of an animation.

    Args:
        path: A file of `kinds.ANIMATED`.

    Yields:
        From when and until when a frame is shown, in milliseconds from 0, and the whole picture.

    Raises:
        InputError: The file is missing, none of these, or damaged.
    """
    check_file(path)
    begin = 0
    try:
        with Image.open(path, formats=sorted(set(ANIMATED.values()))) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                picture = decode(image)  # Some formats tell how long a frame is shown as it is loaded.
                duration = round(image.info.get("duration") or 0)
                end = begin + (duration if duration >= _SHORTEST else _USUAL)
                yield begin, end, picture
                begin = end
    except InputError as error:
        raise InputError(f"Cannot read {path}: {error}") from None
    except Exception as error:  # A decoder fed a broken file can raise anything.
        raise InputError(f"Cannot read {path}: it is no animation, or damaged or cut short ({error}).") from error


def write_animation(
    path: str | Path, suffix: str, frames: Sequence[np.ndarray], durations: Sequence[int], note: str
) -> None:
    """Write an animation that is shown again and again.

    Args:
        path: Where to.
        suffix: Of `WRITABLE`.
        frames: (H, W, 3 or 4) uint8. A GIF has the colors that suit each frame best, 256 at most.
        durations: Milliseconds that each is shown for.
        note: Kept in the file as `encoding.encode` does; a GIF has no place for it.
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
        options |= {"disposal": 2}  # Else what was seen shows through what is transparent.
    first.save(path, format, **options)
    if format == "WEBP" and "A" in first.mode:
        with open(path, "r+b") as file:  # libwebp forgets to say so where what is seen of all frames is a box.
            file.seek(_WEBP_FLAGS)
            flags = file.read(1)[0]
            file.seek(_WEBP_FLAGS)
            file.write(bytes([flags | _WEBP_ALPHA]))


def _with_hard_alpha(frame: np.ndarray) -> np.ndarray:
    if frame.shape[-1] == 3:
        return frame
    alpha = np.uint8(255) * (frame[..., 3:] >= _OPAQUE)
    return np.concatenate([frame[..., :3], alpha], axis=-1)
