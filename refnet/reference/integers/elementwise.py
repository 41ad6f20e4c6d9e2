"""Addition and multiplication of two tensors with scales of their own."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.elementary import fma
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
    by_x, by_y, by_total = add_reals(of_x, of_y, to)
    total = policy(of_x.above_zero(x) << HEADROOM, by_x) + policy(of_y.above_zero(y) << HEADROOM, by_y)
    return to.clamp(policy(total, by_total) + to.zero_point)


def add_reals(of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> Array:
    """What ``add_rescaled`` multiplies x, y and their sum by, float64[3].

    Examples
    --------
    >>> add_reals(*(Quantisation(np.float32(scale), 0) for scale in (1, 2, 2))) * [1, 1, 2**20]
    array([0.25, 0.5 , 2.  ])
    """
    twice = 2 * np.float64(max(of_x.scale, of_y.scale))
    raised = np.float64(1 << HEADROOM)
    return np.array([of_x.scale / twice, of_y.scale / twice, twice / (raised * np.float64(to.scale))])


def add_weighted(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> Array:
    """x + y by one rounding: integer weights A and B for the scales, (a * A + b * B) / 2**shift with a tie up.

    ``add_weights`` gives A, B and the shift.

    Examples
    --------
    >>> one, two = (Quantisation(np.float32(scale), 0) for scale in (1, 2))
    >>> add_weighted(np.array([3, -3], np.int8), np.array([1, 0], np.int8), one, two, two)
    array([ 3, -1], dtype=int8)
    """
    A, B, shift = add_weights(of_x, of_y, to)
    total = int32(of_x.above_zero(x) * A + of_y.above_zero(y) * B)
    return to.clamp(shift_half_up(total, shift) + to.zero_point)


def add_weights(of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> tuple[int, int, int]:
    """Weights A and B of x and y, and the shift: the larger of their scales / scale_out, float32, gets 21 bits.

    Examples
    --------
    >>> add_weights(*(Quantisation(np.float32(scale), 0) for scale in (1, 2, 2)))
    (524288, 1048576, 20)
    """
    ratios = np.array([of_x.scale, of_y.scale], np.float32) / np.float32(to.scale)
    if not np.isfinite(ratios).all():
        raise InputError(f"scales of {of_x.scale}, {of_y.scale} and {to.scale} are too far apart to be added")
    _, exponent = np.frexp(ratios.max())
    shift = MULTIPLIER_BITS + 1 - int(exponent)
    A, B = np.rint(np.ldexp(ratios, shift))
    return int(A), int(B), shift


def add_fused(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> Array:
    """x + y by one rounding to an integer, a tie to the even one: ``fma(x, a, fma(y, b, c))`` of codes in float32.

    ``add_factors`` gives a, b and c, which holds the zero points.

    Examples
    --------
    >>> one, two = (Quantisation(np.float32(scale), 0) for scale in (1, 2))
    >>> add_fused(np.array([3, -3], np.int8), np.array([1, 0], np.int8), one, two, two)
    array([ 2, -2], dtype=int8)
    """
    a, b, c = add_factors(of_x, of_y, to)
    return to.clamp(np.rint(fma(x.astype(np.float32), a, fma(y.astype(np.float32), b, c))))


def add_factors(of_x: Quantisation, of_y: Quantisation, to: Quantisation) -> Array:
    """a = scale_x / scale_out, b = scale_y / scale_out, c = zero_out - fma(a, zero_x, b * zero_y), float32[3].

    Examples
    --------
    >>> add_factors(*(Quantisation(np.float32(scale), 4) for scale in (1, 2, 2)))
    array([ 0.5,  1. , -2. ], dtype=float32)
    """
    a, b = (np.float32(of.scale / to.scale) for of in (of_x, of_y))
    zero_x, zero_y, zero_out = (np.float32(each.zero_point) for each in (of_x, of_y, to))
    return np.array([a, b, zero_out - fma(a, zero_x, b * zero_y)], np.float32)


def products(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation) -> Array:
    """Products of codes less their zero points: exact, to be rescaled as the sums of a convolution are.

    Examples
    --------
    >>> products(np.array([4], np.int8), np.array([2], np.int8), *[Quantisation(np.float32(1), -1)] * 2)
    array([15])
    """
    return of_x.above_zero(x) * of_y.above_zero(y)
