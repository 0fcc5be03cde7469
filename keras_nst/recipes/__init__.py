"""One paper, one module.

Each has `tuned()`, the recipe with weights for distances without a unit, and where the paper says enough `printed()`,
with the paper's own layers, weights and units. `kinds` says what a recipe holds.
"""

import importlib

from keras_nst.errors import InputError, unknown

TRAINING = ("johnson2016", "liu2019", "ghiasi2017")
ADVERSARIAL = ("cartoongan", "sdp_gan")
PIXELS = ("chen2016", "jin2020")
RECIPES = (*TRAINING, *ADVERSARIAL, *PIXELS)


def recipe(name: str, *, as_printed: bool = False):
    """The recipe of a paper, a value of `keras_nst.recipes.kinds`.

    Args:
        name: Of the paper's module.
        as_printed: Whether it has the paper's own layers, weights and units.

    Raises:
        InputError: No such recipe, or its paper does not print enough.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    module = importlib.import_module(f"{__name__}.{name}")
    if not as_printed:
        return module.tuned()
    if not hasattr(module, "printed"):
        raise InputError(f"The paper of {name} does not print its layers and weights. Leave out `as_printed`.")
    return module.printed()
