"""Each policy against fractions, which round where the policy says and nowhere else; ties are forced."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from helpers.oracles import nearest

from refnet.errors import InputError
from refnet.reference.integers.policy import POLICIES, policy

TIES = 2.0 ** -np.arange(1, 9)
REALS = [*TIES, 0.3, 0.0117, 1.0, 1.75, 1 - 2.0**-24, 1 - 2.0**-53, 3.1e-5, 2.0**-31, 2.0**-33]
SUMS = np.arange(-300, 301)
HALF = Fraction(1, 2)


def up(x: Fraction) -> int:
    return floor(x + HALF)


def away(x: Fraction) -> int:
    return up(x) if x >= 0 else -up(-x)


def stored(real: float) -> tuple[int, int]:
    """A real number as an integer of 31 bits and a shift to the left."""
    mantissa, shift = np.frexp(real)
    whole = away(Fraction(float(mantissa)) * 2**31)
    if whole == 2**31:
        whole, shift = whole // 2, shift + 1
    return (0, 0) if shift < -31 else (whole, int(shift))


def twice(total: int, real: float, second) -> int:
    mantissa, shift = stored(real)
    high = up(Fraction(total * 2 ** max(shift, 0) * mantissa, 2**31))
    return second(Fraction(high, 2 ** max(-shift, 0)))


def once(total: int, real: float, rounding) -> int:
    mantissa, shift = stored(real)
    return rounding(Fraction(total * mantissa, 2**31) * Fraction(2) ** shift)


def in_float32(total: int, real: float) -> float:
    x, d = (Fraction(nearest(each, "float32")) for each in (total, real))
    return nearest(x * d, "float32")


ORACLES = {
    "double": lambda x, d: twice(x, d, away),
    "double-up": lambda x, d: twice(x, d, up),
    "single": lambda x, d: once(x, d, up),
    "truncate": lambda x, d: once(x, d, floor),
    "fp32-even": lambda x, d: round(Fraction(in_float32(x, d))),
    "double-float": lambda x, d: away(Fraction(nearest(x * Fraction(d), "float64"))),
    "exact": lambda x, d: away(x * Fraction(d)),
    "power-of-two": lambda x, d: up(x * Fraction(d)),
}


def test_every_policy_is_tested():
    assert set(ORACLES) == set(POLICIES)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("name", ORACLES)
def test_small_sums(name, real):
    """With a multiplier that is a power of two, every tie."""
    real = 2.0 ** floor(np.log2(real)) if name == "power-of-two" else real
    sums = SUMS[::4] if name in ("fp32-even", "double-float") else SUMS  # the others are slow in fractions
    assert policy(name)(sums, real).tolist() == [ORACLES[name](x, real) for x in sums.tolist()]


@pytest.mark.parametrize("name", ORACLES)
def test_large_sums(name):
    """Drawn ones, each with a multiplier of its own that brings it near to 8 bits; and the ends of 32 bits."""
    rng = np.random.default_rng(2)
    sums = np.concatenate([rng.integers(-(2**31), 2**31, 200), [-(2**31), 2**31 - 1, 0]])
    reals = rng.uniform(60, 300, sums.size) / np.maximum(np.abs(sums), 1)
    reals = np.where(sums == 0, 0.5, reals)
    if name == "power-of-two":
        reals = 2.0 ** np.floor(np.log2(reals))
    ours = policy(name)(sums, reals)
    assert ours.tolist() == [ORACLES[name](x, d) for x, d in zip(sums.tolist(), reals.tolist(), strict=True)]


def test_forced_ties():
    """Halves; and 11/8, which two roundings make 2: 11/2 becomes 6, and 6/4 a tie."""
    expected = {
        "double": [1, -1, 2, 2, 3, -3],
        "double-up": [1, 0, 2, 2, 3, -2],
        "single": [1, 0, 2, 1, 3, -2],
        "truncate": [0, -1, 1, 1, 2, -3],
        "fp32-even": [0, 0, 2, 1, 2, -2],
        "double-float": [1, -1, 2, 1, 3, -3],
        "exact": [1, -1, 2, 1, 3, -3],
        "power-of-two": [1, 0, 2, 1, 3, -2],
    }
    for name, wanted in expected.items():
        assert policy(name)(np.array([4, -4, 12, 11, 20, -20]), 0.125).tolist() == wanted, name


def test_float32_loses_digits_of_a_sum():
    """2**24 + 1 becomes 2**24, before it is multiplied."""
    total = np.array([2**24 + 1])
    assert policy("fp32-even")(total, 1.0) == 2**24
    assert policy("double-float")(total, 1.0) == 2**24 + 1


def test_a_channel_each():
    assert policy("double")(np.array([[10, 10], [20, 20]]), [0.5, 0.25]).tolist() == [[5, 3], [10, 5]]


def test_a_shift_to_the_left_that_32_bits_do_not_hold():
    with pytest.raises(InputError, match="does not fit 32 bits"):
        policy("double")(np.array([2**30]), 2.0)


def test_no_power_of_two():
    with pytest.raises(InputError, match=r"a multiplier of 0\.3 is no power of two"):
        policy("power-of-two")(np.array([1]), [0.5, 0.3])


def test_no_policy():
    with pytest.raises(InputError, match=r"no policy 'half'.*want one of double, double-up, single"):
        policy("half")
