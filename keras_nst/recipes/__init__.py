"""One paper, one module: layers, weights and the loss as the paper writes it.

A recipe has `WEIGHTS`, {term: weight}, and `loss(weights)`, which gives the loss.
"""

import importlib
from types import ModuleType

from keras_nst.errors import unknown

RECIPES = ("johnson2016",)


def recipe(name: str) -> ModuleType:
    """The module of a recipe.

    Raises:
        InputError: No such recipe.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return importlib.import_module(f"{__name__}.{name}")
