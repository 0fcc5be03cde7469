"""Damaged and odd pictures, and files that are not pictures, with what a command must do with each."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from PIL import Image

GOOD, BAD, EITHER = "good", "bad", "either"
"""A right result, one line of error, or one of both, as the decoder decides."""

HEIGHT, WIDTH = 36, 48


class Case(NamedTuple):
    """A file, or something with the name of a file.

    Attributes:
        name: What is wrong or odd about it.
        path: Its path.
        kind: GOOD, BAD or EITHER.
    """

    name: str
    path: Path
    kind: str


def pixels(channels: int = 3, dtype=np.uint8) -> np.ndarray:
    """Smooth colors, (HEIGHT, WIDTH, channels)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] / max(HEIGHT, WIDTH)
    waves = [np.sin(5 * rows + 7 * columns * (1 + channel)) / 2 + 0.5 for channel in range(channels)]
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    return (np.stack(waves, axis=-1) * top).astype(dtype)


def encoded(format: str, image: Image.Image | None = None, **options) -> bytes:
    """A picture encoded by Pillow."""
    buffer = io.BytesIO()
    (image or Image.fromarray(pixels())).save(buffer, format, **options)
    return buffer.getvalue()


def tiff(samples: np.ndarray, **options) -> bytes:
    """A picture encoded by tifffile."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **{"photometric": "minisblack" if samples.ndim == 2 else "rgb"} | options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, color: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with a header and any chunks."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in ((b"IHDR", header), *chunks, (b"IEND", b"")))


def truncated(folder: Path) -> list[Case]:
    """Each format, cut off at each tenth of the file."""
    cases = []
    suffixes = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "BMP": "bmp", "GIF": "gif"}
    for format, suffix in suffixes.items():
        whole = encoded(format)
        for tenth in range(1, 10):
            path = folder / f"cut{tenth}.{suffix}"
            path.write_bytes(whole[: len(whole) * tenth // 10])
            # In a GIF or a WebP, the end may hold no pixels.
            cases.append(Case(f"{format} cut at {tenth}/10", path, BAD if tenth < 9 else EITHER))
    return cases


def odd(folder: Path) -> list[Case]:
    """All other cases."""
    cases = [Case(name, _written(folder, name, suffix, content), kind) for name, suffix, content, kind in _files()]
    return [*cases, *(Case(name, path, kind) for name, path, kind in _places(folder))]


def _written(folder: Path, name: str, suffix: str, content: bytes) -> Path:
    path = folder / f"{name.replace(' ', '-')}.{suffix}"
    path.write_bytes(content)
    return path


def _files() -> Iterator[tuple[str, str, bytes, str]]:
    """Name, suffix, content and kind of each case."""
    image = Image.fromarray(pixels())
    noise = np.random.default_rng(0).bytes(5000)

    # Not pictures.
    yield "zero bytes", "jpg", b"", BAD
    yield "one byte", "png", b"\x89", BAD
    yield "text", "jpg", b"no picture at all\n" * 50, BAD
    yield "page", "png", b"<html><body>404 Not Found</body></html>", BAD
    yield "drawing", "png", b'<svg xmlns="http://www.w3.org/2000/svg" width="48" height="36"/>', BAD
    yield "program", "jpg", b"\x7fELF" + noise, BAD
    yield "postscript", "png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 36\nshowpage\n", BAD
    yield "document", "jpg", b"%PDF-1.4\n" + noise, BAD
    yield "archive", "jpg", b"PK\x03\x04" + noise, BAD
    yield "noise", "jpg", noise, BAD
    yield "zeros", "png", bytes(5000), BAD
    yield "JPEG marker and noise", "jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + noise, BAD
    yield "PNG signature and noise", "png", b"\x89PNG\r\n\x1a\n" + noise, BAD
    yield "TIFF magic and noise", "tif", b"II*\0" + noise, BAD
    yield "GIF magic and noise", "gif", b"GIF89a" + noise, BAD
    yield "WebP magic and noise", "webp", b"RIFF" + struct.pack("<I", 5000) + b"WEBPVP8 " + noise, BAD
    yield "BMP magic and noise", "bmp", b"BM" + noise, BAD
    yield "format that is not read", "jpg", encoded("PPM"), BAD
    yield "icon", "png", encoded("ICO"), BAD

    # Sizes.
    yield "1x1", "png", encoded("PNG", image.resize((1, 1))), BAD
    yield "1x20000", "png", encoded("PNG", image.resize((1, 20_000))), BAD
    yield "20000x1", "jpg", encoded("JPEG", image.resize((20_000, 1))), BAD
    yield "15x15", "png", encoded("PNG", image.resize((15, 15))), BAD
    yield "PNG of no width", "png", png(0, 36, 8, 2), BAD
    yield "GIF of no size", "gif", b"GIF89a\0\0\0\0\0\0\0;", BAD
    yield "BMP of negative width", "bmp", encoded("BMP")[:18] + struct.pack("<i", -48) + encoded("BMP")[22:], BAD

    # Bombs: small files that claim to be huge.
    yield "PNG bomb", "png", png(60_000, 60_000, 8, 2, (b"IDAT", zlib.compress(bytes(1_000_000)))), BAD
    yield "PNG of all widths", "png", png(2**31 - 1, 2**31 - 1, 8, 2, (b"IDAT", zlib.compress(b""))), BAD
    yield "GIF bomb", "gif", b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + encoded("GIF")[10:], BAD
    yield "BMP bomb", "bmp", encoded("BMP")[:18] + struct.pack("<ii", 100_000, 100_000) + encoded("BMP")[26:], BAD
    text = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    row = (b"IDAT", zlib.compress((b"\0" + bytes(3 * WIDTH)) * HEIGHT))
    yield "PNG text bomb", "png", png(WIDTH, HEIGHT, 8, 2, text, row), EITHER
    yield "PNG of too few pixels", "png", png(WIDTH, HEIGHT, 8, 2, (b"IDAT", zlib.compress(bytes(100)))), BAD

    # Samples.
    yield "NaN", "tif", tiff(np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)), BAD
    yield "infinite", "tif", tiff(np.full((HEIGHT, WIDTH, 3), np.inf, np.float32)), BAD
    yield "NaN in gray", "tif", tiff(np.full((HEIGHT, WIDTH), np.nan, np.float32)), BAD
    yield "doubles", "tif", tiff(pixels(3, np.float64)), BAD
    yield "32 bits", "tif", tiff(pixels(1, np.int32)[..., 0]), BAD
    yield "complex", "tif", tiff(pixels(1, np.float32)[..., 0].astype(np.complex64)), BAD
    yield "five channels", "tif", tiff(pixels(5), photometric="minisblack", planarconfig="contig"), EITHER
    yield "CMYK", "jpg", encoded("JPEG", image.convert("CMYK")), GOOD
    yield "CMYK TIFF", "tif", encoded("TIFF", image.convert("CMYK")), GOOD
    yield "Lab", "tif", encoded("TIFF", image.convert("LAB")), EITHER
    yield "YCbCr", "tif", encoded("TIFF", image.convert("YCbCr")), EITHER
    yield "16 bits", "tif", tiff(pixels(3, np.uint16)), GOOD
    yield "16 bits of gray", "png", encoded("PNG", Image.fromarray(pixels(1, np.uint16)[..., 0])), GOOD
    yield "16 bits with transparency", "tif", tiff(pixels(4, np.uint16), extrasamples=["unassalpha"]), GOOD
    yield "1 bit", "png", encoded("PNG", image.convert("1")), GOOD
    yield "gray with transparency", "png", encoded("PNG", image.convert("LA")), GOOD
    yield "palette with transparency", "png", encoded("PNG", image.quantize(16), transparency=bytes(range(16))), GOOD
    yield "palette with a transparent color", "gif", encoded("GIF", image.quantize(16), transparency=3), GOOD
    yield "palette that is missing", "png", png(WIDTH, HEIGHT, 8, 3, (b"IDAT", zlib.compress(bytes(49 * 36)))), EITHER
    yield "all transparent", "png", encoded("PNG", Image.fromarray(pixels(4) * np.uint8([1, 1, 1, 0]))), GOOD

    # Files.
    yield "PNG named", "jpg", encoded("PNG"), GOOD
    yield "JPEG named", "png", encoded("JPEG"), GOOD
    yield "suffix in capitals", "JPG", encoded("JPEG"), GOOD
    yield "progressive", "jpg", encoded("JPEG", progressive=True), GOOD
    yield "moving", "gif", encoded("GIF", save_all=True, append_images=[image.rotate(90)]), GOOD
    yield "moving WebP", "webp", encoded("WEBP", save_all=True, append_images=[image.rotate(90)]), GOOD
    yield "bytes behind the end", "jpg", encoded("JPEG") + noise, GOOD
    yield "broken profile", "jpg", encoded("JPEG", icc_profile=noise[:500]), GOOD
    yield "broken EXIF", "jpg", encoded("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + noise[:200]), GOOD
    yield "turned to nowhere", "jpg", encoded("JPEG", exif=_orientation(99)), GOOD
    yield "PNG with a wrong checksum", "png", _flipped(encoded("PNG"), -20), BAD
    yield "TIFF in a circle", "tif", _circular(tiff(pixels())), EITHER
    yield "TIFF of no strips", "tif", struct.pack("<2sHIH", b"II", 42, 8, 0) + bytes(4), BAD


def _orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[274] = value
    return exif.tobytes()


def _flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0xFF
    return bytes(changed)


def _circular(content: bytes) -> bytes:
    """A TIFF whose first directory is also the next one."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    link = first + 2 + 12 * entries
    return content[:link] + struct.pack("<I", first) + content[link + 4 :]


def _places(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Paths that are not regular files, and regular files with unusual names."""
    yield "nothing there", folder / "nowhere.jpg", BAD
    (folder / "folder.jpg").mkdir()
    yield "folder", folder / "folder.jpg", BAD
    for one, other in (("loop1.jpg", "loop2.jpg"), ("loop2.jpg", "loop1.jpg"), ("dangling.jpg", "gone.jpg")):
        (folder / one).symlink_to(folder / other)
    yield "symlink loop", folder / "loop1.jpg", BAD
    yield "dangling symlink", folder / "dangling.jpg", BAD
    os.mkfifo(folder / "pipe.jpg")
    yield "FIFO", folder / "pipe.jpg", BAD
    (folder / "null.jpg").symlink_to("/dev/null")
    yield "device", folder / "null.jpg", BAD
    yield "name that is too long", folder / f"{'n' * 300}.jpg", BAD
    yield "path that is too long", folder.joinpath(*["folder"] * 1000, "photo.jpg"), BAD
    yield "file as a folder", folder / "text.jpg" / "photo.jpg", BAD
    if Path("/proc/self/mem").is_file():  # Nobody can read it from the beginning.
        (folder / "unreadable.jpg").symlink_to("/proc/self/mem")
        yield "unreadable", folder / "unreadable.jpg", BAD
    if os.geteuid():
        (folder / "forbidden.jpg").write_bytes(encoded("JPEG"))
        (folder / "forbidden.jpg").chmod(0)
        yield "forbidden", folder / "forbidden.jpg", BAD
    names = {
        "name in Unicode": "图片 ñandú 🎨.png",
        "name of many bytes": "ä" * 120 + ".png",
        "name with a line break": "two\nlines.png",
        "name with brackets": "[red]photo[0-9].png",
        "name with an equals sign": "label=photo.png",
        "name with percent signs": "100%s%(x)d{style}.png",
        "name of no characters": os.fsdecode(b"\xff\xfe.png"),
        "name of a suffix": ".png",
    }
    for name, file in names.items():
        (folder / file).write_bytes(encoded("PNG"))
        yield name, folder / file, GOOD
    (folder / "link.png").symlink_to(folder / "gray-with-transparency.png")
    yield "symlink", folder / "link.png", GOOD
