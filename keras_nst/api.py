"""The jobs on single pictures, for programs: pictures in any form in, a `Picture` out.

`keras_nst.jobs` has the same jobs for arrays, with regions and progress.
"""

from typing import Any

import numpy as np

from keras_nst.errors import InputError
from keras_nst.options import HarmonizeOptions, PixelOptions, Region
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.picture import Picture, resize


def optimize(photograph: Any, painting: Any, mask: Any = None, **options: Any) -> Picture:
    """Restyle a photograph by optimizing its pixels.

    Args:
        photograph: As `keras_nst.pictures.given.as_picture` takes it.
        painting: The same, or a list of several, which are blended.
        mask: What is restyled, white there, of the photograph's size; None for all of it.
        **options: Of `PixelOptions`.

    Returns:
        The picture, at most `end_size` pixels on its longest side.

    Raises:
        InputError: A picture or an option cannot be used.
    """
    from keras_nst.jobs.optimize import optimize as optimized

    picture = as_picture(photograph)
    paintings = painting if isinstance(painting, list | tuple) else [painting]
    selected = None if mask is None else _selected(mask, picture)
    region = Region([as_picture(each).rgb for each in paintings], [1.0] * len(paintings), selected)
    result = optimized(picture.rgb, [region], PixelOptions(**options))
    return Picture(result, resize(picture, max(result.shape[1:3])).alpha)


def harmonize(painting: Any, composite: Any, mask: Any = None, **options: Any) -> Picture:
    """Make an object that was pasted into a painting look painted there.

    Args:
        painting: Without the object, as `keras_nst.pictures.given.as_picture` takes it.
        composite: With the object, of the same size.
        mask: Where the object is, white there; None for where the two differ.
        **options: Of `HarmonizeOptions`.

    Returns:
        The picture.

    Raises:
        InputError: A picture or an option cannot be used.
    """
    from keras_nst.jobs.harmonize import harmonize as harmonized
    from keras_nst.select.paste import find_object

    ground, pasted = as_picture(painting), as_picture(composite).rgb
    if pasted.shape != ground.rgb.shape:
        sizes = " and ".join("{1} x {0}".format(*rgb.shape[1:3]) for rgb in (ground.rgb, pasted))
        raise InputError(f"The painting and the composite must have one size. Received {sizes} pixels.")
    found = find_object(pasted, ground.rgb) if mask is None else _selected(mask, ground)
    return Picture(harmonized(ground.rgb, pasted, found, HarmonizeOptions(**options)), ground.alpha)


def _selected(mask: Any, picture: Picture) -> np.ndarray:
    values = as_picture(mask).rgb[..., :1]
    if values.shape[1:3] != picture.rgb.shape[1:3]:
        sizes = " and ".join("{1} x {0}".format(*each.shape[1:3]) for each in (picture.rgb, values))
        raise InputError(f"The mask and its picture must have one size. Received {sizes} pixels.")
    return values
