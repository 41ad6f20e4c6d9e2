from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import nearest

from refnet.errors import InputError
from refnet.reference.integers.policy import policy
from refnet.reference.integers.quantisation import (
    RANGES,
    Quantisation,
    activation_limits,
    dequantise,
    quantise,
    requantise,
)

SCALES = np.array([0.1, 1 / 256, 0.0235294122248888, 3.0], np.float32)


def codes(scale: float, zero_point: int = 0, dtype: str = "int8") -> Quantisation:
    return Quantisation(np.float32(scale), zero_point, dtype)


def halves(scale: np.float32) -> np.ndarray:
    """Numbers in the middle of two codes, as near as float32 comes, and their neighbours; and some far outside."""
    middles = (np.arange(-140, 140, dtype=np.float32) + np.float32(0.5)) * scale
    ends = np.array([0, 1e30, -1e30, 3e-40], np.float32)
    return np.concatenate([middles, np.nextafter(middles, np.float32(0)), np.nextafter(middles, 2 * middles), ends])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("zero_point", [-128, 0, 5])
def test_half_away(scale, zero_point):
    x = halves(scale)
    ours = quantise(x, codes(scale, zero_point))
    for number, found in zip(x.tolist(), ours.tolist(), strict=True):
        quotient = Fraction(nearest(Fraction(number) / Fraction(float(scale)), "float32"))
        whole = int(abs(quotient) + Fraction(1, 2)) * (1 if quotient >= 0 else -1)
        assert found == min(max(whole + zero_point, -128), 127)


@pytest.mark.parametrize("scale", SCALES)
def test_half_even(scale):
    inverse = Fraction(nearest(1 / Fraction(float(scale)), "float32"))
    x = halves(scale)
    for number, found in zip(x.tolist(), quantise(x, codes(scale, 5), "half-even").tolist(), strict=True):
        product = Fraction(nearest(Fraction(number) * inverse, "float32"))
        assert found == min(max(round(product) + 5, -128), 127)


def test_ties_typed_in():
    x = np.array([0.5, -0.5, 1.5, -1.5, 2.5], np.float32)
    assert quantise(x, codes(1)).tolist() == [1, -1, 2, -2, 3]
    assert quantise(x, codes(1), "half-even").tolist() == [0, 0, 2, -2, 2]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_no_code(number):
    with pytest.raises(InputError, match="has no code"):
        quantise(np.array([0, number], np.float32), codes(1))


@pytest.mark.parametrize("dtype", RANGES)
def test_there_and_back(dtype):
    low, high = RANGES[dtype]
    every = np.arange(low, high + 1).astype(dtype)
    for scale in SCALES:
        for zero_point in (low, low + 100, high):
            q = codes(scale, zero_point, dtype)
            assert quantise(dequantise(every, q), q).tolist() == every.tolist()
            assert dequantise(np.array([zero_point], dtype), q) == 0


def test_dequantise_rounds_once():
    q = codes(0.1, -128)
    assert dequantise(np.array([127], np.int8), q) == np.float32(nearest(255 * Fraction(float(q.scale)), "float32"))


def test_requantise():
    """The same scale moves codes by their zero points; another rounds by its policy."""
    every = np.arange(256).astype(np.uint8)
    same = requantise(every, codes(0.02, 128, "uint8"), codes(0.02, 0), policy("double"))
    assert same.tolist() == list(range(-128, 128))
    half = requantise(every, codes(1, 0, "uint8"), codes(2, 0), policy("double"))
    assert half.tolist() == [min((n + 1) // 2, 127) for n in range(256)]


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "limits"),
    [
        ("none", 0.1, 3, (-128, 127)),
        ("relu", 0.1, 3, (3, 127)),
        ("relu6", 6 / 255, -128, (-128, 127)),
        ("relu6", 0.05, 0, (0, 120)),
        ("relu6", 0.05, 100, (100, 127)),
        ("relu6", 4.0, 0, (0, 2)),  # 1.5, away from 0
    ],
)
def test_activation_limits(activation, scale, zero_point, limits):
    assert activation_limits(activation, codes(scale, zero_point)) == limits


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
def test_no_scale(scale):
    with pytest.raises(InputError, match="a scale of"):
        codes(scale)


def test_no_zero_point():
    with pytest.raises(InputError, match="a zero point of 128: want one of int8, -128 to 127"):
        codes(1, 128)
