"""Tables of the logistic function: near the truth, and each engine's own where a tie is near."""

from fractions import Fraction

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.reference.integers.logistic import LOGISTICS, by_rational_function, in_fixed_point, logistic_table
from refnet.reference.integers.quantisation import Quantisation

D = np.arange(-255, 256)


def truth(scale: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 256 / (1 + np.exp(-D * np.float64(scale))) - 128


@pytest.mark.parametrize("way", LOGISTICS)
def test_near_the_truth(way):
    """Each rounds once more than the truth: never further off than a little more than half a code."""
    for scale in np.random.default_rng(1).uniform(0.001, 0.3, 20).astype(np.float32):
        off = LOGISTICS[way](D, scale) - truth(scale)
        inside = truth(scale) < 127  # what is above is brought to the largest code
        assert np.abs(off[inside]).max() < 0.5 + 1e-3


@pytest.mark.parametrize(
    ("scale", "d", "codes"),
    [
        ("0x1.0a1452p-10", 162, (10, 11, 10, 10)),
        ("0x1.48a032p-2", -9, (-115, -115, -114, -115)),
        ("0x1.11be76p-5", -42, (-77, -77, -77, -78)),
        ("0x1.03801ep-6", -139, (-103, -102, -102, -103)),
        ("0x1.a8cfdcp-5", 99, (127, 126, 126, 127)),
        ("0x1.p+2", 1, (127, 123, 123, 123)),  # 15 / 4 of the scale, whole: as far as one code
        ("0x1.p+2", -1, (-128, -123, -123, -123)),
        ("0x1.p+3", 0, (-128, 0, 0, 0)),  # as far as no code
        ("0x1.p+3", 1, (127, 128, 128, 128)),
    ],
)
def test_known_codes(scale, d, codes):
    """What the engines answer where the truth is nearly half a code, and far from 0."""
    found = [int(way(np.array([d]), np.float32(float.fromhex(scale)))[0]) for way in LOGISTICS.values()]
    assert tuple(found) == codes


def test_ways_differ_only_near_ties():
    """By one code, and there the truth lies within a thousandth of the middle of two."""
    seen = 0
    rng = np.random.default_rng(2)
    for k in range(100):
        middle = (rng.integers(128, 255) + 0.5) / 256
        scale = np.float32(np.log(middle / (1 - middle)) / rng.integers(1, 200))
        tables = np.array([way(D, scale).clip(-128, 127) for way in LOGISTICS.values()])
        spread = np.ptp(tables, axis=0)
        near = np.abs(truth(scale) % 1 - 0.5) < 1e-3
        assert spread.max() <= 1, k
        assert not spread[~near].any()
        seen += int(spread.sum())
    assert seen > 25


def test_fixed_point_in_whole_numbers():
    """The same through Python's integers, which have no end: gemmlowp's functions, typed once more."""

    def high(x: int, y: int) -> int:
        return (x * y + (1 << 30)) >> 31

    def away(x: int, bits: int) -> int:
        return (abs(x) + (1 << bits >> 1) >> bits) * (1 if x >= 0 else -1)

    def negative_exp(a: int) -> int:
        quarter = 1 << 25
        rest = (a & (quarter - 1)) - quarter
        x = (rest << 4) + (1 << 28)
        x2 = high(x, x)
        x3, x4 = high(x2, x), high(x2, x2)
        tail = away(high(away(x4, 2) + x3, 715827883) + x2, 1)
        result = 1895147668 + high(1895147668, x + tail)
        factors = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401]
        for power, factor in enumerate(factors):
            if (rest - a) >> (25 + power) & 1:
                result = high(result, factor)
        return 2**31 - 1 if a == 0 else result

    def logistic(a: int) -> int:
        half = away(negative_exp(-abs(a)) + 2**31 - 1, 1)
        x = 1515870810 + high(half, -1010580540)
        for _ in range(3):
            x += high(x, (1 << 29) - high(half, x)) << 2
        y = min(x << 1, 2**31 - 1)
        return 1 << 30 if a == 0 else y if a > 0 else 2**31 - 1 - y

    for scale in (np.float32(0.0317), np.float32(0.25)):
        fraction = Fraction(float(scale)) * (1 << 27)
        codes = [away(logistic(int(fraction * d)), 23) - 128 for d in range(-50, 51)]
        found = in_fixed_point(np.arange(-50, 51), scale)
        assert fraction.denominator == 1, "else the product itself is rounded"
        assert found.clip(-128, 127).tolist() == [min(code, 127) for code in codes]


def test_a_rational_function_is_odd():
    """About its middle, but for the largest code."""
    y = by_rational_function(D, np.float32(0.02))
    inner = np.abs(D) < 200
    assert (y + y[::-1])[inner].tolist() == [0] * int(inner.sum())


@pytest.mark.parametrize("way", LOGISTICS)
def test_far_from_zero(way):
    """exp of hundreds overflows nothing."""
    table = logistic_table(Quantisation(np.float32(100), 0), way)
    assert table.tolist() == [-128] * 128 + [-128 if way == "fixed-point" else 0] + [127] * 127


def test_another_way():
    with pytest.raises(InputError, match="no way 'x' to a logistic table; want one of fixed-point, float32"):
        logistic_table(Quantisation(np.float32(1), 0), "x")
