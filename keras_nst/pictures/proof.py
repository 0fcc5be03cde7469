"""Soft proofs: how a picture will look in print."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from keras_nst.errors import InputError
from keras_nst.files import check_file


class Proof:
    """Converts sRGB to the printer's colors and back.

    A color that cannot be printed becomes the nearest that can; white stays white (relative colorimetric).

    It can be sent to another process, even on a machine that does not have the file.

    Args:
        profile: ICC profile of the printer: CMYK, gray or RGB; a file, or what it holds.

    Raises:
        InputError: The file is missing or not the profile of a printer.
    """

    def __init__(self, profile: str | Path | bytes):
        if not isinstance(profile, bytes):
            check_file(profile)
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        try:
            self._profile = profile if isinstance(profile, bytes) else Path(profile).read_bytes()
            printer = ImageCms.ImageCmsProfile(io.BytesIO(self._profile))
            srgb = ImageCms.createProfile("sRGB")
            self._transform = ImageCms.buildProofTransform(
                srgb, srgb, printer, "RGB", "RGB", intent, intent, ImageCms.Flags.SOFTPROOFING
            )
        except (OSError, ImageCms.PyCMSError) as error:
            reason = getattr(error, "strerror", None) or "it is not an ICC profile of a printer"
            raise InputError(f"Cannot read {profile}: {reason}. Expected an .icc or .icm file.") from error

    def __reduce__(self):
        return Proof, (self._profile,)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Simulate a print.

        Args:
            rgb: (1, h, w, 3) in [0, 1].

        Returns:
            The same shape, float32 in [0, 1], with a precision of 8 bits.
        """
        levels = Image.fromarray(np.rint(255 * np.clip(rgb[0], 0, 1)).astype(np.uint8))
        return np.asarray(ImageCms.applyTransform(levels, self._transform), np.float32)[None] / 255
