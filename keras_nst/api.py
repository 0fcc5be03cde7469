"""The jobs on single pictures, for programs: any form of a picture in, a `Picture` out.

`keras_nst.jobs` has the same jobs for arrays, with regions and progress.
"""

from typing import Any

import numpy as np

from keras_nst.errors import InputError
from keras_nst.options import HarmonizeOptions, PixelOptions, Region
from keras_nst.pictures.given import as_picture
from keras_nst.pictures.picture import Picture
from keras_nst.select.masks import check, from_picture


def optimize(photograph: Any, painting: Any, mask: Any = None, **options: Any) -> Picture:
    """Restyle a photograph by optimizing its pixels.

    Args:
        photograph: Any form that `keras_nst.pictures.given.as_picture` accepts.
        painting: The same, or a list of several to blend.
        mask: The part to restyle, in the same forms and of the photograph's size: its alpha or, if it is opaque, its
            luma. What is selected in part is restyled in part. None for the whole photograph.
        **options: Fields of `PixelOptions`.

    Returns:
        The picture, with a longest side of at most `end_size` pixels.

    Raises:
        InputError: A picture or an option cannot be used.
    """
    from keras_nst.jobs.optimize import restyle

    picture = as_picture(photograph)
    paintings = painting if isinstance(painting, list | tuple) else [painting]
    selected = None if mask is None else _selected(mask, picture)
    region = Region([as_picture(each).rgb for each in paintings], [1.0] * len(paintings), selected)
    return restyle(picture, [region], PixelOptions(**options))


def harmonize(painting: Any, composite: Any, mask: Any = None, **options: Any) -> Picture:
    """Make an object that is pasted into a painting look painted.

    Args:
        painting: The painting without the object, in any form that `keras_nst.pictures.given.as_picture` accepts.
        composite: The painting with the object, of the same size.
        mask: The object, as in `optimize`: its share of each pixel. None to find it by the difference of both.
        **options: Fields of `HarmonizeOptions`.

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
        raise InputError(f"The painting and the composite must have the same size. Received {sizes} pixels.")
    found = find_object(pasted, ground.rgb) if mask is None else _selected(mask, ground)
    return Picture(harmonized(ground.rgb, pasted, found, HarmonizeOptions(**options)), ground.alpha)


def _selected(mask: Any, picture: Picture) -> np.ndarray:
    selected = from_picture(as_picture(mask))
    check(selected, *picture.rgb.shape[1:3])
    return selected
