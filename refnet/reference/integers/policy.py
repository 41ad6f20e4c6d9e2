"""Requantisation: how a sum of 32 bits times a real number becomes an integer. Each way is a policy, by its name.

A policy prepares the real number once, to what a file or a chip stores of it, and applies that to sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.fixed_point import (
    BITS,
    Multiplier,
    half_away,
    high_product,
    int32,
    multiplier,
    shift_half_away,
    shift_half_up,
)


def _left_then_high(total: Array, by: Multiplier) -> Array:
    """The first of two roundings: the product's high word, of a sum shifted to the left where that is due."""
    return high_product(int32(total << np.maximum(by.shift, 0)), by.mantissa)


def double(total: Array, by: Multiplier) -> Array:
    """Two roundings: the product's high word, a tie up; then the shift, a tie away from 0.

    Examples
    --------
    >>> double(np.array([3, 1, -1, -3]), multiplier(0.5))
    array([ 2,  1,  0, -1])
    >>> double(np.array([6, 2, -2, -6]), multiplier(0.25))
    array([ 2,  1, -1, -2])
    """
    return shift_half_away(_left_then_high(total, by), np.maximum(-by.shift, 0))


def double_up(total: Array, by: Multiplier) -> Array:
    """Two roundings, both with a tie up.

    Examples
    --------
    >>> double_up(np.array([6, 2, -2, -6]), multiplier(0.25))
    array([ 2,  1,  0, -1])
    """
    return shift_half_up(_left_then_high(total, by), np.maximum(-by.shift, 0))


def single(total: Array, by: Multiplier) -> Array:
    """One rounding of the whole product, a tie up.

    Examples
    --------
    >>> single(np.array([6, 2, -2, -6]), multiplier(0.25))
    array([ 2,  1,  0, -1])
    """
    return shift_half_up(int32(total) * by.mantissa, BITS - by.shift)


def truncate(total: Array, by: Multiplier) -> Array:
    """No rounding: the bits behind the point are dropped, so that all results tend down.

    Examples
    --------
    >>> truncate(np.array([7, 4, -1, -7]), multiplier(0.25))
    array([ 1,  1, -1, -2])
    """
    result: Array = (int32(total) * by.mantissa) >> (BITS - by.shift)
    return result


def power_of_two(total: Array, shift: Array) -> Array:
    """A shift alone, a tie up.

    Examples
    --------
    >>> power_of_two(np.array([6, 2, -2, -6]), np.array(-2))
    array([ 2,  1,  0, -1])
    """
    return shift_half_up(int32(total) << np.maximum(shift, 0), np.maximum(-shift, 0))


def fp32_even(total: Array, by: Array, offset: np.float32 | int = 0) -> Array:
    """The sum as float32, times a float32, each rounded to nearest; then to an integer, a tie to the even one.

    An ``offset`` of float32 is added before the last rounding.

    Examples
    --------
    >>> fp32_even(np.array([6, 2, -2, -6]), np.float32(0.25))
    array([ 2,  0,  0, -2])
    """
    product: Array = int32(total).astype(np.float32) * by
    return np.rint(product + offset).astype(np.int64)


def double_float(total: Array, by: Array) -> Array:
    """The sum times a float64, rounded to nearest; then to an integer, a tie away from 0.

    Examples
    --------
    >>> double_float(np.array([6, 2, -2, -6]), np.float64(0.25))
    array([ 2,  1, -1, -2])
    """
    return half_away(int32(total).astype(np.float64) * by)


class Ratio(NamedTuple):
    """A real number as a fraction of Python's integers, which have no end."""

    numerator: Array
    denominator: Array


def exact(total: Array, by: Ratio) -> Array:
    """One rounding of the product as it is in mathematics, a tie away from 0.

    Examples
    --------
    >>> policy("exact")(np.array([6, 2, -2, -6]), 0.25)
    array([ 2,  1, -1, -2])
    """
    magnitude = np.abs(int32(total)).astype(object) * by.numerator
    nearest = ((2 * magnitude + by.denominator) // (2 * by.denominator)).astype(np.int64)
    result: Array = np.where(total < 0, -nearest, nearest)
    return result


def _exponent(real: Array) -> Array:
    fraction, exponent = np.frexp(real)
    odd = np.ravel(real)[np.ravel(fraction != 0.5)]
    if odd.size:
        raise InputError(f"a multiplier of {odd[0]} is no power of two, which the policy power-of-two asks for")
    result: Array = exponent.astype(np.int64) - 1
    return result


def _ratio(real: Array) -> Ratio:
    split: Any = np.frompyfunc(float.as_integer_ratio, 1, 2)
    return Ratio(*(np.asarray(part, object) for part in split(real)))


@dataclass(frozen=True)
class Policy:
    """One way to requantise.

    Attributes
    ----------
    name
        As files and messages have it.
    prepare
        From a real number, float64, to what is stored of it.
    apply
        From sums, int64 that 32 bits hold, and what is stored, to integers of int64.
    """

    name: str
    prepare: Callable[[Array], Any]
    apply: Callable[[Array, Any], Array]

    @property
    def is_fixed_point(self) -> bool:
        """Whether what is stored is a ``Multiplier``."""
        return self.prepare is multiplier

    def __call__(self, total: Array, real: Any) -> Array:
        """Integers nearest to ``total * real``, by this policy."""
        return self.apply(total, self.prepare(np.asarray(real, np.float64)))


POLICIES: Final[dict[str, Policy]] = {
    each.name: each
    for each in (
        Policy("double", multiplier, double),
        Policy("double-up", multiplier, double_up),
        Policy("single", multiplier, single),
        Policy("fp32-even", lambda real: real.astype(np.float32), fp32_even),
        Policy("double-float", lambda real: real, double_float),
        Policy("exact", _ratio, exact),
        Policy("truncate", multiplier, truncate),
        Policy("power-of-two", _exponent, power_of_two),
    )
}


def policy(name: str) -> Policy:
    """One of ``POLICIES``.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> policy("single")(np.array([5, -5]), 0.5)
    array([ 3, -2])
    """
    if name not in POLICIES:
        raise InputError(f"no policy {name!r:.80} of requantisation; want one of {', '.join(POLICIES)}")
    return POLICIES[name]
