"""Integers that stand for fractions: products by the high word, and shifts to the right that round.

``p`` of 31 bits behind the point, from -1 to below 1, is the integer ``p * 2**31``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError

BITS = 31
INT32_MIN, INT32_MAX = -(1 << BITS), (1 << BITS) - 1
SMALLEST_SHIFT = -31  # a smaller multiplier counts as 0
LARGEST_SHIFT = 30  # 1 << shift is an int32


class Multiplier(NamedTuple):
    """A positive real number as ``mantissa * 2**(shift - 31)``.

    Attributes
    ----------
    mantissa
        int64, 2**30 to 2**31 - 1; or 0.
    shift
        int64; to the left where positive.
    """

    mantissa: Array
    shift: Array


def multiplier(real: Any) -> Multiplier:
    """The nearest ``Multiplier`` of numbers of float64, a tie away from 0: what a file or a chip stores.

    Examples
    --------
    >>> multiplier(0.75), multiplier(2.0**-33)
    (Multiplier(mantissa=array(1610612736), shift=array(0)), Multiplier(mantissa=array(0), shift=array(0)))
    """
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    if not (np.isfinite(fraction).all() and (fraction >= 0).all() and (exponent <= LARGEST_SHIFT).all()):
        raise InputError(f"a multiplier must be from 0 to below 2**{LARGEST_SHIFT}, a number")
    mantissa = np.floor(fraction * 2.0**BITS + 0.5).astype(np.int64)  # exact: the product is below 2**53
    full = mantissa == 1 << BITS
    mantissa = np.where(full, 1 << (BITS - 1), mantissa)
    shift = exponent.astype(np.int64) + full
    lost = shift < SMALLEST_SHIFT
    return Multiplier(np.where(lost, 0, mantissa), np.where(lost, 0, shift))


def int32(x: Array) -> Array:
    """x itself, if 32 bits hold it.

    Examples
    --------
    >>> int32(np.array([2**31]))
    Traceback (most recent call last):
    ...
    refnet.errors.InputError: 2147483648 does not fit 32 bits
    """
    if x.size and not (x.min() >= INT32_MIN and x.max() <= INT32_MAX):
        raise InputError(f"{x.max() if x.max() > INT32_MAX else x.min()} does not fit 32 bits")
    return x


def high_product(x: Any, y: Any) -> Array:
    """x * y / 2**31, a tie up, of int32; -2**31 * -2**31 alone saturates.

    Examples
    --------
    >>> high_product(np.array([1, -1, 3]), 1 << 30)
    array([1, 0, 2])
    >>> int(high_product(np.int64(-(2**31)), np.int64(-(2**31)))) == 2**31 - 1
    True
    """
    x, y = int32(np.asarray(x, np.int64)), int32(np.asarray(y, np.int64))
    result: Array = np.minimum((x * y + (1 << (BITS - 1))) >> BITS, INT32_MAX)
    return result


def shift_half_away(x: Array, bits: Any) -> Array:
    """x / 2**bits, a tie away from 0.

    Examples
    --------
    >>> shift_half_away(np.array([5, 6, -6, -5]), 2)
    array([ 1,  2, -2, -1])
    """
    magnitude = (np.abs(x) + _half(bits)) >> bits
    result: Array = np.where(x < 0, -magnitude, magnitude)
    return result


def shift_half_up(x: Array, bits: Any) -> Array:
    """x / 2**bits, a tie up.

    Examples
    --------
    >>> shift_half_up(np.array([5, 6, -6, -5]), 2)
    array([ 1,  2, -1, -1])
    """
    result: Array = (x + _half(bits)) >> bits
    return result


def _half(bits: Any) -> Array:
    """Half of 2**bits; 0 of 1, where nothing is rounded."""
    result: Array = (np.int64(1) << np.asarray(bits, np.int64)) >> 1
    return result


def half_away(x: Any) -> Array:
    """The nearest integer of floats, a tie away from 0, as int64.

    Examples
    --------
    >>> half_away(np.array([0.5, -0.5, 2.5, 0.49999999999999994]))
    array([ 1, -1,  3,  0])
    """
    whole = np.trunc(x)
    away = np.abs(x - whole) >= 0.5  # the difference is exact
    result: Array = whole.astype(np.int64) + np.where(away, np.sign(x), 0).astype(np.int64)
    return result
