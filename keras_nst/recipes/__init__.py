"""Recipes: one module per paper.

Each module has `tuned()`, a recipe whose distances have no unit, and, if the paper says enough, `printed()`, with the
paper's own layers, weights and units. `kinds` defines the kinds of recipes.
"""

import importlib

from keras_nst.errors import InputError, unknown

TRAINING = ("kolkin2019", "johnson2016", "liu2019", "ghiasi2017")
ADVERSARIAL = ("cartoongan", "cyclegan", "sdp_gan")
PIXELS = ("kolkin2022", "chen2016", "jin2020")
RECIPES = (*TRAINING, *ADVERSARIAL, *PIXELS)


def recipe(name: str, *, as_printed: bool = False):
    """The recipe of a paper, of a class in `keras_nst.recipes.kinds`.

    Args:
        name: Name of the paper's module.
        as_printed: Whether to use the paper's own layers, weights and units.

    Raises:
        InputError: There is no such recipe, or none with its paper's own numbers.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    module = importlib.import_module(f"{__name__}.{name}")
    if not as_printed:
        return module.tuned()
    if not hasattr(module, "printed"):
        raise InputError(f"There is no {name} with the paper's own numbers. Leave out `as_printed`.")
    return module.printed()


def left_open(name: str) -> list[str]:
    """What a paper with its own numbers leaves open, and the choice made here: a line for each.

    Args:
        name: As in `recipe`.

    Raises:
        InputError: As from `recipe`.
    """
    return [f"The paper leaves open {choice}." for choice in recipe(name, as_printed=True).left_open]
