import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import add, nearest

from refnet.reference import ops
from refnet.reference.ops import mean

FORMATS = ["float32", "float64"]


def test_mean_typed_in():
    x = np.array([[[1, -1], [2, -2], [3, -3]], [[4, 0], [5, 0], [9, 0]]], np.float32)[None]
    np.testing.assert_array_equal(mean(x), [[4, -1]])  # 24 / 6, -6 / 6


def test_mean_divides_once():
    """By the number of pixels; times its rounded inverse, 5 * (1 / 49) would be another number."""
    x = np.zeros((1, 7, 7, 1), np.float32)
    x[0, 3, 4] = 5
    assert mean(x).item() == nearest(Fraction(5, 49), "float32")
    assert mean(x).item() != np.float32(5) * (np.float32(1) / np.float32(49))


BIG = 2.0**24  # a 1 that is added to it is lost; to -BIG it is not


@pytest.mark.parametrize(
    ("picture", "total"),
    [
        ([[1, 0], [BIG, -BIG]], 1),  # rows 1 and 0; pixel after pixel, or columns first, the 1 is lost
        ([[BIG, 1], [-BIG, 1]], 1),  # rows BIG and 1 - BIG; columns first it would be 2
        ([[BIG, 1, -BIG, 0]], 0),  # a row from the left; from the right it would be 1
        ([[BIG], [1], [-BIG], [0]], 0),  # rows from the top
    ],
)
def test_mean_sums_rows_then_the_rows(picture, total):
    assert mean(np.array(picture, np.float32)[None, :, :, None]).item() == total / 4


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("H", "W"), [(1, 1), (1, 9), (9, 1), (7, 8), (15, 12)])
def test_mean_rounds_in_the_stated_order(H, W, dtype):
    x = np.random.default_rng(H).standard_normal((2, H, W, 3)).astype(dtype)
    got = mean(x)
    assert (got.shape, got.dtype) == ((2, 3), dtype)
    for n, c in np.ndindex(2, 3):
        total = 0.0
        for h in range(H):
            row = 0.0
            for w in range(W):
                row = add(row, x[n, h, w, c], dtype)
            total = add(total, row, dtype)
        assert got[n, c] == nearest(Fraction(total) / (H * W), dtype)


def test_mean_is_exact_on_dyadic_numbers():
    x = np.random.default_rng(4).integers(-99, 100, (3, 8, 4, 5)).astype(np.float32) / 16
    wanted = [[float(sum(map(Fraction, x[n, :, :, c].ravel().tolist())) / 32) for c in range(5)] for n in range(3)]
    np.testing.assert_array_equal(mean(x), wanted)


def test_sums_begin_with_plus_zero():
    assert math.copysign(1, mean(np.full((1, 2, 2, 1), -0.0, np.float32)).item()) == 1


def test_max_typed_in():
    x = np.array([[[1, -1], [2, -2], [3, -0.0]], [[4, 0], [5, -7], [-9, np.inf]]], np.float32)[None]
    assert ops.max(x).tolist() == [[5, np.inf]]


def test_max_of_nan_is_nan_wherever_it_is():
    for place in range(3):
        x = np.array([1, 5, 2], np.float32)
        x[place] = np.nan
        assert np.isnan(ops.max(x.reshape(1, 3, 1, 1))).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("power", [0.5, 1.0, 3.0, 6.5])
def test_gem_is_the_generalised_mean(dtype, tolerance, power):
    x = np.random.default_rng(3).uniform(-1, 4, (2, 5, 4, 7)).astype(dtype)
    p = np.array([power], np.float32)
    exact = (np.maximum(x.astype(np.float64), 1e-6) ** power).mean((1, 2)) ** (1 / power)
    np.testing.assert_allclose(ops.gem(x, p), exact, rtol=tolerance)
