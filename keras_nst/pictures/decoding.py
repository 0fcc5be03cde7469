"""Decode opened image files and frames of clips."""

import io
from fractions import Fraction

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms
from scipy.ndimage import map_coordinates

from keras_nst.errors import InputError
from keras_nst.pictures.picture import Picture
from keras_nst.pictures.spaces import (
    BT601,
    BT709,
    BT2020,
    HLG,
    PQ,
    UNSPECIFIED,
    ColorSpace,
    of_codes,
    of_still,
    to_srgb,
)

_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_EXTRA_SAMPLES = 338  # A TIFF tag that Pillow has no name for.

_HD = 1280, 576  # A frame at least this wide, or higher than this, is HD.
# A display matrix (a, b, c, d) takes (x, y) to (a x + c y, b x + d y). Its EXIF orientation:
_ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
_TURNS = (1, 8, 3, 6)  # EXIF orientations, by the number of quarter turns counterclockwise.


def decode(image: Image.Image) -> Picture:
    """Decode an image to upright sRGB.

    Args:
        image: From Pillow, in a format that `io` reads.

    Raises:
        InputError: The sample format is not supported; the message does not name the file. For a damaged file, the
            decoder may raise any other exception.
    """
    # Pillow reduces 16-bit color to 8-bit "RGB"; only the raw mode, such as "RGB;16B", shows it.
    deep = ";16" in str(image.tile) and image.mode != "CMYK"
    color, alpha = (_decode_16_bits if deep else _decode_8_bits)(image, of_still(image))
    # Both decoders apply a TIFF's orientation themselves.
    orientation = None if image.format == "TIFF" else exif_tag(image, ExifTags.Base.Orientation)
    return Picture(_upright(color, orientation), None if alpha is None else _upright(alpha, orientation))


def decode_frame(frame, aspect: Fraction = Fraction(1)) -> np.ndarray:
    """Decode a frame of a clip to upright sRGB with square pixels.

    A frame without color tags is BT.709 if it is HD, else BT.601. White of PQ and HLG is at 203 nits, as in BT.2408;
    brighter light and colors outside sRGB are clipped.

    Args:
        frame: From PyAV.
        aspect: Width of a stored pixel divided by its height. Pixels that are not square are stretched.

    Returns:
        (1, H, W, 3) float32 in [0, 1].
    """
    primaries, transfer = frame.color_primaries, frame.color_trc
    if primaries == UNSPECIFIED and transfer in (PQ, HLG):
        primaries = BT2020
    if frame.colorspace == UNSPECIFIED and not frame.format.is_rgb:
        is_hd = frame.width >= _HD[0] or frame.height > _HD[1]
        untagged = BT709 if is_hd else BT601
        frame.colorspace = BT2020 if primaries == BT2020 else untagged
    space = of_codes(primaries, transfer)
    if space is None:
        stored = frame.reformat(format="rgb24").to_ndarray()
    else:
        # FFmpeg applies only the matrix: its conversion to sRGB shifts saturated colors.
        frame.color_primaries = frame.color_trc = UNSPECIFIED
        stored = to_srgb(frame.reformat(format="rgb48le").to_ndarray(), space)
    if aspect != 1:
        square = square_size(*stored.shape[:2], aspect)
        stored = cv2.resize(stored, square[::-1], interpolation=cv2.INTER_CUBIC)
    return _upright(stored, _orientation(frame))


def square_size(height: int, width: int, aspect: Fraction) -> tuple[int, int]:
    """Height and width of a frame once `decode_frame` has made its pixels square; neither is less than before.

    Args:
        height: Of the stored frame.
        width: Of the stored frame.
        aspect: Width of a stored pixel divided by its height.
    """
    return (height, round(width * aspect)) if aspect > 1 else (round(height / aspect), width)


def _orientation(frame) -> int:
    """The EXIF orientation nearest to a frame's display matrix."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # The frame has some side data that PyAV does not know.
        return _TURNS[round(frame.rotation / 90) % 4]
    if matrix is None:
        return 1
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(float)
    straight = abs(a) + abs(d) >= abs(b) + abs(c)
    return _ORIENTATIONS.get(tuple(np.sign((a, 0, 0, d) if straight else (0, b, c, 0)).astype(int).tolist()), 1)


def _decode_8_bits(image: Image.Image, space: bytes | ColorSpace | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Color (H, W, 3) in sRGB and alpha (H, W, 1) or None, uint8."""
    if image.mode not in _EIGHT_BIT_MODES:
        raise InputError(f"its sample format, {image.mode}, is not supported; save it with 8 or 16 bits per sample.")
    image.load()
    if image.mode in ("P", "PA"):  # Pillow warns if a palette loses its transparency.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))[..., None] if image.has_transparency_data else None
    if isinstance(space, ColorSpace):
        return to_srgb(np.asarray(image.convert("RGB")), space), alpha
    return np.asarray(_srgb(image, space)), alpha


def _decode_16_bits(image: Image.Image, space: bytes | ColorSpace | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Color (H, W, 3) in sRGB, uint16 or float32 in [0, 1], and alpha (H, W, 1) uint16 or None."""
    image.fp.seek(0)
    encoded = image.fp.read()
    image.load()  # For its errors: OpenCV prints them instead of raising.
    encoded = np.frombuffer(encoded, np.uint8)
    if image.format == "TIFF" and image.tell():
        samples = cv2.imdecodemulti(encoded, cv2.IMREAD_UNCHANGED)[1][image.tell()]
    else:
        samples = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise InputError("its layout of 16-bit samples is not supported; save it with 8 bits.")
    if samples.ndim == 2:
        color, alpha = samples[..., None], None
    else:
        color = samples[..., 2::-1]
        # In a TIFF, a fourth channel need not be alpha.
        alpha = samples[..., 3:] if samples.shape[-1] == 4 and image.has_transparency_data else None
    tags = image.tag_v2 if image.format == "TIFF" else {}
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # White is zero.
        color = ~color
    if tags.get(_EXTRA_SAMPLES) == (1,):  # Color is multiplied by alpha.
        color = np.minimum(color / np.maximum(alpha, 1, dtype=np.float32), 1)
    if isinstance(space, ColorSpace):
        color = to_srgb(color, space)
    elif space is not None:
        color = _srgb_16_bits(color, space)
    return np.broadcast_to(color, (*color.shape[:2], 3)), alpha


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an 8-bit image to sRGB. A profile that is broken or for another kind of color is ignored."""
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
    """Convert color with 1 or 3 channels, uint16 or float32 in [0, 1], to sRGB (H, W, 3) float32.

    Pillow converts only 8 bits. A coarse table of its results, interpolated linearly, is as smooth as 16 bits and, for
    common gammas, about as accurate as 8.
    """
    channels = color.shape[-1]
    nodes = np.arange(0, 256, 5, dtype=np.uint8)
    grid = np.stack(np.meshgrid(*[nodes] * channels, indexing="ij"), axis=-1).reshape(1, -1, channels)
    image = Image.fromarray(grid if channels == 3 else grid[..., 0])
    table = np.asarray(_srgb(image, profile), np.float32).reshape(*[len(nodes)] * channels, 3) / 255
    steps = np.float32((len(nodes) - 1) / _top(color))
    converted = np.empty((*color.shape[:2], 3), np.float32)
    for row, target in zip(color, converted, strict=True):  # Row by row, to save memory.
        for channel in range(3):
            target[:, channel] = map_coordinates(table[..., channel], row.T * steps, order=1, mode="nearest")
    return converted


def exif_tag(image: Image.Image, tag: int) -> int | str | None:
    """An entry of the image's EXIF data; None if it has none."""
    try:
        return image.getexif().get(tag)
    except Exception:  # Broken metadata does not make the picture unusable.
        return None


def _upright(values: np.ndarray, orientation: int | None) -> np.ndarray:
    """Apply the EXIF orientation to samples (H, W, C): (1, H, W, C) float32 in [0, 1]."""
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
