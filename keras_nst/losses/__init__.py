"""Losses as an algebra of named terms; no network, no file and no training in here."""

from keras_nst.losses.algebra import Loss, Measurement, Term, blend
from keras_nst.losses.terms import cam, category, color, content, edge, style, total_variation

__all__ = [
    "Loss",
    "Measurement",
    "Term",
    "blend",
    "cam",
    "category",
    "color",
    "content",
    "edge",
    "style",
    "total_variation",
]
