import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import add, nearest
from hypothesis import given
from hypothesis import strategies as st

from refnet.reference.ops import exp, relu, relu6, sigmoid, swish, tanh

FORMATS = ["float32", "float64"]
BOUND = {"float32": 87, "float64": 708}
formats = pytest.mark.parametrize("dtype", FORMATS)


def apply(function, number, dtype):
    result = function(np.array([number], dtype))
    assert result.dtype == dtype
    return result.item()


def numbers(dtype, **options):
    return st.floats(width=np.dtype(dtype).itemsize * 8, **options)


# Argument, sigmoid and swish in float32: the truth, rounded.
@pytest.mark.parametrize(
    ("x", "sigmoid_of_x", "swish_of_x"),
    [
        (0, "0x1p-1", "0x0p0"),
        (1, "0x1.764d5p-1", "0x1.764d5p-1"),
        (-1, "0x1.136562p-2", "-0x1.136562p-2"),
        (-2, "0x1.e84152p-4", "-0x1.e84152p-3"),
        (4, "0x1.f6ca82p-1", "0x1.f6ca82p+1"),
        (-4, "0x1.26afa2p-6", "-0x1.26afa2p-4"),
        (10, "0x1.fffa0cp-1", "0x1.3ffc48p+3"),
        (20, "0x1p0", "0x1.4p4"),
    ],
)
def test_typed_in(x, sigmoid_of_x, swish_of_x):
    assert apply(sigmoid, x, "float32") == float.fromhex(sigmoid_of_x)
    assert apply(swish, x, "float32") == float.fromhex(swish_of_x)


@formats
@given(st.data())
def test_one_division(dtype, data):
    """d = 1 + exp(-x) rounded, then 1 / d and x / d, each rounded once."""
    x = data.draw(numbers(dtype, min_value=-BOUND[dtype], max_value=BOUND[dtype]))
    d = add(1, exp(np.dtype(dtype).type(-x)), dtype)
    assert apply(sigmoid, x, dtype) == nearest(1 / Fraction(d), dtype)
    assert apply(swish, x, dtype) == nearest(Fraction(x) / Fraction(d), dtype)


@formats
def test_arguments_beyond_the_bound_are_brought_to_it(dtype):
    """There 1 + exp is 1 or exp(bound), so nothing overflows and no result is wrong by more than itself."""
    bound = BOUND[dtype]
    largest = exp(np.dtype(dtype).type(bound))
    for x in (bound, bound + 1, 10.0 * bound, float(np.finfo(dtype).max), math.inf):
        assert apply(sigmoid, x, dtype) == 1
        assert apply(swish, x, dtype) == x
        assert apply(sigmoid, -x, dtype) == 1 / largest
        assert apply(swish, -x, dtype) == np.dtype(dtype).type(-x) / largest


@formats
def test_special_values(dtype):
    for function in (sigmoid, swish, relu6):
        assert math.isnan(apply(function, math.nan, dtype))
    assert apply(sigmoid, -0.0, dtype) == apply(sigmoid, 0.0, dtype) == 0.5
    smallest = float(np.finfo(dtype).smallest_subnormal)
    assert apply(sigmoid, smallest, dtype) == apply(sigmoid, -smallest, dtype) == 0.5
    assert apply(swish, 2 * smallest, dtype) == smallest
    assert apply(relu6, smallest, dtype) == smallest
    assert apply(relu6, math.inf, dtype) == 6
    assert apply(relu6, -math.inf, dtype) == 0


@formats
def test_zeros_keep_their_sign(dtype):
    for function in (swish, relu6):
        assert math.copysign(1, apply(function, 0.0, dtype)) == 1
        assert math.copysign(1, apply(function, -0.0, dtype)) == -1
    assert math.copysign(1, apply(relu6, -1.0, dtype)) == 1


def test_relu6_typed_in():
    x = np.array([-7, -1e-30, 0, 1e-30, 3, 5.9999995, 6, 6.0000005, 700], np.float32)
    wanted = np.array([0, 0, 0, 1e-30, 3, 5.9999995, 6, 6, 6], np.float32)
    np.testing.assert_array_equal(relu6(x), wanted)


@formats
@given(st.data())
def test_relu6_is_the_middle_of_three(dtype, data):
    x = data.draw(numbers(dtype, allow_nan=False))
    assert apply(relu6, x, dtype) == sorted([0, x, 6])[1]


@formats
@given(st.data())
def test_sigmoid_is_symmetric(dtype, data):
    """sigmoid(-x) = 1 - sigmoid(x) and swish(x) - swish(-x) = x, but for rounding."""
    x = data.draw(numbers(dtype, min_value=-BOUND[dtype], max_value=BOUND[dtype]))
    eps, smallest = float(np.finfo(dtype).eps), float(np.finfo(dtype).smallest_subnormal)
    assert abs(apply(sigmoid, x, dtype) + apply(sigmoid, -x, dtype) - 1) <= 2 * eps
    assert abs(apply(swish, x, dtype) - apply(swish, -x, dtype) - x) <= 2 * eps * abs(x) + smallest


def test_float32_is_close_to_the_truth():
    """In units in the last place; swish closer than x * sigmoid(x), which rounds once more."""
    x = np.linspace(-80, 80, 400_001).astype(np.float32)
    truth = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert (np.abs(sigmoid(x) - truth) / np.spacing(truth.astype(np.float32))).max() < 2.5
    truth = x * truth
    unit = np.spacing(np.abs(truth).astype(np.float32))
    error, of_product = (np.abs(y - truth) / unit for y in (swish(x), x * sigmoid(x)))
    assert error.max() < 2.5
    assert np.sqrt(np.mean(error**2)) < 0.4 < np.sqrt(np.mean(of_product**2))


def test_any_shape():
    x = np.linspace(-9, 9, 24).astype(np.float32).reshape(2, 3, 4)
    for function in (sigmoid, swish, relu6):
        np.testing.assert_array_equal(function(x.T), function(x).T)
        assert function(x[:0]).shape == (0, 3, 4)


@formats
def test_relu_typed_in(dtype):
    x = np.array([-np.inf, -1, -0.0, 0.0, 3, 7, np.inf, np.nan], dtype)
    found = relu(x)
    np.testing.assert_array_equal(found, np.array([0, 0, 0, 0, 3, 7, np.inf, np.nan], dtype))
    assert np.signbit(found).tolist() == [False, False, True, False, False, False, False, np.signbit(x[-1])]


@formats
def test_tanh_is_right_to_the_last_places_of_one(dtype):
    x = np.linspace(-30, 30, 60_001).astype(dtype)
    assert np.abs(tanh(x) - np.tanh(x.astype(np.float64))).max() < 3 * np.finfo(dtype).eps
    assert tanh(np.array([0, np.inf, -np.inf], dtype)).tolist() == [0, 1, -1]
