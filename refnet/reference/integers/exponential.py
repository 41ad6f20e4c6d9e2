"""Exponential and reciprocal without a floating-point number, as gemmlowp computes them, bit by bit.

``Qm.n`` is an int32 with n bits behind the point: the number it stands for is the integer over 2**n.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.fixed_point import INT32_MAX, INT32_MIN, high_product, int32, shift_half_away

ONE = INT32_MAX  # in Q0.31, which does not reach 1
EIGHTH = 1 << 28
EXP_OF_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # in Q0.31
# exp(-1/4), exp(-1/2), …, exp(-16), in Q0.31.
EXP_OF_MINUS_POWERS: Final = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
RATIO_48_17, RATIO_32_17 = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29


def exp_of_negative(a: Array, whole: int = 5) -> Array:
    """exp of a, at most 0, in Q5.26 → Q0.31: of the remainder after whole quarters, then times a constant for each bit.

    ``whole`` is how many bits a has before its point, where these are not five.

    Examples
    --------
    >>> exp_of_negative(np.array([0, -(1 << 26)])) / 2**31
    array([1.        , 0.36787955])
    >>> exp_of_negative(np.array([0, -(1 << 27)]), whole=4) / 2**31
    array([1.        , 0.36787955])
    """
    quarter = 1 << (29 - whole)
    remainder = (a & (quarter - 1)) - quarter
    result = _exp_near_minus_eighth(remainder << whole)
    quarters = remainder - a
    for power, factor in enumerate(EXP_OF_MINUS_POWERS[: whole + 2]):
        result = np.where(quarters & (quarter << power), high_product(result, factor), result)
    return np.where(a == 0, ONE, result)


def _exp_near_minus_eighth(a: Array) -> Array:
    """exp of a, -1/4 to below 0, in Q0.31: Taylor's polynomial of degree 4 about -1/8."""
    x = a + EIGHTH
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    tail = shift_half_away(high_product(shift_half_away(x4, 2) + x3, THIRD) + x2, 1)
    return int32(EXP_OF_MINUS_EIGHTH + high_product(EXP_OF_MINUS_EIGHTH, x + tail))


def one_over_one_plus(fraction: Array) -> Array:
    """1 / (1 + f) of f from 0 to 1, both in Q0.31: three of Newton's steps.

    Examples
    --------
    >>> one_over_one_plus(np.array([0, 1 << 30])) / 2**31
    array([1.        , 0.66666667])
    """
    half = shift_half_away(fraction + ONE, 1)  # of the denominator, in Q0.31
    x = RATIO_48_17 + high_product(half, RATIO_32_17)
    for _ in range(3):
        missing = (1 << 29) - high_product(half, x)
        x = x + _saturated(high_product(x, missing) << 2)
    return _saturated(x << 1)


def _saturated(x: Any) -> Array:
    result: Array = np.clip(x, INT32_MIN, INT32_MAX)
    return result
