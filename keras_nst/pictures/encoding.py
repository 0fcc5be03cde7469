"""Encode pictures as files."""

import io
import json
import math
import zlib

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image

from keras_nst.errors import InputError, unknown
from keras_nst.pictures.picture import Picture

FORMATS = {
    "bmp": "BMP",
    "jpeg": "JPEG",
    "jpg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
}
"""Suffixes and formats that can be written."""

OWNER = "keras_nst"
"""The key of the record in a file's description."""

_WITH_ALPHA = ("PNG", "TIFF", "WEBP")
_WITH_16_BITS = ("PNG", "TIFF")
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_QUALITY = 95  # Of JPEG and WebP.
# Bytes that must come first: signature and header chunk; start of image and JFIF segment.
_PNG_HEADER = 33
_JPEG_HEADER = 20
_JPEG_NOTE = 65_000  # Characters of a record that fit into a segment of 64 KB.


def encode(picture: Picture, format: str, *, bits: int = 8, record: dict | None = None) -> bytes:
    """Encode a picture as a file.

    Samples are clipped to [0, 1] and rounded. PNG, TIFF and WebP keep alpha; JPEG and BMP show the picture on white.

    Args:
        picture: The picture.
        format: A suffix of `FORMATS`, with or without its dot.
        bits: Bits per sample: 8, or 16 for PNG and TIFF.
        record: How the picture was made, for `io.read_record`. BMP cannot hold it; JPEG holds up to 64 KB.

    Returns:
        The content of the file.

    Raises:
        InputError: The format is unknown, or cannot hold so many bits or pixels.
    """
    kind = check_format(format, bits)
    height, width = picture.straight.shape[1:3]
    if max(height, width) > _LONGEST_SIDE.get(kind, math.inf):
        raise InputError(f"{kind} holds at most {_LONGEST_SIDE[kind]} pixels per side. Received {width} x {height}.")
    samples = _quantize(picture, bits, keep_alpha=kind in _WITH_ALPHA)
    note = None if record is None else _note(record, _JPEG_NOTE if kind == "JPEG" else math.inf)
    return {"BMP": _bmp, "JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp}[kind](samples, note)


def check_format(format: str, bits: int = 8) -> str:
    """The name of a format that can be written, to check it before there is a picture.

    Args:
        format: A suffix of `FORMATS`, with or without its dot.
        bits: Bits per sample.

    Raises:
        InputError: The format is unknown, or cannot hold so many bits.
    """
    suffix = format.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise unknown("picture format", suffix, FORMATS)
    kind = FORMATS[suffix]
    if bits != 8 and not (bits == 16 and kind in _WITH_16_BITS):
        raise InputError(f"{kind} cannot hold {bits} bits per sample: use 8, or 16 with {' or '.join(_WITH_16_BITS)}.")
    return kind


def _note(record: dict, longest: float) -> str:
    """The record as text. If it is too long, its longest values are replaced by a list of their names."""
    left_out = []
    while len(note := json.dumps({OWNER: {**record, "left_out": left_out} if left_out else record})) > longest:
        name = max(record, key=lambda name: len(json.dumps(record[name])))
        left_out.append(name[:100])
        record = {other: value for other, value in record.items() if other != name}
    return note


def _quantize(picture: Picture, bits: int, *, keep_alpha: bool) -> np.ndarray:
    """Unsigned integers (H, W, 3 or 4). Without `keep_alpha`, a picture with alpha is laid on white."""
    (values,) = picture.straight
    if picture.alpha is not None:
        (alpha,) = picture.alpha
        values = np.concatenate([values, alpha], axis=-1) if keep_alpha else values * alpha + (1 - alpha)
    levels = np.clip(values, 0, 1) * np.float32(2**bits - 1)
    return np.rint(levels, out=levels).astype(np.uint8 if bits == 8 else np.uint16)


def _opencv(suffix: str, samples: np.ndarray, *options: int) -> bytes:
    order = cv2.COLOR_RGB2BGR if samples.shape[-1] == 3 else cv2.COLOR_RGBA2BGRA
    return cv2.imencode(suffix, cv2.cvtColor(samples, order), options)[1].tobytes()


def _exif(note: str | None) -> bytes:
    if note is None:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = note
    return exif.tobytes()


def _bmp(samples: np.ndarray, note: str | None) -> bytes:
    return _opencv(".bmp", samples)


def _jpeg(samples: np.ndarray, note: str | None) -> bytes:
    # Pillow's `optimize` fails on pictures that compress badly. OpenCV's does not, but OpenCV writes no metadata.
    encoded = _opencv(
        ".jpg",
        samples,
        *(cv2.IMWRITE_JPEG_QUALITY, _QUALITY),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        *(cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    )
    if note is None:
        return encoded
    exif = _exif(note)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    return encoded[:_JPEG_HEADER] + segment + encoded[_JPEG_HEADER:]


def _png(samples: np.ndarray, note: str | None) -> bytes:
    # Pillow cannot write 16-bit color. OpenCV can, but writes no text.
    encoded = _opencv(".png", samples)
    if note is None:
        return encoded
    text = b"tEXtDescription\0" + note.encode("ascii")
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    return encoded[:_PNG_HEADER] + chunk + encoded[_PNG_HEADER:]


def _tiff(samples: np.ndarray, note: str | None) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"] if samples.shape[-1] == 4 else None,
        compression="zlib",
        predictor=True,
        description=note,
        metadata=None,
        software=OWNER,
    )
    return buffer.getvalue()


def _webp(samples: np.ndarray, note: str | None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "WEBP", quality=_QUALITY, exif=_exif(note))
    return buffer.getvalue()
