"""Stills in other color spaces, encoded by published matrices and curves, are read as the same colors in sRGB."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_nst.pictures.io import read

SHARED = Path(__file__).parents[3] / "shared" / "cases"
COLORS = np.uint8([[[200, 30, 30], [30, 180, 40], [40, 60, 200]], [[220, 170, 140], [128, 128, 128], [255, 255, 255]]])
# To CIE XYZ: IEC 61966-2-1; Adobe RGB (1998), section 4.3.5.3; SMPTE EG 432-1 with D65.
SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
ADOBE = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
P3 = np.array([[0.48657, 0.26567, 0.19822], [0.22897, 0.69174, 0.07929], [0.00000, 0.04511, 1.04394]])
GAMMA = 563 / 256


def light(levels):
    srgb = levels / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def samples(matrix, curve, top=255):
    """The samples of a file in another space for `COLORS`, 16 x 16 pixels each."""
    other = np.clip(light(COLORS) @ SRGB.T @ np.linalg.inv(matrix).T, 0, 1)
    return np.rint(curve(other) * top).astype(np.uint8 if top == 255 else np.uint16).repeat(16, 0).repeat(16, 1)


def srgb_curve(linear):
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def power(exponent):
    return lambda linear: linear**exponent


def png(pixels, *chunks) -> bytes:
    """A PNG from the specification, with 8 or 16 bits per sample."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def interoperable(mark: str) -> bytes:
    """EXIF with this interoperability index (DCF 2.0)."""
    exif = Image.Exif()
    exif[0x8769] = {0xA005: {1: mark, 2: b"0100"}}
    exif[274] = 1
    return exif.tobytes()


def gama(gamma):
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


CHRM = b"cHRM", struct.pack(">8I", *(round(100_000 * v) for v in (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)))


def assert_shows(encoded, colors=COLORS, atol=3):
    rgb = read(encoded).rgb[0, 8::16, 8::16]
    np.testing.assert_allclose(255 * rgb, colors, atol=atol)


@pytest.mark.parametrize("top", [255, 65535])
def test_code_points_of_a_png_are_followed(top):
    cicp = b"cICP", bytes([12, 13, 0, 1])
    assert_shows(png(samples(P3, srgb_curve, top), cicp))
    # H.273: linear light of BT.709's primaries.
    assert_shows(png(samples(SRGB, power(1), top), (b"cICP", bytes([1, 8, 0, 1]))))


@pytest.mark.parametrize(("mark", "matrix", "curve"), [("R03", ADOBE, power(1 / GAMMA)), ("R98", SRGB, srgb_curve)])
def test_adobe_rgb_is_told_by_exif(mark, matrix, curve):
    buffer = io.BytesIO()
    Image.fromarray(samples(matrix, curve)).save(buffer, "WEBP", lossless=True, exif=interoperable(mark))
    assert_shows(buffer.getvalue())


@pytest.mark.parametrize("top", [255, 65535])
def test_gamma_and_primaries_of_a_png_are_followed(top):
    assert_shows(png(samples(SRGB, power(1), top), gama(1.0)), atol=2 if top > 255 else 7)  # 8 bits of dark light.
    assert_shows(png(samples(ADOBE, power(1 / GAMMA), top), gama(1 / GAMMA), CHRM))
    assert_shows(png(samples(ADOBE, srgb_curve, top), CHRM))


def test_the_usual_gamma_and_primaries_of_srgb_change_nothing():
    pixels = COLORS.repeat(16, 0).repeat(16, 1)
    usual = [round(100_000 * v) for v in (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)]
    assert_shows(png(pixels, gama(0.45455), (b"cHRM", struct.pack(">8I", *usual))), atol=0.01)
    assert_shows(png(pixels, gama(1.0), (b"sRGB", b"\0")), atol=0.01)
    assert_shows(png(pixels, (b"cICP", bytes([1, 13, 0, 1]))), atol=0.01)


def test_a_profile_counts_before_all_others():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    iccp = b"iCCP", b"sRGB\0\0" + zlib.compress(profile)
    assert_shows(png(samples(SRGB, srgb_curve), iccp, (b"cICP", bytes([12, 13, 0, 1]))))


@pytest.mark.parametrize("chunk", [gama(0), (b"cHRM", bytes(32)), (b"cICP", b"\1"), (b"cICP", b"")])
def test_broken_marks_are_ignored(chunk):
    assert_shows(png(samples(SRGB, srgb_curve), chunk), atol=0.01)


@pytest.mark.parametrize(("transfer", "level"), [(16, 0.5807), (18, 0.75)])
def test_of_stills_of_high_range_diffuse_white_is_white(transfer, level):
    """BT.2408, table 1."""
    gray = np.full((16, 16, 3), round(level * 65535), np.uint16)
    rgb = read(png(gray, (b"cICP", bytes([9, transfer, 0, 1])))).rgb
    np.testing.assert_allclose(rgb, 1, atol=2 / 255)
    brighter = read(png(gray + 5000, (b"cICP", bytes([9, transfer, 0, 1])))).rgb
    np.testing.assert_array_equal(brighter, 1)


@pytest.mark.parametrize("name", ["adobergb_exif.jpg", "cicp_p3.png", "gama_linear.png", "cat.gif"])
def test_shared_cases_show_their_colors(name):
    if not SHARED.is_dir():
        pytest.skip("needs the shared cases")
    rgb = 255 * read(SHARED / name).rgb[0]
    corners = rgb[[3, 3, -4, -4], [3, -4, 3, -4]]
    np.testing.assert_allclose(corners[[0, 3]], [[200, 30, 30], [220, 170, 140]], atol=3)
