"""Color spaces of pictures and frames, and their conversion to sRGB.

A file's color space is given by, in this order: an ICC profile; code points of H.273 (cICP, nclx); EXIF's mark of Adobe
RGB; PNG's gAMA and cHRM. A file with none of these is sRGB.
"""

import contextlib
import io
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms

# Code points of ITU-T H.273, which FFmpeg also uses.
BT709, UNSPECIFIED, BT601, BT2020 = 1, 2, 5, 9
PQ, HLG = 16, 18
_LINEAR, _GAMMA_22, _GAMMA_28 = 8, 4, 5

_D65 = (0.3127, 0.3290)
_SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)
# Red, green, blue and white by code point. Players show the primaries of BT.601 and EBU as sRGB's, which are similar.
_PRIMARIES = {
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
_ADOBE = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), _D65)
_ADOBE_GAMMA = 563 / 256
_GAMMA_OF_SRGB = 0.45455  # PNG files with sRGB's curve store it for programs that only know gammas.
# Bradford's cone responses (ICC.1:2022, annex E).
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_WHITE = 203 / 10_000  # Diffuse white of BT.2408, relative to the maximum of PQ.
_SYSTEM_GAMMA = 1.2  # HLG on a display with 1,000 cd/m2, where a signal of 0.75 is diffuse white.
_LEVELS = 65_535
_ROWS = 64  # Converted at once; few, to save memory.


class ColorSpace(NamedTuple):
    """A color space other than sRGB.

    Attributes:
        primaries: CIE x and y of red, green, blue and white.
        curve: Function from samples in [0, 1] to linear light; white is 1.
        system_gamma: Exponent of luminance from scene light to display light.
    """

    primaries: tuple[tuple[float, float], ...]
    curve: Callable[[np.ndarray], np.ndarray]
    system_gamma: float = 1.0


def of_codes(primaries: int, transfer: int) -> ColorSpace | None:
    """The space of two code points of H.273; None for sRGB.

    Players show the curves of standard-range video as sRGB's, and so does this.
    """
    curve = {_LINEAR: _power(1.0), _GAMMA_22: _power(2.2), _GAMMA_28: _power(2.8), PQ: _pq, HLG: _hlg}.get(transfer)
    if primaries not in _PRIMARIES and curve is None:
        return None
    return ColorSpace(
        _PRIMARIES.get(primaries, _SRGB), curve or _srgb_to_light, _SYSTEM_GAMMA if transfer == HLG else 1.0
    )


def of_still(image: Image.Image) -> "bytes | ColorSpace | None":
    """The color space of a still: an ICC profile, a space, or None for sRGB.

    A profile that is broken or for another kind of color is ignored.

    Args:
        image: From Pillow; its pixels need not be loaded.
    """
    profile = image.info.get("icc_profile")
    if profile and _is_usable(profile, image.mode):
        return profile
    codes = _codes(image)
    if codes is not None:
        return of_codes(*codes)
    if _is_adobe(image):
        return ColorSpace(_ADOBE, _power(_ADOBE_GAMMA))
    gamma, chromaticity = image.info.get("gamma"), image.info.get("chromaticity")
    if image.format != "PNG" or "srgb" in image.info or not (gamma or chromaticity):
        return None
    primaries = _SRGB
    if chromaticity:
        white, *colors = zip(chromaticity[::2], chromaticity[1::2], strict=True)
        if _is_triangle(colors, white):
            primaries = (*colors, white)
    curve = _power(1 / gamma) if gamma and 0.1 <= gamma <= 10 else _srgb_to_light
    is_srgb = np.allclose(primaries, _SRGB, atol=0.002)
    if is_srgb and (curve is _srgb_to_light or abs(gamma - _GAMMA_OF_SRGB) < 0.001):
        return None
    return ColorSpace(primaries, curve)


def to_srgb(samples: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Convert samples of another space to sRGB. Colors outside sRGB are clipped by channel.

    Args:
        samples: (H, W, 1 or 3), unsigned integers or float32 in [0, 1].
        space: Their color space.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Source: Bradford's transform adapts white (ICC.1:2022, annex E); PQ and HLG follow ITU-R BT.2100, with white at 203
    cd/m2 as in BT.2408.
    """
    levels = np.linspace(0, 1, _LEVELS + 1)
    light, samples_of_light = np.float32(space.curve(levels)), np.float32(_light_to_srgb(levels))
    matrix = np.float32(_to_srgb_primaries(space.primaries))
    luminance = np.float32(_to_xyz(space.primaries)[1])
    scale = _LEVELS / np.iinfo(samples.dtype).max if samples.dtype.kind == "u" else _LEVELS
    converted = np.empty((*samples.shape[:2], 3), np.float32)
    for top in range(0, len(samples), _ROWS):
        rows = samples[top : top + _ROWS] * np.float32(scale)
        linear = light[np.clip(np.rint(rows), 0, _LEVELS).astype(np.uint16)]
        linear = np.broadcast_to(linear, (*linear.shape[:2], 3))
        if space.system_gamma != 1:
            bright = np.maximum(linear @ luminance, 1e-9)[..., None]
            linear = linear * bright ** np.float32(space.system_gamma - 1)
        linear = np.clip(linear @ matrix.T, 0, 1)
        converted[top : top + _ROWS] = samples_of_light[np.rint(linear * _LEVELS).astype(np.uint16)]
    return converted


def _is_usable(profile: bytes, mode: str) -> bool:
    kind = {"1": "GRAY", "L": "GRAY", "LA": "GRAY", "I;16": "GRAY", "CMYK": "CMYK"}.get(mode, "RGB ").strip()
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip() == kind
    except (OSError, ImageCms.PyCMSError):
        return False


def _codes(image: Image.Image) -> tuple[int, int] | None:
    """Code points of primaries and transfer, if the file has them and is still open."""
    if image.fp is None and image.format != "HEIF":
        return None
    if image.format == "PNG":
        content = next((content for kind, content in _chunks(image) if kind == b"cICP"), b"")
        return (content[0], content[1]) if len(content) == 4 else None
    if image.format == "HEIF":
        told = image.info.get("nclx_profile")
        return None if told is None else (int(told["color_primaries"]), int(told["transfer_characteristics"]))
    if image.format == "AVIF":
        image.fp.seek(0)
        _, found, rest = image.fp.read(1 << 16).partition(b"colrnclx")
        return struct.unpack(">HH", rest[:4]) if found and len(rest) >= 4 else None
    return None


def _chunks(image: Image.Image) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG before its pixels."""
    place = image.fp.tell()
    with contextlib.suppress(struct.error):
        image.fp.seek(8)
        while True:
            length, kind = struct.unpack(">I4s", image.fp.read(8))
            if kind == b"IDAT":
                break
            content = image.fp.read(min(length, 64))
            image.fp.seek(length - len(content) + 4, io.SEEK_CUR)
            yield kind, content
    image.fp.seek(place)


def _is_adobe(image: Image.Image) -> bool:
    """Whether EXIF's interoperability index means Adobe RGB, which cameras use without a profile.

    PNG has chunks for its colors, and Pillow would decode it to find EXIF.
    """
    if image.format == "PNG":
        return False
    try:
        exif = image.getexif()
        return exif.get_ifd(ExifTags.IFD.Interop).get(1) == "R03"
    except Exception:  # Broken metadata does not make the picture unusable.
        return False


def _is_triangle(colors, white) -> bool:
    (ax, ay), (bx, by), (cx, cy) = colors
    return abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) > 0.01 and min(ay, by, cy, white[1]) > 0.01


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Matrix (3, 3) from linear light in these primaries to CIE XYZ, where white has Y = 1."""
    *colors, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in primaries)
    columns = np.stack(colors, axis=1)
    return columns * np.linalg.solve(columns, white)


def _to_srgb_primaries(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    x, y = primaries[3]
    white, target = (_CONES @ [x / y, 1, (1 - x - y) / y] for x, y in ((x, y), _D65))
    adapted = np.linalg.solve(_CONES, np.diag(target / white) @ _CONES)
    return np.linalg.solve(_to_xyz(_SRGB), adapted @ _to_xyz(primaries))


def _power(exponent: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda samples: samples**exponent


def _srgb_to_light(samples: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def _light_to_srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def _pq(samples: np.ndarray) -> np.ndarray:
    """BT.2100, table 4."""
    power = samples ** (32 / 2523)
    nits = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return nits ** (16384 / 2610) / _WHITE


def _hlg(samples: np.ndarray) -> np.ndarray:
    """BT.2100, table 5, to scene light."""

    def scene(signal):
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)

    return scene(samples) / scene(np.float64(0.75))
