import ctypes
import gc
import itertools
import sys

import numpy as np
import psutil
import pytest
from keras import ops

from keras_nst.fit.autodiff import compiled, value_and_gradient
from keras_nst.losses.functional import gram_matrix
from keras_nst.models.vgg import vgg


def test_value_and_gradient_are_those_of_a_closed_form(rng):
    def function(nest, factor):
        squares, linear = ops.sum(ops.square(nest["a"])), ops.sum(3 * nest["b"][0])
        return factor * squares + linear, {"squares": squares}

    nest = {"a": rng.normal(size=(2, 3)).astype(np.float32), "b": (np.float32([1, 2]),)}
    (value, rest), gradient = value_and_gradient(function)(nest, np.float32(0.5))
    squares = np.sum(nest["a"].astype(np.float64) ** 2)
    assert float(rest["squares"]) == pytest.approx(squares, rel=1e-6)
    assert float(value) == pytest.approx(0.5 * squares + 9, rel=1e-6)
    assert gradient.keys() == nest.keys()
    np.testing.assert_allclose(gradient["a"], 2 * 0.5 * nest["a"], rtol=1e-6)
    np.testing.assert_array_equal(gradient["b"][0], [3, 3])


def test_the_gradient_is_by_the_first_argument_alone():
    (value, rest), gradient = value_and_gradient(lambda x, y: (ops.sum(x * y), None))(np.float32([2]), np.float32([5]))
    assert (float(value), rest) == (10, None)
    np.testing.assert_array_equal(gradient, [5])


@pytest.mark.parametrize("wrap", [compiled, value_and_gradient])
def test_it_is_traced_once_for_each_set_of_shapes(wrap):
    traced = []

    def function(x, nest):
        traced.append(x.shape)
        return ops.sum(x * nest["y"]), None

    run = wrap(function)
    for length in (2, 3, 2, 3):
        for value in (1, 2):
            run(np.full(length, value, np.float32), {"y": np.float32([value])})
    assert traced == [(2,), (3,)]


def test_compiled_is_the_function(rng):
    x, y = rng.normal(size=(2, 4, 4)).astype(np.float32)
    product, total = compiled(lambda x, nest: (ops.matmul(x, nest["y"]), ops.sum(x)))(x, {"y": y})
    np.testing.assert_allclose(product, x @ y, rtol=1e-5, atol=1e-6)
    assert float(total) == pytest.approx(x.sum(), rel=1e-5)


def test_the_memory_of_a_function_is_given_back_with_it(rng):
    """A process that optimizes pictures of different sizes must not grow."""
    network = vgg(["relu2_2"])

    def minimized(side):
        run = value_and_gradient(lambda image: (ops.sum(gram_matrix(network(image)["relu2_2"])), None))
        run(rng.random((1, side, side, 3), np.float32))

    sides = iter(range(32, 80, 4))
    for side in itertools.islice(sides, 4):
        minimized(side)
    before = resident()
    for side in sides:
        minimized(side)
    assert resident() - before < 25e6


def resident() -> int:
    """Resident memory of the process, in bytes."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss
