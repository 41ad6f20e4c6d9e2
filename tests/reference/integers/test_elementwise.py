"""All 65,536 pairs of codes, for drawn scales and zero points, in Python's integers."""

from fractions import Fraction
from math import floor, frexp

import numpy as np
import pytest

from refnet.reference.integers.elementwise import add_rescaled, add_weighted, products
from refnet.reference.integers.policy import policy
from refnet.reference.integers.quantisation import Quantisation

EVERY = np.arange(-128, 128).astype(np.int8)
X, Y = (each.reshape(-1) for each in np.meshgrid(EVERY, EVERY))
HALF = Fraction(1, 2)


def drawn(seed: int) -> list[Quantisation]:
    rng = np.random.default_rng(seed)
    scales, zeros = rng.uniform(0.01, 0.2, 3).astype(np.float32), rng.integers(-128, 128, 3)
    return [Quantisation(scale, int(zero)) for scale, zero in zip(scales, zeros, strict=True)]


def real(q: np.ndarray, by: Quantisation) -> np.ndarray:
    return (q.astype(float) - by.zero_point) * float(by.scale)


def in_codes(x: np.ndarray, to: Quantisation) -> np.ndarray:
    return np.clip(x / float(to.scale) + to.zero_point, -128, 127)


@pytest.mark.parametrize("seed", range(6))
def test_weighted(seed):
    of_x, of_y, to = drawn(seed)
    a, b = (np.float32(of.scale) / np.float32(to.scale) for of in (of_x, of_y))
    _, exponent = frexp(max(a, b))
    shift = 21 - exponent
    A, B = (round(Fraction(float(each)) * 2**shift) for each in (a, b))
    assert 2**20 <= max(A, B) <= 2**21
    ours = add_weighted(X, Y, of_x, of_y, to)
    for at in range(0, 65536, 7):
        total = (int(X[at]) - of_x.zero_point) * A + (int(Y[at]) - of_y.zero_point) * B
        assert ours[at] == min(max(floor(Fraction(total, 2**shift) + HALF) + to.zero_point, -128), 127)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("way", ["weighted", "double", "single"])
def test_near_the_real_sum(seed, way):
    """By at most half a code, and what 20 more bits lose."""
    of_x, of_y, to = drawn(seed)
    wanted = in_codes(real(X, of_x) + real(Y, of_y), to)
    weighted = way == "weighted"
    ours = add_weighted(X, Y, of_x, of_y, to) if weighted else add_rescaled(X, Y, of_x, of_y, to, policy(way))
    assert np.abs(ours - wanted).max() < 0.5001


def test_of_one_scale():
    """Where all scales are powers of two, only the last rounding of ``double`` meets a tie."""
    one = Quantisation(np.float32(1), 0)
    two = Quantisation(np.float32(2), 0)
    x, zero = np.array([1, -1, 3, -3], np.int8), np.zeros(4, np.int8)
    assert add_rescaled(x, zero, one, one, two, policy("double")).tolist() == [1, -1, 2, -2]
    assert add_rescaled(x, zero, one, one, two, policy("single")).tolist() == [1, 0, 2, -1]
    assert add_weighted(x, zero, one, one, two).tolist() == [1, 0, 2, -1]


def test_products():
    of_x, of_y, _ = drawn(7)
    ours = products(X, Y, of_x, of_y)
    assert ours.tolist() == [
        (x - of_x.zero_point) * (y - of_y.zero_point) for x, y in zip(X.tolist(), Y.tolist(), strict=True)
    ]
