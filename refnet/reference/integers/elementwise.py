"""Addition and multiplication of two tensors with scales of their own."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.fixed_point import int32, shift_half_up
from refnet.reference.integers.policy import Policy
from refnet.reference.integers.quantisation import Quantisation

HEADROOM = 20  # bits that codes are shifted to the left by before they are brought to one scale
MULTIPLIER_BITS = 20  # behind the larger multiplier's first bit


def add_rescaled(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation, to: Quantisation, policy: Policy) -> Array:
    """x + y by three requantisations: both to twice the larger scale, with 20 more bits; their sum to the output's.

    Examples
    --------
    >>> from refnet.reference.integers.policy import policy
    >>> one, two = (Quantisation(np.float32(scale), 0) for scale in (1, 2))
    >>> add_rescaled(np.array([3, -3], np.int8), np.array([1, 0], np.int8), one, two, two, policy("double"))
    array([ 3, -2], dtype=int8)
    """
    twice = 2 * np.float64(max(of_x.scale, of_y.scale))

    def raised(q: Array, by: Quantisation) -> Array:
        return policy(by.above_zero(q) << HEADROOM, np.float64(by.scale) / twice)

    total = raised(x, of_x) + raised(y, of_y)
    return to.clamp(policy(total, twice / ((1 << HEADROOM) * np.float64(to.scale))) + to.zero_point)


def add_weighted(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> Array:
    """x + y by one rounding: integer weights A and B for the scales, (a * A + b * B) / 2**shift with a tie up.

    The larger of scale_x / scale_out and scale_y / scale_out, float32, decides the shift: its weight has 21 bits.

    Examples
    --------
    >>> one, two = (Quantisation(np.float32(scale), 0) for scale in (1, 2))
    >>> add_weighted(np.array([3, -3], np.int8), np.array([1, 0], np.int8), one, two, two)
    array([ 3, -1], dtype=int8)
    """
    ratios = np.array([of_x.scale, of_y.scale], np.float32) / np.float32(to.scale)
    _, exponent = np.frexp(ratios.max())
    shift = MULTIPLIER_BITS + 1 - int(exponent)
    A, B = np.rint(np.ldexp(ratios, shift)).astype(np.int64)
    total = int32(of_x.above_zero(x) * A + of_y.above_zero(y) * B)
    return to.clamp(shift_half_up(total, shift) + to.zero_point)


def products(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation) -> Array:
    """Products of codes less their zero points: exact, to be rescaled as the sums of a convolution are.

    Examples
    --------
    >>> products(np.array([4], np.int8), np.array([2], np.int8), *[Quantisation(np.float32(1), -1)] * 2)
    array([15])
    """
    return of_x.above_zero(x) * of_y.above_zero(y)
