"""A printer's color profile, made by the ICC's specification (ICC.1:2001-04, sections 6.1 and 6.5.7)."""

import struct

import numpy as np
from skimage.color import lab2rgb

GRID = 17


def write(path, inks):
    """Write a CMYK profile.

    Args:
        path: The file.
        inks: (2, 2, 2, 3) CIELAB of prints with full or no cyan, magenta and yellow; black is not used.
    """
    inks = np.asarray(inks, float)
    corners = np.broadcast_to(inks[..., None, :], (2, 2, 2, 2, 3)).reshape(-1, 3)
    forward = np.rint(corners * [2.55, 1, 1] + [0, 128, 128])
    axis = np.linspace(0, 255, GRID)
    lab = np.stack(np.meshgrid(axis / 2.55, axis - 128, axis - 128, indexing="ij"), axis=-1)
    # The nearest mixture of inks, which mix linearly in CIELAB between their corners.
    amounts = np.stack(np.meshgrid(*[np.linspace(0, 1, 12)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    mixed = np.zeros((len(amounts), 3))
    for c in range(2):
        for m in range(2):
            for y in range(2):
                share = np.prod(np.where([c, m, y], amounts, 1 - amounts), axis=1)
                mixed += share[:, None] * inks[c, m, y]
    flat = lab.reshape(-1, 3)
    nearest = [np.argmin(np.square(mixed - color).sum(axis=1)) for color in flat]
    backward = np.rint(255 * np.concatenate([amounts[nearest], np.zeros((len(flat), 1))], axis=1))
    tags = {b"A2B0": _table(4, 3, 2, forward), b"B2A0": _table(3, 4, GRID, backward)}
    tags |= {b"wtpt": b"XYZ " + bytes(4) + _d50(), b"cprt": b"text" + bytes(4) + b"none\0"}
    directory, body = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += name + struct.pack(">II", begin + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = (
        struct.pack(">I4xI", begin + len(body), 0x02400000) + b"prtrCMYKLab " + struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    )
    head += b"acsp" + bytes(28) + _d50()
    path.write_bytes(head.ljust(128, b"\0") + directory + body)


def seen(lab):
    """The sRGB color of a CIELAB color under D50, the profiles' white."""
    return lab2rgb(np.float64(lab)[None, None], illuminant="D50")[0, 0]


def _d50():
    return struct.pack(">3i", *(round(65536 * value) for value in (0.9642, 1.0, 0.8249)))


def _table(inputs, outputs, grid, values):
    identity = bytes(range(256))
    head = b"mft1" + bytes(4) + bytes([inputs, outputs, grid, 0])
    matrix = struct.pack(">9i", *(65536 * (row == column) for row in range(3) for column in range(3)))
    return head + matrix + identity * inputs + values.astype(np.uint8).tobytes() + identity * outputs
