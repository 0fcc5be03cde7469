"""Pictures from the world and back: one sRGB float array inside, any common file outside."""

import io
import json
import math
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageCms
from scipy.ndimage import map_coordinates

from keras_nst.errors import InputError, unknown
from keras_nst.files import replacing
from keras_nst.images.samples import sample_path

MIN_SIDE = 16
"""The shortest side, in pixels, that can be stylized: the networks halve a picture four times."""

MAX_PIXELS = 100_000_000
"""The most pixels `read` decodes unless told otherwise; a small file can claim to hold billions."""

FORMATS = {
    "bmp": "BMP",
    "jpeg": "JPEG",
    "jpg": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WEBP",
}
"""What can be written: the suffix and its format."""

# Pillow knows fifty formats more, EPS among them, which it hands to Ghostscript to run.
_READABLE = (*dict.fromkeys(FORMATS.values()), "GIF")
_WITH_ALPHA = ("PNG", "TIFF", "WEBP")
_WITH_16_BITS = ("PNG", "TIFF")
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_QUALITY = 95  # Of JPEG and WebP.
_OWNER = "keras_nst"
_EXTRA_SAMPLES = 338  # The TIFF tag; Pillow has no name for it.
# Bytes that must stay first: signature and header chunk; start of image and JFIF segment.
_PNG_HEADER = 33
_JPEG_HEADER = 20

_pillow_limit = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    Attributes:
        rgb: sRGB color, (1, H, W, 3) float32 in [0, 1], not multiplied by alpha.
        alpha: Opacity, (1, H, W, 1) float32 in [0, 1], or None for an opaque picture.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None


def read(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS, max_size: int | None = None) -> Picture:
    """The picture in a file, upright and in sRGB.

    JPEG, PNG, WebP, TIFF, BMP and GIF are told apart by their content; of several frames or pages the first counts.
    Gray, palette and CMYK become RGB, the EXIF orientation is applied, an embedded color profile is converted to sRGB
    (a broken one is ignored), and 16-bit gray and RGB keep their precision.

    Args:
        source: A path, `sample:NAME` for a photograph of `samples.SAMPLES`, or the encoded bytes themselves.
        max_pixels: Refuse a picture of more pixels than this, before decoding it.
        max_size: Shrink the picture, if need be, until its longest side has this many pixels.

    Returns:
        The picture; `alpha` is None where the file has no transparency.

    Raises:
        InputError: The file is missing, unreadable, no picture, damaged, too large or too small.
    """
    name, image = _open(source)
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise InputError(
                f"Cannot read {name}: {width} x {height} pixels are more than the limit of {max_pixels}. "
                "Raise it with --max-pixels."
            )
        shrinking = min(1, max_size / max(image.size)) if max_size else 1
        if min(image.size) * shrinking < MIN_SIDE:
            shrunk = f" shrunk to {max_size} on the longest side" if shrinking < 1 else ""
            raise InputError(
                f"Cannot read {name}: {width} x {height} pixels{shrunk} leave a side under the minimum of {MIN_SIDE}."
            )
        if max_size:
            image.draft(None, (max_size, max_size))  # A JPEG comes at 1/2, 1/4 or 1/8 for less than the whole costs.
        try:
            picture = _decode(image)
        except InputError as error:
            raise InputError(f"Cannot read {name}: {error}") from None
        except Exception as error:  # A decoder fed a broken file can raise anything.
            raise InputError(f"Cannot read {name}: the file is damaged or cut short ({error}).") from error
    return resize(picture, max_size) if max_size else picture


def write(path: str | Path, picture: Picture, *, bits: int = 8, record: dict | None = None) -> None:
    """Writes a picture in the format of the path's suffix; the file is whole or not there.

    Args:
        path: Where to; see `FORMATS` for the suffixes.
        picture: What to write; see `encode` for what each format keeps of it.
        bits: Bits per sample, 8 or (PNG and TIFF) 16.
        record: What made the picture, kept in the file's metadata.

    Raises:
        InputError: The suffix is unknown, the format cannot hold the picture, or the file cannot be written.
    """
    encoded = encode(picture, Path(path).suffix, bits=bits, record=record)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def encode(picture: Picture, format: str, *, bits: int = 8, record: dict | None = None) -> bytes:
    """A picture as the content of a file.

    Samples are clipped to [0, 1] and rounded to the nearest level. PNG, TIFF and WebP keep alpha; JPEG and BMP cannot,
    and show the picture on white.

    Args:
        picture: What to encode.
        format: A suffix of `FORMATS`, with or without its dot.
        bits: Bits per sample, 8 or (PNG and TIFF) 16.
        record: What made the picture, to be read back with `read_record`; BMP has no place for it.

    Returns:
        The encoded file.

    Raises:
        InputError: The format is unknown, or cannot hold so many bits or pixels.
    """
    kind = check_format(format, bits)
    height, width = picture.rgb.shape[1:3]
    if max(height, width) > _LONGEST_SIDE.get(kind, math.inf):
        raise InputError(f"{kind} holds at most {_LONGEST_SIDE[kind]} pixels a side. Received: {width} x {height}.")
    samples = _quantize(picture, bits, keep_alpha=kind in _WITH_ALPHA)
    note = None if record is None else json.dumps({_OWNER: record})
    return {"BMP": _bmp, "JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp}[kind](samples, note)


def check_format(format: str, bits: int = 8) -> str:
    """The name of a format that can be written, for a caller that wants to know before it has a picture.

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
        raise InputError(f"{kind} cannot hold {bits} bits a sample: use 8, or 16 with {' or '.join(_WITH_16_BITS)}.")
    return kind


def read_record(source: str | Path | bytes) -> dict | None:
    """The record that `write` or `encode` left in a file, or None where there is none.

    Args:
        source: As in `read`.

    Raises:
        InputError: The file cannot be read as a picture.
    """
    _, image = _open(source)
    with image:
        # Asked for its EXIF, Pillow would decode a whole PNG.
        in_text = image.format == "PNG"
        note = image.info.get("Description") if in_text else _exif_tag(image, ExifTags.Base.ImageDescription)
    try:
        return json.loads(note)[_OWNER]
    except (TypeError, ValueError, KeyError):  # No description, or somebody else's.
        return None


def resize(picture: Picture, max_size: int) -> Picture:
    """A picture whose longest side has at most `max_size` pixels, its aspect kept; a smaller one comes back as it is.

    Each new pixel is the mean of the area it covers, which neither aliases nor overshoots. Color is weighted by alpha,
    so that what stood under transparent pixels does not bleed into its neighbors.

    Args:
        picture: The picture to shrink.
        max_size: Pixels on the longest side, at least 1.

    Returns:
        The smaller picture, or `picture` itself.
    """
    height, width = picture.rgb.shape[1:3]
    if max(height, width) <= max_size:
        return picture
    scale = max_size / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def shrink(values: np.ndarray) -> np.ndarray:
        return cv2.resize(values[0], size, interpolation=cv2.INTER_AREA).reshape(1, size[1], size[0], -1)

    if picture.alpha is None:
        return Picture(shrink(picture.rgb))
    alpha = shrink(picture.alpha)
    premultiplied = shrink(picture.rgb * picture.alpha)
    rgb = np.divide(premultiplied, alpha, out=shrink(picture.rgb), where=alpha > 0)
    return Picture(np.minimum(rgb, 1), alpha)


def _open(source: str | Path | bytes) -> tuple[str, Image.Image]:
    """The name of `source` for messages, and its image, of which only the header has been read."""
    if isinstance(source, bytes):
        name, file = "the image", io.BytesIO(source)
    elif isinstance(source, str) and source.startswith("sample:"):
        name, file = source, sample_path(source.removeprefix("sample:"))
    else:
        name, file = str(source), source
    # Pillow's limit is one variable of the whole process: lifted for this header only, and given back.
    with _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return name, Image.open(file, formats=_READABLE)
        except Exception as error:  # As in `read`: a header can be broken in any way.
            reason = getattr(error, "strerror", None) or f"it is no picture in {', '.join(_READABLE)}"
            raise InputError(f"Cannot read {name}: {reason}.") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _decode(image: Image.Image) -> Picture:
    # Pillow calls 16-bit color "RGB" and gives 8 bits of it; only the file's raw mode, "RGB;16B", tells.
    deep = ";16" in str(image.tile) and image.mode != "CMYK"
    color, alpha = _decode_16_bits(image) if deep else _decode_8_bits(image)
    # Both decoders turn a TIFF themselves.
    orientation = None if image.format == "TIFF" else _exif_tag(image, ExifTags.Base.Orientation)
    return Picture(_upright(color, orientation), None if alpha is None else _upright(alpha, orientation))


def _decode_8_bits(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Color (H, W, 3) in sRGB and alpha (H, W, 1) or None, uint8."""
    if image.mode not in _EIGHT_BIT_MODES:
        raise InputError(f"its samples are of kind {image.mode}; save it with 8 or 16 bits a sample.")
    image.load()
    if image.mode in ("P", "PA"):  # By way of RGBA, because Pillow warns where a palette loses its transparency.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))[..., None] if image.has_transparency_data else None
    return np.asarray(_srgb(image, image.info.get("icc_profile"))), alpha


def _decode_16_bits(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Color (H, W, 3) in sRGB, uint16 or float32 in [0, 1], and alpha (H, W, 1) uint16 or None."""
    image.fp.seek(0)
    encoded = image.fp.read()
    image.load()  # For its errors: OpenCV prints them instead of raising.
    samples = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise InputError("its 16-bit samples are laid out in a way that is not supported; save it with 8.")
    if samples.ndim == 2:
        color, alpha = samples[..., None], None
    else:
        color = samples[..., 2::-1]
        # A fourth channel need not be transparency: a TIFF says what it is.
        alpha = samples[..., 3:] if samples.shape[-1] == 4 and image.has_transparency_data else None
    tags = image.tag_v2 if image.format == "TIFF" else {}
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # White is zero.
        color = ~color
    if tags.get(_EXTRA_SAMPLES) == (1,):  # Color is multiplied by alpha.
        color = np.minimum(color / np.maximum(alpha, 1, dtype=np.float32), 1)
    if "icc_profile" in image.info:
        color = _srgb_16_bits(color, image.info["icc_profile"])
    return np.broadcast_to(color, (*color.shape[:2], 3)), alpha


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An 8-bit image as sRGB. A profile that is broken or made for another kind of color is ignored."""
    profiled = {"1": "L", "LA": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB")
    color = image if image.mode == profiled else image.convert(profiled)
    if profile:
        try:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(color, source, target, outputMode="RGB")
        except (OSError, ImageCms.PyCMSError):
            pass
    return color.convert("RGB")


def _srgb_16_bits(color: np.ndarray, profile: bytes) -> np.ndarray:
    """Color of 1 or 3 channels, uint16 or float32 in [0, 1], as sRGB (H, W, 3) float32.

    Pillow manages color in 8 bits only. A coarse table of what it answers, read with linear interpolation, is as smooth
    as the 16 bits and, for the gammas in use, about as accurate as the 8.
    """
    channels = color.shape[-1]
    nodes = np.arange(0, 256, 5, dtype=np.uint8)
    grid = np.stack(np.meshgrid(*[nodes] * channels, indexing="ij"), axis=-1).reshape(1, -1, channels)
    image = Image.fromarray(grid if channels == 3 else grid[..., 0])
    table = np.asarray(_srgb(image, profile), np.float32).reshape(*[len(nodes)] * channels, 3) / 255
    steps = np.float32((len(nodes) - 1) / _top(color))
    converted = np.empty((*color.shape[:2], 3), np.float32)
    for row, target in zip(color, converted, strict=True):  # Row by row, to need little memory.
        for channel in range(3):
            target[:, channel] = map_coordinates(table[..., channel], row.T * steps, order=1, mode="nearest")
    return converted


def _exif_tag(image: Image.Image, tag: int) -> int | str | None:
    try:
        return image.getexif().get(tag)
    except Exception:  # Broken metadata is no reason to refuse a sound picture.
        return None


def _upright(values: np.ndarray, orientation: int | None) -> np.ndarray:
    """Stored samples (H, W, C) as (1, H, W, C) float32 in [0, 1], turned as the EXIF orientation says."""
    if orientation in (5, 6, 7, 8):
        values = values.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.divide(values, _top(values), dtype=np.float32, order="C")[None]


def _top(values: np.ndarray) -> int:
    """The value that stands for 1."""
    return np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1


def _quantize(picture: Picture, bits: int, *, keep_alpha: bool) -> np.ndarray:
    """(H, W, 3 or 4) unsigned integers; without `keep_alpha` a picture that has alpha is laid on white."""
    (values,) = picture.rgb
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
    # OpenCV, because Pillow, asked to optimize, fails on pictures that compress badly; it writes no metadata.
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
    # OpenCV, because Pillow writes no 16-bit color; it writes no text.
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
        software=_OWNER,
    )
    return buffer.getvalue()


def _webp(samples: np.ndarray, note: str | None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "WEBP", quality=_QUALITY, exif=_exif(note))
    return buffer.getvalue()
