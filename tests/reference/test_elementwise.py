from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import add, nearest

from refnet.reference.ops import add as residual
from refnet.reference.ops import bias, excite

FORMATS = ["float32", "float64"]


@pytest.mark.parametrize("dtype", FORMATS)
def test_bias(dtype):
    x = np.random.default_rng(3).standard_normal((20, 4)).astype(dtype)
    b = np.array([0.1, -3, 2**24, 1e-8], np.float32)
    got = bias(x, b)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, [[add(x[n, k], b[k], dtype) for k in range(4)] for n in range(20)])


def test_bias_typed_in():
    x = np.array([[1, 2], [3, 4]], np.float32)
    np.testing.assert_array_equal(bias(x, np.array([10, -2], np.float32)), [[11, 0], [13, 2]])


def test_excite_typed_in():
    x = np.array([[[1, 2], [3, 4]]], np.float32)[None].repeat(2, axis=0)
    gate = np.array([[0.5, 1], [0, 0.25]], np.float32)
    np.testing.assert_array_equal(excite(x, gate), [[[[0.5, 2], [1.5, 4]]], [[[0, 0.5], [0, 1]]]])


@pytest.mark.parametrize("dtype", FORMATS)
def test_excite_and_residual_round_once(dtype):
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 1, 4, 5, 3)).astype(dtype)
    gate = rng.random((1, 3)).astype(dtype)
    products, sums = excite(x, gate), residual(x, y)
    assert products.dtype == sums.dtype == dtype
    for at in np.ndindex(x.shape):
        assert products[at] == nearest(Fraction(float(x[at])) * Fraction(float(gate[0, at[3]])), dtype)
        assert sums[at] == add(x[at], y[at], dtype)


def test_residual_typed_in():
    x = np.array([1, 2**24, -0.0, 0.0], np.float32)
    y = np.array([2, 1, -0.0, -0.0], np.float32)
    np.testing.assert_array_equal(residual(x, y), [3, 2**24, 0, 0])
    assert np.signbit(residual(x, y)).tolist() == [False, False, True, False]
