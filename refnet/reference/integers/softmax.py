"""Softmax: without a floating-point number, of gemmlowp's exponential and reciprocal; or by a table of exponentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.elementary import exp
from refnet.reference.integers.exponential import exp_of_negative, one_over_one_plus
from refnet.reference.integers.fixed_point import Multiplier, high_product, int32, multiplier, shift_half_away
from refnet.reference.integers.quantisation import Quantisation

ARGUMENT_BITS = 26  # Q5.26: differences from the largest, down to -32
SUM_BITS = 12  # before the point of Q12.19, which the sum of up to 4,096 exponentials fits


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
    return one_over_one_plus((total << headroom) - (1 << 31)), headroom


def softmax_by_table(x: Array, of: Quantisation) -> Array:
    """The same codes from a table of exponentials of differences, as integers whose sum 32 bits hold, without a sign.

    e = exp(-i * scale) in float64 for i from 0 to 255, of a unit that makes the sum of all at most 2**32 - 1, and the
    largest at most 2**23 - 1, a tie to the even integer; the probability is e * 256 / sum, a tie up.

    Examples
    --------
    >>> softmax_by_table(np.array([[0, 0, 0, 0]], np.int8), Quantisation(np.float32(0.1), 0))
    array([[-64, -64, -64, -64]], dtype=int8)
    """
    entries = exponentials(of, x.shape[-1])
    e = entries[x.max(axis=-1, keepdims=True).astype(np.int64) - x]
    total = e.sum(axis=-1, keepdims=True)
    return SIGMOID.clamp((e * 256 + (total >> 1)) // total + SIGMOID.zero_point)


def softmax_in_float32(x: Array, of: Quantisation) -> Array:
    """The same codes in float32, where the order counts: the sum from the first class to the last.

    e = ``float32_exponentials`` of the differences; e * (1 / (sum * (1/256))) + 1/2, each operation rounded to nearest;
    the fraction of that is dropped.

    Examples
    --------
    >>> softmax_in_float32(np.array([[0, 0, 0, 0]], np.int8), Quantisation(np.float32(0.1), 0))
    array([[-64, -64, -64, -64]], dtype=int8)
    """
    e = float32_exponentials(of)[x.max(axis=-1, keepdims=True).astype(np.int64) - x]
    total = np.add.accumulate(e, axis=-1, dtype=np.float32)[..., -1:]  # one after the other
    inverse = np.float32(1) / (total * SIGMOID.scale)
    whole = (e * inverse + np.float32(0.5)).astype(np.int64)
    return SIGMOID.clamp(whole + SIGMOID.zero_point)


def float32_exponentials(of: Quantisation) -> Array:
    """The table of ``softmax_in_float32``: exp(-scale * i), its argument and the result rounded to float32.

    Examples
    --------
    >>> float32_exponentials(Quantisation(np.float32(0.1), 0))[:3]
    array([1.       , 0.9048374, 0.8187308], dtype=float32)
    """
    return exp(-of.scale * np.arange(256, dtype=np.float32)).astype(np.float32)


def exponentials(of: Quantisation, classes: int) -> Array:
    """The table of ``softmax_by_table``: of the differences 0 to 255, for so many classes.

    Examples
    --------
    >>> exponentials(Quantisation(np.float32(0.1), 0), 1000)[:3]
    array([4294967, 3886247, 3516422])
    """
    unit = min((2**32 - 1) / classes, float(2**23 - 1))
    result: Array = np.rint(unit * exp(-np.arange(256) * np.float64(of.scale))).astype(np.int64)
    return result


SOFTMAXES: Final[dict[str, Callable[[Array, Quantisation], Array]]] = {
    "fixed-point": softmax,
    "table": softmax_by_table,
    "float32": softmax_in_float32,
}
