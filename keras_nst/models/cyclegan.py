"""The networks of CycleGAN: two of one architecture as one model, one for photographs and one for pictures."""

from collections.abc import Callable

import keras

from keras_nst.models.sdp_gan import PICTURE, part

PHOTOGRAPH = "photograph"


def generators(build: Callable[[], keras.Model]) -> keras.Model:
    """Two generators: one makes pictures of photographs, the other photographs of pictures.

    Args:
        build: Builds a generator from RGB (batch, height, width, 3) in [0, 1] to {"picture": the same shape and range}.

    Returns:
        A model from {"photograph", "picture"} to the same: its "picture" is made of the photograph, and its
        "photograph" of the picture. So applied twice it restores what it was given, if each leads back from the other.
    """
    given = _inputs()
    picture = _named(build(), PICTURE)(given[PHOTOGRAPH])[PICTURE]
    photograph = _named(build(), PHOTOGRAPH)(given[PICTURE])[PICTURE]
    return keras.Model(given, {PHOTOGRAPH: photograph, PICTURE: picture}, name="generators")


def painter(net: keras.Model) -> keras.Model:
    """The generator of `generators` that makes pictures; it shares the weights."""
    return part(net.get_layer(f"to_{PICTURE}"), PICTURE)


def discriminators(build: Callable[[], keras.Model]) -> keras.Model:
    """Two discriminators: a model from {"photograph", "picture"} to the logits of each.

    Args:
        build: Builds a discriminator from RGB to {"logits"}.
    """
    given = _inputs()
    said = {kind: _named(build(), kind)(image)["logits"] for kind, image in given.items()}
    return keras.Model(given, said, name="discriminators")


def _inputs() -> dict[str, keras.KerasTensor]:
    return {kind: keras.Input((None, None, 3), name=kind) for kind in (PHOTOGRAPH, PICTURE)}


def _named(net: keras.Model, kind: str) -> keras.Model:
    return keras.Model(net.input, net.output, name=f"to_{kind}")
