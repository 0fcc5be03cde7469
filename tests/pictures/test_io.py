"""`read` reads what Pillow, OpenCV and tifffile write, and they read what `write` writes."""

import io
import os
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, JpegImagePlugin

from keras_nst.errors import InputError
from keras_nst.pictures.encoding import FORMATS, encode
from keras_nst.pictures.io import read, read_record, write
from keras_nst.pictures.picture import Picture, resize

ORIENTATION = 274
RECORD = {"style": "mosaic", "version": "1.0", "options": {"size": 512, "note": "größer"}}


@pytest.fixture
def rgb(rng) -> np.ndarray:
    return rng.integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def deep(rng) -> np.ndarray:
    return rng.integers(0, 65536, (20, 30, 4), np.uint16)


def saved(pixels, format="PNG", mode=None, **options) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, format, **options)
    return buffer.getvalue()


def deep_tiff(pixels, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def deep_png(pixels, *extra_chunks: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG of 1 to 4 channels, from the specification."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [(b"IHDR", header), *extra_chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*named) for named in chunks)


WHITE = (0.9642, 1.0, 0.8249)


def fixed(*numbers) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.1, from the specification."""
    offset = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, offset + len(content), len(value))
        content += value
    header = struct.pack(">I4xI4s4s4s12x4s28x", offset + len(content), 0x02100000, b"mntr", space, connection, b"acsp")
    return (header + fixed(*WHITE)).ljust(128, b"\0") + table + content


def linear_profile(*, exchange=False) -> bytes:
    """sRGB's primaries without its gamma; `exchange` swaps red and blue."""
    red, green, blue = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)
    first, last = (blue, red) if exchange else (red, blue)
    named = {b"wtpt": WHITE, b"rXYZ": first, b"gXYZ": green, b"bXYZ": last}
    tags = {name: b"XYZ \0\0\0\0" + fixed(*numbers) for name, numbers in named.items()}
    return profile(b"RGB ", b"XYZ ", tags | dict.fromkeys([b"rTRC", b"gTRC", b"bTRC"], b"curv" + bytes(8)))


def linear_gray_profile() -> bytes:
    return profile(b"GRAY", b"XYZ ", {b"wtpt": b"XYZ \0\0\0\0" + fixed(*WHITE), b"kTRC": b"curv" + bytes(8)})


def black_ink_profile() -> bytes:
    """CMYK with a lightness L* of 100 (1 - K), whatever the other inks."""
    ramp = bytes(range(256))
    corners = bytes(value for corner in range(16) for value in (0 if corner % 2 else 255, 128, 128))  # K changes first.
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + corners + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"A2B0": table})


def srgb(linear):
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def assert_levels(values, levels, top):
    """Check that `values` (1, H, W, C) in [0, 1] are these integers over `top`, to the last bit of a float."""
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[0], levels.astype(np.float64) / top, rtol=1e-7)


# Reading.


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_files_give_their_levels(rgb, format):
    picture = read(saved(rgb, format, lossless=True))
    assert_levels(picture.rgb, rgb, 255)
    assert picture.alpha is None


def test_jpeg_is_what_pillow_decodes(rgb):
    encoded = saved(rgb, "JPEG")
    assert_levels(read(encoded).rgb, np.asarray(Image.open(io.BytesIO(encoded))), 255)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_gray_has_three_equal_channels(rgb, mode):
    gray = np.asarray(Image.fromarray(rgb).convert(mode).convert("L"))
    assert_levels(read(saved(rgb, mode=mode)).rgb, np.repeat(gray[..., None], 3, axis=-1), 255)


def test_palette_gives_its_colors(rng):
    colors, indices = rng.integers(0, 256, (4, 3), np.uint8), rng.integers(0, 4, (20, 30), np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(colors.tobytes())
    for encoded in (saved(image, "PNG"), saved(image, "GIF")):
        picture = read(encoded)
        assert_levels(picture.straight, colors[indices], 255)
        assert picture.alpha is None
    opacity = np.array([0, 85, 170, 255])
    picture = read(saved(image, "PNG", transparency=bytes(opacity.tolist())))
    assert_levels(picture.straight, colors[indices], 255)
    assert_levels(picture.alpha, opacity[indices][..., None], 255)


def test_first_frame_counts():
    black, white = (Image.new("RGB", (20, 20), color) for color in ("black", "white"))
    for format in ("GIF", "PNG", "TIFF", "WEBP"):
        encoded = saved(black, format, save_all=True, append_images=[white])
        np.testing.assert_array_equal(read(encoded).rgb, np.zeros((1, 20, 20, 3)))


@pytest.mark.parametrize(
    ("ink", "color"),
    [
        ((0, 0, 0, 0), (1, 1, 1)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((255, 0, 0, 0), (0, 1, 1)),
        ((0, 255, 255, 0), (1, 0, 0)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_ink(ink, color, format):
    picture = read(saved(Image.new("CMYK", (20, 20), ink), format))
    np.testing.assert_allclose(picture.rgb[0, 10, 10], color, atol=3 / 255)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_kept_apart_from_color(rng, format):
    rgba = rng.integers(1, 256, (20, 30, 4), np.uint8)
    picture = read(saved(rgba, format, lossless=True))
    assert_levels(picture.straight, rgba[..., :3], 255)
    assert_levels(picture.alpha, rgba[..., 3:], 255)


def test_gray_with_alpha(rng):
    gray_alpha = rng.integers(0, 256, (20, 30, 2), np.uint8)
    bands = [Image.fromarray(gray_alpha[..., band]) for band in range(2)]
    picture = read(saved(Image.merge("LA", bands)))
    assert_levels(picture.straight, np.repeat(gray_alpha[..., :1], 3, axis=-1), 255)
    assert_levels(picture.alpha, gray_alpha[..., 1:], 255)


def test_one_color_can_be_transparent(rgb):
    picture = read(saved(rgb, transparency=tuple(rgb[3, 4].tolist())))
    expected = np.full((20, 30, 1), 255)
    expected[3, 4] = 0
    assert_levels(picture.alpha, expected, 255)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_keeps_its_levels(deep, channels):
    pixels = deep[..., :channels]
    picture = read(deep_png(pixels))
    color = pixels[..., : channels - (channels in (2, 4))]
    assert_levels(picture.straight, np.broadcast_to(color, (20, 30, 3)), 65535)
    if channels in (2, 4):
        assert_levels(picture.alpha, pixels[..., -1:], 65535)
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">"}])
def test_16_bit_tiff_keeps_its_levels(deep, options):
    gray = read(deep_tiff(deep[..., 0], photometric="minisblack", **options))
    assert_levels(gray.straight, np.broadcast_to(deep[..., :1], (20, 30, 3)), 65535)
    color = read(deep_tiff(deep[..., :3], photometric="rgb", **options))
    assert_levels(color.straight, deep[..., :3], 65535)
    transparent = read(deep_tiff(deep, photometric="rgb", extrasamples=["unassalpha"], **options))
    assert_levels(transparent.straight, deep[..., :3], 65535)
    assert_levels(transparent.alpha, deep[..., 3:], 65535)


def test_16_bit_tiff_with_a_channel_that_is_no_alpha(deep):
    picture = read(deep_tiff(deep, photometric="rgb", extrasamples=["unspecified"]))
    assert_levels(picture.rgb, deep[..., :3], 65535)
    assert picture.alpha is None


def test_16_bit_tiff_with_white_as_zero(deep):
    picture = read(deep_tiff(deep[..., 0], photometric="miniswhite"))
    assert_levels(picture.rgb, np.broadcast_to(65535 - deep[..., :1], (20, 30, 3)), 65535)


def test_16_bit_tiff_with_color_multiplied_by_alpha(rng):
    rgb, alpha = rng.random((20, 30, 3)), rng.uniform(0.5, 1, (20, 30, 1))
    stored = np.rint(np.concatenate([rgb * alpha, alpha], axis=-1) * 65535).astype(np.uint16)
    picture = read(deep_tiff(stored, photometric="rgb", extrasamples=["assocalpha"]))
    np.testing.assert_allclose(picture.straight[0], rgb, atol=2 / 65535)
    np.testing.assert_allclose(picture.alpha[0], alpha, atol=1 / 65535)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(rgb, deep, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    def turned(channel):
        image = Image.fromarray(channel)
        image.getexif()[ORIENTATION] = orientation
        return np.asarray(ImageOps.exif_transpose(image))

    upright = np.stack([turned(rgb[..., channel]) for channel in range(3)], axis=-1)
    for format in ("PNG", "TIFF", "WEBP"):
        assert_levels(read(saved(rgb, format, lossless=True, exif=exif)).straight, upright, 255)
    upright = np.stack([turned(deep[..., channel]) for channel in range(4)], axis=-1)
    tag = [(ORIENTATION, "H", 1, orientation, True)]
    for encoded in (
        deep_png(deep, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))),
        deep_tiff(deep, photometric="rgb", extrasamples=["unassalpha"], extratags=tag),
    ):
        picture = read(encoded)
        assert_levels(picture.straight, upright[..., :3], 65535)
        assert_levels(picture.alpha, upright[..., 3:], 65535)


def test_broken_exif_is_ignored(rgb):
    encoded = saved(rgb, "JPEG", exif=b"Exif\0\0no such thing")
    assert_levels(read(encoded).rgb, np.asarray(Image.open(io.BytesIO(encoded))), 255)


def test_profile_is_converted_to_srgb(rng):
    linear = rng.integers(20, 256, (20, 30, 3), np.uint8)
    picture = read(saved(linear, icc_profile=linear_profile()))
    np.testing.assert_allclose(picture.rgb[0], srgb(linear / 255), atol=2 / 255)
    picture = read(saved(linear, icc_profile=linear_profile(exchange=True)))
    np.testing.assert_allclose(picture.rgb[0, ..., ::-1], srgb(linear / 255), atol=2 / 255)


def test_profile_of_gray_is_converted(rng):
    linear = rng.integers(20, 256, (20, 30), np.uint8)
    picture = read(saved(linear, icc_profile=linear_gray_profile()))
    np.testing.assert_allclose(picture.rgb[0], srgb(linear[..., None] / 255).repeat(3, -1), atol=2 / 255)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_profile_of_cmyk_is_converted(format):
    # L* = 50 means Y = ((50 + 16) / 116)^3 = 0.184.
    for ink, gray in (((255, 0, 99, 0), 1.0), ((0, 99, 0, 255), 0.0), ((0, 0, 0, 128), srgb(0.184))):
        encoded = saved(Image.new("CMYK", (20, 20), ink), format, icc_profile=black_ink_profile())
        np.testing.assert_allclose(read(encoded).rgb[0, 10, 10], gray, atol=3 / 255)


@pytest.mark.parametrize(
    ("channels", "profile"), [(1, linear_gray_profile()), (3, linear_profile()), (4, linear_profile())]
)
def test_profile_of_16_bits_is_converted_smoothly(channels, profile):
    ramp = np.linspace(6000, 65535, 20 * 1000).astype(np.uint16).reshape(20, 1000, 1).repeat(channels, axis=-1)
    picture = read(deep_tiff(ramp.squeeze(), photometric="minisblack" if channels == 1 else "rgb", iccprofile=profile))
    np.testing.assert_allclose(picture.straight[0], srgb(ramp[..., :1] / 65535).repeat(3, -1), atol=2 / 255)
    assert len(np.unique(picture.straight[..., 1])) > 15000  # 8 bits would have at most 256 levels.
    if channels == 4:
        assert_levels(picture.alpha, ramp[..., 3:], 65535)


@pytest.mark.parametrize("profile", [b"broken", linear_profile()[:200], linear_gray_profile(), black_ink_profile()])
def test_unusable_profile_is_ignored(rgb, deep, profile):
    assert_levels(read(saved(rgb, icc_profile=profile)).rgb, rgb, 255)
    picture = read(deep_tiff(deep[..., :3], photometric="rgb", iccprofile=profile))
    np.testing.assert_allclose(picture.rgb[0], deep[..., :3] / 65535, atol=1e-6)


def test_content_counts_and_not_the_suffix(rgb, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(saved(rgb, "PNG"))
    assert_levels(read(tmp_path / "photo.jpg").rgb, rgb, 255)
    assert_levels(read(str(tmp_path / "photo.jpg")).rgb, rgb, 255)


def test_sample_by_name():
    assert read("sample:coffee").rgb.shape == (1, 400, 600, 3)
    with pytest.raises(InputError, match=r"Unknown sample: 'cofee'\. Did you mean 'coffee'\?"):
        read("sample:cofee")


def test_unreadable_files_are_named(tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("This is not a picture.")
    for path, reason in (
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "Is a directory"),
        (text / "photo.png", "Not a directory"),
        (text, "not a picture in BMP, JPEG, PNG, TIFF, WEBP, GIF"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_forbidden_file(rgb, tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(saved(rgb))
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read(path)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "16-bit PNG", "16-bit TIFF"])
def test_truncated_file_is_refused(rgb, deep, capfd, format, part):
    encoders = {"16-bit PNG": lambda: deep_png(deep), "16-bit TIFF": lambda: deep_tiff(deep, photometric="rgb")}
    encoded = encoders.get(format, lambda: saved(rgb, format))()
    with pytest.raises(InputError, match=r"damaged or cut short|not a picture"):
        read(encoded[: int(len(encoded) * part)])
    assert capfd.readouterr().err == ""


def test_too_many_pixels_are_refused_from_the_header(tmp_path):
    header = struct.pack(">IIBBBBB", 50_000, 40_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(deep_png(np.zeros((1, 1, 1))).replace(struct.pack(">IIBBBBB", 1, 1, 16, 0, 0, 0, 0), header))
    encoded = bytearray(path.read_bytes())
    encoded[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    path.write_bytes(encoded)
    with pytest.raises(InputError, match=r"bomb\.png: 50000 x 40000 .* limit of 100000000.*Shrink it"):
        read(path)


def test_limit_is_ours_and_not_pillows(rgb, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert_levels(read(saved(rgb), max_pixels=600).rgb, rgb, 255)
    with pytest.raises(InputError, match="limit of 599"):
        read(saved(rgb), max_pixels=599)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (15, 300)])
def test_too_small_is_refused(size):
    with pytest.raises(InputError, match=f"{size[0]} x {size[1]} pixels leave a side under the minimum of 16"):
        read(saved(Image.new("L", size)))


def test_shrinking_below_the_minimum_is_refused():
    encoded = saved(Image.new("L", (2000, 20)))
    assert read(encoded, max_size=1600).rgb.shape == (1, 16, 1600, 3)
    with pytest.raises(InputError, match="shrunk to 1000"):
        read(encoded, max_size=1000)


@pytest.mark.parametrize(
    ("encoded", "kind"),
    [
        (saved(Image.new("F", (20, 20)), "TIFF"), "F"),
        (saved(Image.new("I", (20, 20)), "TIFF"), "I"),
        (saved(Image.new("LAB", (20, 20)), "TIFF"), "LAB"),
    ],
)
def test_unusual_samples_are_refused(encoded, kind):
    with pytest.raises(InputError, match=f"sample format, {kind}, is not supported"):
        read(encoded)


# Resizing.


def test_resize_averages_areas(rng):
    rgb = rng.random((1, 64, 96, 3), np.float32)
    small = resize(Picture(rgb), 24)
    assert small.alpha is None
    np.testing.assert_allclose(small.rgb[0], rgb.reshape(16, 4, 24, 4, 3).mean(axis=(1, 3)), atol=1e-6)


@pytest.mark.parametrize("max_size", [100, 67, 33])
def test_resize_does_not_alias(max_size):
    stripes = np.zeros((1, 200, 202, 3), np.float32)
    stripes[:, :, ::2] = 1
    assert np.ptp(resize(Picture(stripes), max_size).rgb) < 0.35  # Sampled without a filter, it would be 1.


def test_resize_keeps_the_aspect_and_never_enlarges(rng):
    picture = Picture(rng.random((1, 300, 400, 3), np.float32), rng.random((1, 300, 400, 1), np.float32))
    assert resize(picture, 400) is picture
    small = resize(picture, 100)
    assert (small.rgb.shape, small.alpha.shape) == ((1, 75, 100, 3), (1, 75, 100, 1))


def test_resize_keeps_hidden_colors_hidden():
    rgb, alpha = np.zeros((1, 32, 32, 3), np.float32), np.zeros((1, 32, 32, 1), np.float32)
    rgb[:, :, :15] = (1, 0, 0)
    rgb[:, :, 15:] = (0, 1, 0)
    alpha[:, :, :15] = 1
    small = resize(Picture(rgb, alpha), 16)
    np.testing.assert_allclose(small.rgb[:, :, :8], np.broadcast_to([1, 0, 0], (1, 16, 8, 3)), atol=1e-6)
    np.testing.assert_allclose(small.alpha[0, 0, :, 0], [1] * 7 + [0.5] + [0] * 8, atol=1e-6)


def test_read_shrinks_a_jpeg_as_it_would_the_whole():
    y, x = np.mgrid[:800, :1200].astype(np.float32)
    smooth = np.stack([x / 1200, y / 800, 0.5 + 0.4 * np.sin(x / 90)], axis=-1)
    encoded = saved(np.rint(smooth * 255).astype(np.uint8), "JPEG", quality=95)
    small = read(encoded, max_size=150)
    assert small.rgb.shape == (1, 100, 150, 3)
    np.testing.assert_allclose(small.rgb[0], smooth.reshape(100, 8, 150, 8, 3).mean(axis=(1, 3)), atol=2 / 255)


# Writing.


def picture_of(levels, top) -> Picture:
    values = (levels.astype(np.float64) / top).astype(np.float32)[None]
    return Picture(values[..., :3], values[..., 3:] if levels.shape[-1] == 4 else None)


@pytest.mark.parametrize("format", ["png", "tif", "bmp"])
def test_every_8_bit_level_survives(format):
    levels = np.arange(768).astype(np.uint8).reshape(16, 16, 3)
    encoded = encode(picture_of(levels, 255), format)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encoded))), levels)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("format", "record"), [("png", None), ("png", RECORD), ("tiff", None), ("tiff", RECORD)])
def test_every_16_bit_level_survives(format, record, channels):
    levels = np.arange(65536 * channels).astype(np.uint16).reshape(256, 256, channels)
    encoded = encode(picture_of(levels, 65535), format, bits=16, record=record)
    if format == "tiff":
        decoded = tifffile.imread(io.BytesIO(encoded))
    else:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
        decoded = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, levels)


def test_values_are_clipped_and_rounded():
    values = np.array([-0.2, 0.0, 0.49, 0.51, 127.4, 127.6, 254.6, 255.0, 300.0], np.float32) / 255
    rgb = np.broadcast_to(values[None, None, :, None], (1, 16, 9, 3))
    decoded = np.asarray(Image.open(io.BytesIO(encode(Picture(rgb), "png"))))
    np.testing.assert_array_equal(decoded[0, :, 0], [0, 0, 0, 1, 127, 128, 255, 255, 255])


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_alpha_is_kept_where_it_can_be(rng, format):
    rgba = rng.integers(0, 256, (20, 30, 4), np.uint8)
    image = Image.open(io.BytesIO(encode(picture_of(rgba, 255), format)))
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image)[..., 3], rgba[..., 3])


@pytest.mark.parametrize("format", ["jpg", "bmp"])
def test_alpha_is_laid_on_white_where_it_cannot_be_kept(format):
    rgb = np.zeros((1, 16, 48, 3), np.float32)
    alpha = np.repeat(np.array([0, 0.5, 1], np.float32), 16).reshape(1, 1, 48, 1).repeat(16, axis=1)
    decoded = np.asarray(Image.open(io.BytesIO(encode(Picture(rgb, alpha), format))).convert("L"))
    np.testing.assert_allclose(decoded[8, [8, 24, 40]], [255, 128, 0], atol=1)


def test_jpeg_has_full_color_resolution_and_high_quality():
    picture = read("sample:coffee")
    with Image.open(io.BytesIO(encode(picture, "jpg"))) as ours:
        assert JpegImagePlugin.get_sampling(ours) == 0  # 4:4:4.
        reference = Image.open(io.BytesIO(saved(Image.new("RGB", (16, 16)), "JPEG", quality=95)))
        assert ours.quantization == reference.quantization


def test_webp_is_close():
    picture = read("sample:coffee")
    assert np.abs(read(encode(picture, "webp")).rgb - picture.rgb).mean() < 0.01


def test_jpeg_of_noise(rng):
    noise = Picture(rng.random((1, 256, 256, 3), np.float32))  # Pillow's optimizing encoder fails on larger noise.
    assert read(encode(noise, "jpg")).rgb.shape == (1, 256, 256, 3)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_write_chooses_the_format_by_suffix(rgb, tmp_path, suffix):
    path = tmp_path / "new folder" / f"picture.{suffix.upper()}"
    write(path, picture_of(rgb, 255), record=RECORD)
    with Image.open(path) as image:
        assert image.format == FORMATS[suffix]
        assert image.size == (30, 20)
    assert read_record(path) == (None if suffix == "bmp" else RECORD)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_record_stands_where_other_programs_find_it(rgb):
    picture = picture_of(rgb, 255)
    for bits in (8, 16):
        image = Image.open(io.BytesIO(encode(picture, "png", bits=bits, record=RECORD)))
        assert '"mosaic"' in image.text["Description"]
        with tifffile.TiffFile(io.BytesIO(encode(picture, "tif", bits=bits, record=RECORD))) as tiff:
            assert '"mosaic"' in tiff.pages[0].description
    for format in ("jpg", "webp"):
        image = Image.open(io.BytesIO(encode(picture, format, record=RECORD)))
        image.load()
        assert '"mosaic"' in image.getexif()[270]


def test_no_record(rgb):
    for format in FORMATS:
        assert read_record(encode(picture_of(rgb, 255), format)) is None
    for description in ("a red barn", '{"title": "a red barn"}', '["a red barn"]'):
        exif = Image.Exif()
        exif[270] = description
        assert read_record(saved(rgb, "JPEG", exif=exif)) is None


def test_write_refuses_what_a_format_cannot_hold(rgb, tmp_path):
    picture = picture_of(rgb, 255)
    for name, options, message in (
        ("picture", {}, r"Unknown picture format: ''\. Known: bmp, jpeg, jpg, png, tif, tiff, webp"),
        ("picture.pgn", {}, r"Unknown picture format: 'pgn'\. Did you mean 'png'"),
        ("picture.jpg", {"bits": 16}, "JPEG cannot hold 16 bits per sample: use 8, or 16 with PNG or TIFF"),
        ("picture.png", {"bits": 12}, "PNG cannot hold 12 bits"),
    ):
        with pytest.raises(InputError, match=message):
            write(tmp_path / name, picture, **options)
    for format, side in (("jpg", 65_500), ("webp", 16_383)):
        with pytest.raises(InputError, match=f"at most {side} pixels per side"):
            encode(Picture(np.zeros((1, 1, side + 1, 3), np.float32)), format)
    assert list(tmp_path.iterdir()) == []


# Pages and kinds of files.


def test_a_thumbnail_in_front_is_not_the_picture(rgb, deep):
    for pixels in (rgb, deep[..., :3]):
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(pixels[::1, ::1] // 2, photometric="rgb", subfiletype=1)
            writer.write(pixels, photometric="rgb")
        assert_levels(read(buffer.getvalue()).rgb, pixels, np.iinfo(pixels.dtype).max)


def camera_raw(rgb, mark) -> bytes:
    """A preview, and the sensor's samples in their own directory."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        tags = [(50706, 1, 4, (1, 4, 0, 0), True)] if mark else []
        writer.write(rgb, photometric="rgb", subfiletype=int(not mark), subifds=1, extratags=tags)
        writer.write(np.zeros((400, 600), np.uint16), photometric="cfa", subfiletype=0)
    return buffer.getvalue()


@pytest.mark.parametrize("mark", [True, False])
def test_camera_raw_is_named(rgb, mark):
    with pytest.raises(InputError, match=r"camera RAW.*Develop it"):
        read(camera_raw(rgb, mark))


def test_avif_is_read(rgb):
    smooth = np.uint8(np.indices((32, 48)).sum(0)[..., None] + [10, 60, 110])
    encoded = saved(smooth, "AVIF", quality=95, subsampling="4:4:4")
    other = encoded[:8] + b"heic" + encoded[12:]  # Only the encoding counts.
    for content in (encoded, other):
        np.testing.assert_allclose(255 * read(content).rgb[0], smooth, atol=4)


def test_heic_without_its_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = struct.pack(">I4s4s4s4s", 24, b"ftyp", b"heic", bytes(4), b"mif1") + bytes(100)
    with pytest.raises(InputError, match=r"HEIC.*pip install 'keras_nst\[heic\]'"):
        read(content)


def test_heic_is_read():
    pillow_heif = pytest.importorskip("pillow_heif")
    smooth = np.uint8(np.indices((64, 96)).sum(0)[..., None] + [10, 60, 90])
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth)).save(buffer, quality=95, chroma=444)
    np.testing.assert_allclose(255 * read(buffer.getvalue()).rgb[0], smooth, atol=6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_long_record_costs_no_picture(rgb, suffix):
    record = {"style": "mosaic", "history": ["x" * 100] * 1000, "note": "short"}
    found = read_record(encode(Picture(np.float32(rgb[None] / 255)), suffix, record=record))
    if suffix == "jpg":
        record = {"style": "mosaic", "note": "short", "left_out": ["history"]}
    assert found == record
