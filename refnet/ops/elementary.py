"""fma and exp: the two functions that NumPy does not have to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types, vectorize
from numba.extending import overload

from refnet import scalar
from refnet.numerics import EXP, ExpConstants


@vectorize
def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z with a single rounding, element by element.

    Examples
    --------
    >>> float(fma(np.float32(0.1), np.float32(10), np.float32(-1))) == 0.1 * 10 - 1
    False
    >>> float(fma(np.float32(0.1), np.float32(10), np.float32(-1))).hex()
    '0x1.0000000000000p-26'
    """
    return scalar.fma(x, y, z)


def _exp(x: Any) -> Any:
    raise NotImplementedError  # compiled code only; ``exp`` below is the function to call


@overload(_exp)
def _exp_overload(x: Any) -> Any:
    return _define_exp(np.float32 if x == types.float32 else np.float64)


def _define_exp(dtype: Any) -> Any:
    c: ExpConstants = EXP[np.dtype(dtype).name]
    low, high = dtype(c.low), dtype(c.high)
    inverse_ln2, ln2_high, ln2_low = dtype(c.inverse_ln2), dtype(c.ln2_high), dtype(c.ln2_low)
    shifter = dtype(c.shifter)
    coefficients = tuple(dtype(a) for a in c.coefficients)

    def exp(x: Any) -> Any:
        x = low if x < low else x
        x = high if x > high else x
        if math.isnan(x):
            return x
        n = scalar.fma(x, inverse_ln2, shifter) - shifter  # x / ln 2 rounded to an integer, ties to even
        r = scalar.fma(-n, ln2_high, x)
        r = scalar.fma(-n, ln2_low, r)
        p = coefficients[0]
        for a in coefficients[1:]:
            p = scalar.fma(p, r, a)
        # 2**n in two factors: n may lie outside the exponents of normal numbers. The first product is exact.
        half = np.int64(n) >> 1
        return (p * scalar.power_of_two(half, x)) * scalar.power_of_two(np.int64(n) - half, x)

    return exp


@njit
def _exp_scalar(x: Any) -> Any:
    return _exp(x)


@vectorize
def exp(x: Any) -> Any:
    """e**x, element by element, float32 or float64, at most 1 ulp from the truth (see tools/sweep_exp.py).

    n = round(x / ln 2) by adding and subtracting 1.5 * 2**mantissa; r = x - n ln 2 in two fma; p(r) by Horner's rule in
    fma; exp = p * 2**n. The constants are in :mod:`refnet.numerics`. NaN gives NaN; below the range 0, above infinity.

    Examples
    --------
    >>> exp(np.array([0, 1, -1, -200], np.float32))
    array([1.        , 2.7182817 , 0.36787945, 0.        ], dtype=float32)
    """
    return _exp_scalar(x)
