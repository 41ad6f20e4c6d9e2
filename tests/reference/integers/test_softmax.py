"""The fixed point against plain Python integers, and against the softmax it stands for."""

import math
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from refnet.reference.integers.quantisation import Quantisation
from refnet.reference.integers.softmax import exp_of_negative, reciprocal, softmax, softmax_in_float32


def high(x: int, y: int) -> int:
    return floor(Fraction(x * y, 2**31) + Fraction(1, 2))


def away(x: Fraction) -> int:
    return floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


@pytest.mark.parametrize("scale", [0.01, 0.08, 0.3, 1.5])
def test_near_the_real_one(scale):
    """By less than two codes of 1/256, of which one half is the last rounding."""
    x = np.random.default_rng(9).integers(-128, 128, (20, 300)).astype(np.int8)
    e = np.exp((x - x.max(axis=1, keepdims=True).astype(float)) * scale)
    wanted = np.minimum(e / e.sum(axis=1, keepdims=True) * 256 - 128, 127)
    assert np.abs(softmax(x, Quantisation(np.float32(scale), 3)) - wanted).max() < 0.51


def test_typed_in():
    of = Quantisation(np.float32(0.1), 0)
    assert softmax(np.array([[5]], np.int8), of).tolist() == [[127]]  # 1 is 256, which is no code
    assert softmax(np.array([[5, 5]], np.int8), of).tolist() == [[0, 0]]
    assert softmax(np.array([[127, -128, -128]], np.int8), of).tolist() == [[127, -128, -128]]


def test_exp():
    """Over all of Q5.26, within 2**-20 of itself or a few last places; and 1 at 0, as near as Q0.31 comes."""
    a = -np.concatenate([[0, 1], np.random.default_rng(10).integers(0, 32 << 26, 4000)])
    ours = exp_of_negative(a) / 2.0**31
    assert np.abs(ours - np.exp(a / 2.0**26)).max() < 2e-6
    assert exp_of_negative(np.array([0])) == 2**31 - 1


def test_exp_in_plain_integers():
    """exp(-1.3): five quarters, and what is left."""
    a = floor(-1.3 * 2**26)
    remainder = (a & (2**24 - 1)) - 2**24
    x = (remainder << 5) + (1 << 28)
    x2 = high(x, x)
    x3, x4 = high(x2, x), high(x2, x2)
    tail = away(Fraction(high(away(Fraction(x4, 4)) + x3, 715827883) + x2, 2))
    near = 1895147668 + high(1895147668, x + tail)
    assert remainder - a == 5 << 24
    assert exp_of_negative(np.array([a])) == high(high(near, 1672461947), 790015084)  # 1/4 and 1


@pytest.mark.parametrize("total", [1 << 19, (1 << 19) + 1, 3 << 19, 1000 << 19, (4096 << 19) - 1])
def test_reciprocal(total):
    """Of a sum in Q12.19, which is at least 1: that of the largest."""
    inverse, headroom = reciprocal(np.array([total]))
    ours = Fraction(int(inverse[0]), 2**31) * Fraction(2) ** (int(headroom[0]) - 12)
    assert abs(ours * Fraction(total, 2**19) - 1) < 1e-8


def test_rows_do_not_meet():
    x = np.random.default_rng(11).integers(-128, 128, (5, 40)).astype(np.int8)
    of = Quantisation(np.float32(0.05), 0)
    together = softmax(x, of)
    assert [softmax(row[None], of)[0].tolist() for row in x] == together.tolist()


@pytest.mark.parametrize("scale", [0.01, 0.08, 0.3, 1.5])
def test_in_float32_one_after_the_other(scale):
    """Typed as a loop over classes; the same sum from the other end gives other codes now and then."""
    scale = np.float32(scale)
    x = np.random.default_rng(12).integers(-128, 128, (40, 300)).astype(np.int8)
    for row, found in zip(x, softmax_in_float32(x, Quantisation(scale, 3)), strict=True):
        largest = int(row.max())
        e = [np.float32(math.exp(float(np.float32(-scale) * np.float32(largest - int(q))))) for q in row]
        total = np.float32(0)
        for each in e:
            total = np.float32(total + each)
        inverse = np.float32(1) / np.float32(total * np.float32(1 / 256))
        codes = [min(int(np.float32(np.float32(each * inverse) + np.float32(0.5))) - 128, 127) for each in e]
        assert found.tolist() == codes


def test_the_order_of_float32_counts():
    """In this row, one of 10,000 or so."""
    of = Quantisation(np.float32(0.003), 0)
    x = np.array(
        [[104, -36, 123, -42, 110, 77, -53, -53, 67, 110, 72, -74, 48, 76, -55, 53, -31, 123, 27, -101]], np.int8
    )
    assert (softmax_in_float32(x, of) != softmax_in_float32(x[:, ::-1], of)[:, ::-1]).any()
