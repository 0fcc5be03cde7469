import numpy as np
import pytest
from keras import ops

from keras_nst.fit.autodiff import compiled, value_and_gradient
from keras_nst.models.convolution import is_compiled_for_cpu


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


@pytest.mark.parametrize("wrap", [compiled, value_and_gradient])
def test_layers_within_are_told_that_they_are_compiled(wrap):
    told = []

    def function(x):
        told.append(is_compiled_for_cpu())
        return ops.sum(x), None

    wrap(function)(np.float32([1]))
    assert told == [not _has_gpu()]
    assert not is_compiled_for_cpu()


def _has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
