"""What every recipe has, whatever its paper says."""

import pytest

from keras_nst.errors import InputError
from keras_nst.losses import Loss
from keras_nst.recipes import RECIPES, recipe


def counted(weights):
    """Those of terms that count."""
    return {term: weight for term, weight in weights.items() if weight}


@pytest.mark.parametrize("name", RECIPES)
def test_its_weights_are_those_of_its_terms(name):
    module = recipe(name)
    loss = module.loss()
    assert isinstance(loss, Loss)
    assert loss.weights == counted(module.WEIGHTS)


@pytest.mark.parametrize("name", RECIPES)
def test_each_weight_reaches_its_term_alone(name):
    module = recipe(name)
    for changed in module.WEIGHTS:
        weights = {**module.WEIGHTS, changed: 123.0}
        assert module.loss(weights).weights == counted(weights)


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"Unknown recipe: 'johnson2015'\. Did you mean 'johnson2016'"):
        recipe("johnson2015")
