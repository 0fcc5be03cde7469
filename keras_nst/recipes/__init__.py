"""One paper, one module: layers, weights and the loss as the paper writes it.

A recipe has `WEIGHTS`, {term: weight}, and `loss(weights)`, which gives the loss. One that trains a net has
`LEARNING_RATE`; if it can keep semantics of the photograph also `SEMANTICS`, {semantic: {term: weight}}, and `LAMBDAS`,
the terms that each factor of its sum multiplies; if it trains against a discriminator `discrimination()`, what that one
minimizes, and `factors(step, steps)`, what its weights are multiplied by at a step. One that optimizes pixels has
`CONTENT_LAYERS` by backbone, `STYLE_LAYERS`, which its `loss` also takes, and `SETTINGS`, its choices for
`keras_nst.options.PixelOptions`.
"""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType

from keras_nst.errors import InputError, unknown

TRAINING = ("johnson2016", "liu2019", "ghiasi2017")
ADVERSARIAL = ("cartoongan", "sdp_gan")
PIXELS = ("chen2016", "jin2020")
HARMONIZING = ("zhou",)
RECIPES = (*TRAINING, *ADVERSARIAL, *PIXELS, *HARMONIZING)


def recipe(name: str) -> ModuleType:
    """The module of a recipe.

    Raises:
        InputError: No such recipe.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return importlib.import_module(f"{__name__}.{name}")


def weights(
    name: str,
    *,
    keep: Sequence[str] | None = None,
    lambdas: Sequence[float] = (1.0, 1.0),
    changed: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The weight of each term, by which a recipe's `loss` is built.

    Args:
        name: The recipe.
        keep: Semantics of the photograph to keep, of the recipe's `SEMANTICS`; None for the recipe's own choice.
        lambdas: Factors of the perceptual and of the region terms.
        changed: Weights that take the place of the recipe's.

    Raises:
        InputError: The recipe cannot keep such a semantic, or has no such term.
    """
    chosen = recipe(name)
    semantics, groups = getattr(chosen, "SEMANTICS", {}), getattr(chosen, "LAMBDAS", ())
    if not semantics and (keep is not None or tuple(lambdas) != (1.0, 1.0)):
        raise InputError(f"The recipe {name} keeps no semantics and has no lambdas. Choose --recipe liu2019.")
    result = dict(chosen.WEIGHTS)
    if keep is not None:
        for semantic in keep:
            if semantic not in semantics:
                raise unknown("semantic to keep", semantic, semantics)
        optional = {term for terms in semantics.values() for term in terms}
        result = {term: weight for term, weight in result.items() if term not in optional}
        result |= {term: weight for semantic in keep for term, weight in semantics[semantic].items()}
    for term, weight in (changed or {}).items():
        if term not in result:
            raise InputError(f"This loss has no {term} term: {', '.join(result)}. Add what it belongs to with --keep.")
        result[term] = weight
    for factor, terms in zip(lambdas, groups, strict=False):
        result |= {term: factor * result[term] for term in terms if term in result}
    return result
