"""Losses as an algebra of named terms. Nothing here needs a network, a file or a training."""

from keras_nst.losses.algebra import Loss, Measurement, Term, blend
from keras_nst.losses.cyclegan import cycle, identity
from keras_nst.losses.sdp_gan import (
    GAMES,
    absolute_content,
    adversarial,
    discrimination,
    saliency,
    saliency_content,
)
from keras_nst.losses.terms import (
    cam,
    category,
    color,
    content,
    edge,
    light,
    match,
    patch_style,
    style,
    subject,
    total_variation,
    transport,
    weave,
)

__all__ = [
    "GAMES",
    "Loss",
    "Measurement",
    "Term",
    "absolute_content",
    "adversarial",
    "blend",
    "cam",
    "category",
    "color",
    "content",
    "cycle",
    "discrimination",
    "edge",
    "identity",
    "light",
    "match",
    "patch_style",
    "saliency",
    "saliency_content",
    "style",
    "subject",
    "total_variation",
    "transport",
    "weave",
]
