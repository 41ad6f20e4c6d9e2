from fractions import Fraction
from math import floor

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.reference.integers.fixed_point import (
    half_away,
    high_product,
    int32,
    multiplier,
    shift_half_away,
    shift_half_up,
)

HALF = Fraction(1, 2)
LARGEST = 2**31 - 1


def up(x: Fraction) -> int:
    return floor(x + HALF)


def away(x: Fraction) -> int:
    return up(x) if x >= 0 else -up(-x)


@pytest.mark.parametrize(
    ("real", "mantissa", "shift"),
    [
        (0.0, 0, 0),
        (1.0, 1 << 30, 1),
        (0.1, 1717986918, -3),  # 0.8 * 2**31 = 1717986918.4
        (0.7, 1503238554, 0),  # 0.7 * 2**31 = 1503238553.6
        (1 - 2.0**-40, 1 << 30, 1),  # rounds up to 2**31, which has a bit too many
        (0.5 + 2.0**-32, (1 << 30) + 1, 0),  # a tie, away from 0
        (2.0**-32, 1 << 30, -31),
        (2.0**-33, 0, 0),
    ],
)
def test_multiplier(real, mantissa, shift):
    assert tuple(map(int, multiplier(real))) == (mantissa, shift)


@pytest.mark.parametrize("real", [-0.1, np.inf, np.nan, 2.0**30])
def test_no_multiplier(real):
    with pytest.raises(InputError, match="a multiplier must be"):
        multiplier(real)


def test_multiplier_is_the_nearest():
    reals = np.random.default_rng(0).uniform(2.0**-20, 4, 1000)
    mantissa, shift = multiplier(reals)
    for real, m, s in zip(reals, mantissa, shift, strict=True):
        assert m == away(Fraction(real) * 2 ** (31 - int(s)))
        assert 1 << 30 <= m < 1 << 31


def test_high_product():
    rng = np.random.default_rng(1)
    edges = [-(2**31), 1 - 2**31, -(1 << 30), -1, 0, 1, 1 << 30, LARGEST]
    numbers = np.array([*edges, *rng.integers(-(2**31), 2**31, 120)])
    x, y = (each.reshape(-1) for each in np.meshgrid(numbers, numbers))
    ours = high_product(x, y)
    for a, b, found in zip(x.tolist(), y.tolist(), ours.tolist(), strict=True):
        assert found == min(up(Fraction(a * b, 2**31)), LARGEST)


def test_high_product_rounds_a_tie_up():
    assert high_product(np.array([1, -1, 3, -3]), 1 << 30).tolist() == [1, 0, 2, -1]


@pytest.mark.parametrize("bits", range(9))
def test_shifts(bits):
    """Every number of 12 bits, so every tie."""
    x = np.arange(-2048, 2049)
    assert shift_half_away(x, bits).tolist() == [away(Fraction(n, 2**bits)) for n in x.tolist()]
    assert shift_half_up(x, bits).tolist() == [up(Fraction(n, 2**bits)) for n in x.tolist()]


def test_shifts_of_each():
    assert shift_half_up(np.array([8, 8, 8]), np.array([0, 1, 4])).tolist() == [8, 4, 1]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_half_away(kind):
    x = np.concatenate([np.arange(-40, 41) / 4, np.nextafter([0.5, -0.5, 1.5], kind(0), dtype=kind), [8388607.5]])
    x = x.astype(kind)
    assert half_away(x).tolist() == [away(Fraction(float(n))) for n in x]


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_32_bits(number):
    with pytest.raises(InputError, match=f"{number} does not fit 32 bits"):
        int32(np.array([0, number]))
    assert int32(np.array([-(2**31), LARGEST])).tolist() == [-(2**31), LARGEST]
