"""Softmax without a floating-point number: gemmlowp's exponential and reciprocal, bit by bit.

``Qm.n`` is an int32 with n bits behind the point: the number it stands for is the integer over 2**n.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    Multiplier,
    high_product,
    int32,
    multiplier,
    shift_half_away,
)
from refnet.reference.integers.quantisation import Quantisation

ARGUMENT_BITS = 26  # Q5.26: differences from the largest, down to -32
QUARTER = 1 << (ARGUMENT_BITS - 2)
SUM_BITS = 12  # before the point of Q12.19, which the sum of up to 4,096 exponentials fits
ONE = INT32_MAX  # in Q0.31, which does not reach 1
EIGHTH = 1 << 28
EXP_OF_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # in Q0.31
# exp(-1/4), exp(-1/2), …, exp(-16), in Q0.31.
EXP_OF_MINUS_POWERS: Final = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
RATIO_48_17, RATIO_32_17 = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29


def softmax(x: Array, of: Quantisation) -> Array:
    """Codes of probabilities, of scale 1/256 and zero point -128, from codes x [N, K].

    e = exp of each difference from the row's largest; what is below -31 or so counts 0. The sum of e in Q12.19; its
    reciprocal by Newton; e times that, rounded to 8 bits with a tie away from 0.

    Examples
    --------
    >>> softmax(np.array([[0, 0, 0, 0]], np.int8), Quantisation(np.float32(0.1), 0))
    array([[-64, -64, -64, -64]], dtype=int8)
    """
    by = argument_multiplier(of)
    shift = int(by.shift)
    least = -((31 << ARGUMENT_BITS) >> shift)
    difference = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    counts = difference >= least
    e = exp_of_negative(high_product(np.where(counts, difference, 0) << shift, by.mantissa))
    total = int32(np.where(counts, shift_half_away(e, SUM_BITS), 0).sum(axis=-1, keepdims=True))
    inverse, headroom = reciprocal(total)
    probability = shift_half_away(high_product(inverse, e), SUM_BITS - headroom + 31 - 8)
    return SIGMOID.clamp(np.where(counts, probability + SIGMOID.zero_point, SIGMOID.zero_point))


def argument_multiplier(of: Quantisation) -> Multiplier:
    """What a difference of two codes is multiplied by to become the exponential's argument, in Q5.26."""
    return multiplier(min(np.float64(of.scale) * 2.0**ARGUMENT_BITS, 2.0**31 - 1))


def exp_of_negative(a: Array) -> Array:
    """exp of a, at most 0, in Q5.26 → Q0.31: of the remainder after whole quarters, then times a constant for each bit.

    Examples
    --------
    >>> exp_of_negative(np.array([0, -(1 << 26)])) / 2**31
    array([1.        , 0.36787955])
    """
    remainder = (a & (QUARTER - 1)) - QUARTER
    result = _exp_near_minus_eighth(remainder << 5)
    quarters = remainder - a
    for power, factor in enumerate(EXP_OF_MINUS_POWERS):
        result = np.where(quarters & (QUARTER << power), high_product(result, factor), result)
    return np.where(a == 0, ONE, result)


def _exp_near_minus_eighth(a: Array) -> Array:
    """exp of a, -1/4 to below 0, in Q0.31: Taylor's polynomial of degree 4 about -1/8."""
    x = a + EIGHTH
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    tail = shift_half_away(high_product(shift_half_away(x4, 2) + x3, THIRD) + x2, 1)
    return int32(EXP_OF_MINUS_EIGHTH + high_product(EXP_OF_MINUS_EIGHTH, x + tail))


def reciprocal(total: Array) -> tuple[Array, Array]:
    """1 / (1 + f) in Q0.31, where a sum in Q12.19 is (1 + f) shifted to the right; and by how many bits more than 0.

    Examples
    --------
    >>> inverse, headroom = reciprocal(np.array([3 << 19]))
    >>> inverse / 2**31, headroom
    (array([0.66666667]), array([11]))
    """
    _, bits = np.frexp(total.astype(np.float64))
    headroom = 32 - bits.astype(np.int64)
    fraction = (total << headroom) - (1 << 31)
    half = shift_half_away(fraction + ONE, 1)  # of the denominator, in Q0.31
    x = RATIO_48_17 + high_product(half, RATIO_32_17)
    for _ in range(3):
        missing = (1 << 29) - high_product(half, x)
        x = x + _saturated(high_product(x, missing) << 2)
    return _saturated(x << 1), headroom


def _saturated(x: Array) -> Array:
    return np.clip(x, INT32_MIN, INT32_MAX)
