from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import nearest

from refnet.reference.integers.fixed_point import multiplier
from refnet.reference.integers.policy import policy
from refnet.reference.integers.pooling import average_pool, divided, mean_divided, mean_in_float32, total
from refnet.reference.integers.quantisation import Quantisation

RNG = np.random.default_rng(6)


def picture(height: int, width: int, channels: int = 50) -> np.ndarray:
    return RNG.integers(-128, 128, (2, height, width, channels)).astype(np.int8)


def test_total():
    x = picture(3, 5)
    ours = total(x, Quantisation(np.float32(1), -7))
    assert ours.tolist() == [[sum(int(q) + 7 for q in x[n, :, :, c].flat) for c in range(50)] for n in range(2)]


@pytest.mark.parametrize("count", [1, 2, 3, 49, 64, 3136])
def test_divided(count):
    """The quotient's fraction is lost: it is never above the real one, and below by less than its last place."""
    for real in (0.9, 1.0, 3.7):
        by = multiplier(real)
        mantissa, shift = divided(by, count)
        exact = Fraction(int(by.mantissa)) * Fraction(2) ** int(by.shift) / count
        ours = Fraction(int(mantissa)) * Fraction(2) ** int(shift)
        assert 0 <= exact - ours < Fraction(2) ** int(shift)
        assert int(mantissa) < 2**31


def test_a_multiplier_too_small_to_be_divided():
    assert tuple(map(int, divided(multiplier(2.0**-32), 3))) == ((1 << 30) // 3, -31)


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (7, 7), (12, 12)])
@pytest.mark.parametrize("way", ["double", "single", "float32"])
def test_near_the_real_mean(sides, way):
    of, to = Quantisation(np.float32(0.05), -30), Quantisation(np.float32(0.013), 20)
    x = picture(*sides)
    wanted = (x.astype(float) + 30).mean(axis=(1, 2)) * (float(of.scale) / float(to.scale)) + 20
    ours = mean_in_float32(x, of, to) if way == "float32" else mean_divided(x, of, to, policy(way))
    limit = 0.6 if way == "double" else 0.501  # two roundings
    assert np.abs(ours - np.clip(wanted, -128, 127)).max() < limit


def test_means_typed_in():
    """10 / 4 is a tie: away from 0 for one, to the even one for the other."""
    q = Quantisation(np.float32(1), 0)
    x = np.array([1, 2, 3, 4], np.int8).reshape(1, 2, 2, 1)
    assert mean_divided(x, q, q, policy("double")).item() == 3
    assert mean_divided(-x, q, q, policy("double")).item() == -3
    assert mean_divided(-x, q, q, policy("single")).item() == -2
    assert mean_in_float32(x, q, q).item() == 2
    odd = Quantisation(np.float32(1), 1)
    assert mean_in_float32(x, q, odd).item() == 4  # 2.5 + 1: the even code, not the even number


def test_mean_in_float32_rounds_each_operation():
    of, to = Quantisation(np.float32(0.0371), -77), Quantisation(np.float32(0.0113), 13)
    x = picture(7, 7)

    def rounded(value: Fraction) -> Fraction:
        return Fraction(nearest(value, "float32"))

    ratio = rounded(Fraction(float(of.scale)) / Fraction(float(to.scale)))
    s = rounded(ratio * rounded(Fraction(1, 49)))
    b = rounded(13 - rounded(-77 * 49 * s))
    for n, c in np.ndindex(2, 50):
        mean = round(rounded(rounded(sum(int(q) for q in x[n, :, :, c].flat) * s) + b))
        assert mean_in_float32(x, of, to)[n, c] == min(max(mean, -128), 127)


@pytest.mark.parametrize("sides", [(1, 2), (3, 3), (7, 7)])
def test_average_pool(sides):
    x = picture(*sides)
    x[0, :, :, 0] = -1
    x[0, 0, 0, 0] = 0  # of two pixels, -1/2
    ours = average_pool(x)
    for n, c in np.ndindex(2, 50):
        mean = Fraction(sum(int(q) for q in x[n, :, :, c].flat), sides[0] * sides[1])
        away = int(abs(mean) + Fraction(1, 2)) * (1 if mean > 0 else -1)
        assert ours[n, c] == away
