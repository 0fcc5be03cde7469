"""Read and write picture files."""

import contextlib
import io
import json
import threading
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from keras_nst.errors import InputError
from keras_nst.files import check_file, replacing
from keras_nst.pictures.decoding import decode, exif_tag
from keras_nst.pictures.encoding import FORMATS, OWNER, encode
from keras_nst.pictures.picture import Picture, resize
from keras_nst.pictures.samples import sample_path

MIN_SIDE = 16
"""The shortest side, in pixels, that can be stylized: networks halve a picture four times."""

MAX_PIXELS = 100_000_000
"""Default limit of `read`; a small file may claim to hold billions of pixels."""

_ONE_LEVEL = 1 / 255

# Pillow knows fifty other formats. One is EPS, which it would let Ghostscript run.
_READABLE = (*dict.fromkeys(FORMATS.values()), "GIF", "AVIF")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
# Tags of TIFF: the type of a page, whose lowest bit means a smaller copy, and the version of DNG.
_PAGE, _DNG = 254, 50706
_CANON = b"CR"  # Follows the first eight bytes of Canon's camera RAW.

_pillow_limit = threading.Lock()


def read(source: str | Path | bytes, *, max_pixels: int | None = None, max_size: int | None = None) -> Picture:
    """Read a picture as upright sRGB.

    Formats are recognized by content: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and, with pillow-heif, HEIC. The first
    frame is read, and the first page that is not a thumbnail. Gray, palette and CMYK become RGB, the EXIF orientation
    is applied, other color spaces are converted (see `spaces`; a broken profile is ignored), and 16-bit gray and RGB
    keep their precision.

    Args:
        source: A path, `sample:NAME` for a photograph in `samples.SAMPLES`, or the content of a file.
        max_pixels: Largest number of pixels, checked before decoding; None for `MAX_PIXELS`.
        max_size: Longest side in pixels; a larger picture is shrunk to it.

    Returns:
        The picture; its `alpha` is None if the file has no transparency.

    Raises:
        InputError: The file is missing, unreadable, damaged or not a picture, or the picture is too large or too small.

    >>> keras_nst.read("sample:coffee", max_size=300).rgb.shape
    (1, 200, 300, 3)
    """
    name, image = _open(source)
    with image:
        width, height = image.size
        if width * height > (limit := max_pixels or MAX_PIXELS):
            advice = "Shrink it, or raise `max_pixels`." if max_pixels else "Shrink it."
            raise InputError(
                f"Cannot read {name}: {width} x {height} pixels are more than the limit of {limit}. {advice}"
            )
        shrinking = min(1, max_size / max(image.size)) if max_size else 1
        if min(image.size) * shrinking < MIN_SIDE:
            shrunk = f" shrunk to {max_size} on the longest side" if shrinking < 1 else ""
            raise InputError(
                f"Cannot read {name}: {width} x {height} pixels{shrunk} leave a side under the minimum of {MIN_SIDE}."
            )
        if max_size:
            image.draft(None, (max_size, max_size))  # A JPEG is decoded faster at 1/2, 1/4 or 1/8 of its size.
        try:
            picture = decode(image)
        except InputError as error:
            raise InputError(f"Cannot read {name}: {error}") from None
        except Exception as error:  # A decoder may raise anything if the file is broken.
            raise InputError(f"Cannot read {name}: the file is damaged or cut short ({error}).") from error
    return resize(picture, max_size) if max_size else picture


def write(path: str | Path, picture: Picture, *, bits: int = 8, record: dict | None = None) -> None:
    """Write a picture in the format of the path's suffix. The file is written completely or not at all.

    Args:
        path: The file; `FORMATS` lists the suffixes.
        picture: The picture; `encode` describes what each format keeps.
        bits: Bits per sample: 8, or 16 for PNG and TIFF.
        record: How the picture was made, stored in the file's metadata.

    Raises:
        InputError: The suffix is unknown, the format cannot hold the picture, or the file cannot be written.

    >>> keras_nst.write("gray.png", keras_nst.Picture(np.full((1, 20, 30, 3), 0.5, np.float32)))
    >>> keras_nst.read("gray.png").rgb.shape
    (1, 20, 30, 3)
    """
    encoded = encode(picture, Path(path).suffix, bits=bits, record=record)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def read_painting(source: str | Path | bytes, *, max_pixels: int | None = None, max_size: int | None = None) -> Picture:
    """Read a painting that a style is learned from.

    Args:
        source: As in `read`.
        max_pixels: As in `read`.
        max_size: As in `read`.

    Raises:
        InputError: As from `read`, or the picture has one color everywhere.
    """
    painting = read(source, max_pixels=max_pixels, max_size=max_size)
    if np.ptp(painting.rgb, axis=(0, 1, 2)).max() <= _ONE_LEVEL:
        name = "The image" if isinstance(source, bytes) else source
        raise InputError(f"{name} has one color everywhere, and so no style. Choose a painting with strokes.")
    return painting


def read_record(source: str | Path | bytes) -> dict | None:
    """Read the record that `write` or `encode` stored in a file; None if there is none.

    Args:
        source: As in `read`.

    Raises:
        InputError: The file cannot be read as a picture.
    """
    _, image = _open(source)
    with image:
        # To find a PNG's EXIF, Pillow would decode the picture.
        key = {"PNG": "Description", "GIF": "comment"}.get(image.format or "")
        note = image.info.get(key) if key else exif_tag(image, ExifTags.Base.ImageDescription)
    try:
        return json.loads(note)[OWNER]
    except (TypeError, ValueError, KeyError):  # No description, or somebody else's.
        return None


def _open(source: str | Path | bytes) -> tuple[str, Image.Image]:
    """The name of `source` for messages, and its image, of which only the header is read."""
    if isinstance(source, bytes):
        name, file = "the image", io.BytesIO(source)
    elif isinstance(source, str) and source.startswith("sample:"):
        name, file = source, sample_path(source.removeprefix("sample:"))
    else:
        name, file = str(source), source
    if not isinstance(file, io.BytesIO):
        check_file(file)
    # Pillow's limit is global: lift it only while this header is read.
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return name, _opened(file)
        except InputError as error:
            raise InputError(f"Cannot read {name}: {error}") from None
        except Exception as error:  # As in `read`.
            reason = getattr(error, "strerror", None) or f"it is not a picture in {', '.join(_READABLE)} or HEIC"
            raise InputError(f"Cannot read {name}: {reason}.") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _opened(file: str | Path | io.BytesIO) -> Image.Image:
    """The image of a file, at the page to read. The message of an `InputError` does not name the file."""
    formats = list(_READABLE)
    head = _head(file)
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, len(head), 4))} if head[4:8] == b"ftyp" else set()
    if brands & _AVIF_BRANDS:
        if head[8:12] not in _AVIF_BRANDS:  # Pillow checks only the first brand.
            content = file.getvalue() if isinstance(file, io.BytesIO) else Path(file).read_bytes()
            file = io.BytesIO(content[:8] + b"avif" + content[12:])
    elif brands & _HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError as error:
            what = "it is HEIC, which needs pillow-heif. Install it: pip install 'keras_nst[heic]', or save it as JPEG."
            raise InputError(what) from error
        pillow_heif.register_heif_opener()
        formats.append("HEIF")
    image = Image.open(file, formats=formats)
    if image.format == "TIFF":
        _turn_to_picture(image, head)
    return image


def _head(file: str | Path | io.BytesIO) -> bytes:
    """The first bytes of a file; of a file made of boxes, the first box."""
    if isinstance(file, io.BytesIO):
        head = file.getvalue()[:64]
    else:
        with open(file, "rb") as opened:
            head = opened.read(64)
    return head[: int.from_bytes(head[:4], "big")] if head[4:8] == b"ftyp" else head


def _turn_to_picture(image: Image.Image, head: bytes) -> None:
    """Go to the first page of a TIFF that is not a smaller copy."""
    with contextlib.suppress(EOFError):
        while image.tag_v2.get(_PAGE, 0) & 1:
            image.seek(image.tell() + 1)
    if image.tag_v2.get(_PAGE, 0) & 1 or _DNG in image.tag_v2 or head[8:10] == _CANON:
        raise InputError("it is camera RAW, which holds only a preview as a picture. Develop it to TIFF or JPEG first.")
