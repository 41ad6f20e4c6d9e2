"""The table of a logistic function, as engines compute it: most entries agree, those near a tie do not.

All come out as ``SIGMOID``. d is a code less its zero point, x = d * scale the real number, in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.elementary import exp, fma
from refnet.reference.integers.exponential import ONE, exp_of_negative, one_over_one_plus
from refnet.reference.integers.fixed_point import half_away, multiplier, shift_half_away
from refnet.reference.integers.policy import double
from refnet.reference.integers.quantisation import Quantisation

Logistic = Literal["fixed-point", "float32", "float64", "rational"]
ARGUMENT_BITS = 27  # Q4.27: arguments from -16 to below 16
FARTHEST = 15  # what an argument has to be below, so that it is computed
FAR = np.float32(18)  # what is farther counts as this
# Of a rational function, the odd part over the even, from the highest power down.
ODD: Final = np.array(
    [4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03, 2.48287947061529e-01],
    np.float32,
)
EVEN: Final = np.array(
    [
        *(6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03),
        *(1.16817656904453e-01, 9.93151921023180e-01),
    ],
    np.float32,
)


def logistic_table(of: Quantisation, way: str = "fixed-point") -> Array:
    """1 / (1 + exp(-x)) of each code, from the least on, by one of ``LOGISTICS``.

    Examples
    --------
    >>> logistic_table(Quantisation(np.float32(0.05), 0))[[0, 128, 255]]
    array([-128,    0,  127], dtype=int8)
    >>> [int(logistic_table(Quantisation(np.float32(4), 0), way)[129]) for way in LOGISTICS]
    [127, 123, 123, 123]
    """
    if way not in LOGISTICS:
        raise InputError(f"no way {way!r:.80} to a logistic table; want one of {', '.join(LOGISTICS)}")
    low, high = of.limits
    return SIGMOID.clamp(LOGISTICS[way](of.above_zero(np.arange(low, high + 1)), of.scale))


def in_fixed_point(d: Array, scale: np.float32) -> Array:
    """Integers alone: d as Q4.27, ``double``; gemmlowp's logistic function in Q0.31; eight bits of that, a tie away.

    As far from 0 as 15, the answer is 0 or 255/256. How far that is in codes is rounded down: to none at all of a scale
    from 8 on, where 0 itself becomes 0.

    Examples
    --------
    >>> in_fixed_point(np.array([-200, -1, 0, 1]), np.float32(0.1))
    array([-128,   -6,    0,    6])
    """
    real = np.float64(scale) * (1 << ARGUMENT_BITS)
    _, exponent = np.frexp(real)
    radius = int(FARTHEST * 2.0 ** (ARGUMENT_BITS - int(exponent)))
    is_near = np.abs(d) < radius
    a = double(np.where(is_near, d, 0), multiplier(real if radius else 0.0))
    of_magnitude = one_over_one_plus(exp_of_negative(-np.abs(a), whole=4))
    y = np.where(a > 0, of_magnitude, ONE - of_magnitude)
    near = shift_half_away(np.where(a == 0, 1 << 30, y), 23) + SIGMOID.zero_point
    return np.where(is_near, near, np.where(d > 0, 127, -128))


def in_float32(d: Array, scale: np.float32) -> Array:
    """exp(-x), 1 + that and 1 over that, each rounded to float32; times 256, a tie away from 0; less 128."""
    e = _exp_of_minus(d, scale)
    one = np.float32(1)
    with np.errstate(over="ignore"):  # infinity, and 1 over that is 0
        y = one / (one + e.astype(np.float32))
    return half_away(y * np.float32(256)) + SIGMOID.zero_point


def in_float64(d: Array, scale: np.float32) -> Array:
    """1 / (1 + exp(-x)) in float64, rounded to float32; times 256, less 128 in float32, a tie to the even code."""
    y = (1 / (1 + _exp_of_minus(d, scale))).astype(np.float32)
    return _even(y)


def by_rational_function(d: Array, scale: np.float32) -> Array:
    """1/2 + x * p(x²) / q(x²) in float32, by Horner's rule in fma; times 256, less 128 in float32, a tie to even."""
    x = np.clip(d.astype(np.float32) * scale, -FAR, FAR)
    odd, even = _horner(ODD, x * x) * x, _horner(EVEN, x * x)
    return _even(np.clip(odd / even + np.float32(0.5), np.float32(0), np.float32(1)))


def _exp_of_minus(d: Array, scale: np.float32) -> Array:
    """exp(-x) in float64, of x in float32."""
    with np.errstate(over="ignore"):  # infinity, and 1 over that is 0
        return np.asarray(exp(-(d.astype(np.float32) * scale).astype(np.float64)))


def _even(y: Array) -> Array:
    codes: Array = np.rint(y * np.float32(256) + np.float32(SIGMOID.zero_point)).astype(np.int64)
    return codes


def _horner(coefficients: Array, x: Array) -> Array:
    total = np.full_like(x, coefficients[0])
    for each in coefficients[1:]:
        total = fma(total, x, each)
    return np.asarray(total)


LOGISTICS: Final[dict[str, Callable[[Array, np.float32], Array]]] = {
    "fixed-point": in_fixed_point,
    "float32": in_float32,
    "float64": in_float64,
    "rational": by_rational_function,
}
