"""One number of each channel of a picture, from codes."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.fixed_point import SMALLEST_SHIFT, Multiplier, int32, multiplier
from refnet.reference.integers.policy import Policy
from refnet.reference.integers.quantisation import Quantisation

MOST_BITS = 32  # that a multiplier is shifted by, before it is divided


def total(x: Array, of: Quantisation) -> Array:
    """Sum of codes x [N, H, W, C], less their zero point, over the picture → [N, C]; exact in any order.

    Examples
    --------
    >>> total(np.array([1, 2, 3, 4], np.int8).reshape(1, 2, 2, 1), Quantisation(np.float32(1), 1))
    array([[6]])
    """
    return int32(of.above_zero(x).sum(axis=(1, 2)))


def divided(by: Multiplier, count: int) -> Multiplier:
    """A multiplier over the number of pixels; the quotient loses its fraction, whatever that is.

    The mantissa is first shifted to the left by as many bits as the count has behind its first.

    Examples
    --------
    >>> divided(multiplier(0.75), 3)
    Multiplier(mantissa=array(1073741824), shift=array(-1))
    """
    bits = np.minimum(min(count.bit_length() - 1, MOST_BITS), by.shift - SMALLEST_SHIFT)
    return Multiplier(np.asarray((by.mantissa << bits) // count), np.asarray(by.shift - bits))


def mean_divided(x: Array, of: Quantisation, to: Quantisation, policy: Policy) -> Array:
    """Global mean, its sum requantised by a multiplier ``divided`` by the number of pixels: a policy of fixed point.

    Examples
    --------
    >>> from refnet.reference.integers.policy import policy
    >>> q = Quantisation(np.float32(1), 0)
    >>> mean_divided(np.array([1, 2, 3, 4], np.int8).reshape(1, 2, 2, 1), q, q, policy("double"))
    array([[3]], dtype=int8)
    """
    H, W = x.shape[1:3]
    return to.clamp(policy.apply(total(x, of), mean_multiplier(of, to, H * W)) + to.zero_point)


def mean_multiplier(of: Quantisation, to: Quantisation, count: int) -> Multiplier:
    """What ``mean_divided`` multiplies a sum of so many codes by."""
    return divided(multiplier(np.float64(of.scale) / np.float64(to.scale)), count)


def mean_in_float32(x: Array, of: Quantisation, to: Quantisation) -> Array:
    """Global mean in float32, a tie to the even code: ``sum * s + b``, each operation rounded to nearest.

    ``mean_factors`` gives s and b. The sum is of codes as they are, so that their zero point is within b.

    Examples
    --------
    >>> q = Quantisation(np.float32(1), 0)
    >>> mean_in_float32(np.array([1, 2, 3, 4], np.int8).reshape(1, 2, 2, 1), q, q)
    array([[2]], dtype=int8)
    """
    s, b = mean_factors(of, to, x.shape[1] * x.shape[2])
    sums = int32(x.astype(np.int64).sum(axis=(1, 2))).astype(np.float32)
    return to.clamp(np.rint(sums * s + b))


def mean_factors(of: Quantisation, to: Quantisation, count: int) -> Array:
    """s = (scale_x / scale_out) * (1 / count) and b = zero_point_out - (count * zero_point_x) * s, float32[2].

    Examples
    --------
    >>> mean_factors(Quantisation(np.float32(1), 4), Quantisation(np.float32(2), 0), 2)
    array([ 0.25, -2.  ], dtype=float32)
    """
    n = np.float32(count)
    s = (of.scale / to.scale) * (np.float32(1) / n)
    return np.array([s, np.float32(to.zero_point) - (n * np.float32(of.zero_point)) * s], np.float32)


def mean_rescaled(x: Array, of: Quantisation, to: Quantisation) -> Array:
    """Global mean: its sum, less the zero points, as float32 times ``mean_factor``, a tie to the even integer.

    Examples
    --------
    >>> q = Quantisation(np.float32(1), 0)
    >>> mean_rescaled(np.array([1, 2, 3, 4], np.int8).reshape(1, 2, 2, 1), q, q)
    array([[2]], dtype=int8)
    """
    by = mean_factor(of, to, x.shape[1] * x.shape[2])
    return to.clamp(np.rint(total(x, of).astype(np.float32) * by) + to.zero_point)


def mean_factor(of: Quantisation, to: Quantisation, count: int) -> np.float32:
    """scale_x / (scale_out * count), each rounded to float32.

    Examples
    --------
    >>> mean_factor(Quantisation(np.float32(1), 4), Quantisation(np.float32(2), 0), 2)
    np.float32(0.25)
    """
    return np.float32(of.scale / (to.scale * np.float32(count)))


def average_pool(x: Array) -> Array:
    """Global mean of codes x [N, H, W, C] → [N, C] of the same scale and zero point, a tie away from 0.

    Examples
    --------
    >>> average_pool(np.array([1, 2, -1, -2], np.int8).reshape(1, 1, 2, 2).transpose(0, 1, 3, 2))
    array([[ 2, -2]], dtype=int8)
    """
    H, W = x.shape[1:3]
    sums = x.astype(np.int64).sum(axis=(1, 2))
    magnitude = (np.abs(sums) + H * W // 2) // (H * W)
    result: Array = np.where(sums < 0, -magnitude, magnitude).astype(x.dtype)
    return result
