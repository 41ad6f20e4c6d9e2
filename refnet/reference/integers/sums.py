"""Sums of products: what convolutions and dense layers add up before anything is rounded.

Taps outside of the picture count 0, which is the code ``zero_point`` there. The sums are int32 in every engine:
``bounds`` shows for a network that they fit.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.reference.integers.fixed_point import int32


def convolution(
    x: Array, kernel: Array, bias: Array, *, zero_point: int, stride: int = 1, pads: Pads = NO_PADS
) -> Array:
    """Sums of codes x [N, H, W, C], less their zero point, times kernel i8[R, S, C, K]; plus bias i32[K].

    Examples
    --------
    >>> x = np.arange(4, dtype=np.int8).reshape(1, 2, 2, 1)
    >>> convolution(x, np.full((2, 2, 1, 1), 3, np.int8), np.array([100], np.int32), zero_point=-1)
    array([[[[130]]]])
    """
    R, S, _, _ = kernel.shape
    x = _surround(x, zero_point, pads)
    total = bias.astype(np.int64)
    for ky, kx in product(range(R), range(S)):
        # Whole numbers in float64: each partial sum is below 2**53, so it is exact in any order.
        total = total + (_seen_by_tap(x, ky, kx, R, S, stride) @ kernel[ky, kx].astype(np.float64)).astype(np.int64)
    return int32(total)


def depthwise(x: Array, kernel: Array, bias: Array, *, zero_point: int, stride: int = 1, pads: Pads = NO_PADS) -> Array:
    """Sums for each channel of codes x [N, H, W, C] with its own kernel i8[R, S, C]; plus bias i32[C].

    Examples
    --------
    >>> x = np.zeros((1, 1, 1, 1), np.int8)
    >>> depthwise(x, np.ones((3, 3, 1), np.int8), np.array([0], np.int32), zero_point=-5, pads=Pads(1, 1, 1, 1))
    array([[[[5]]]])
    """
    R, S, _ = kernel.shape
    x = _surround(x, zero_point, pads)
    total = bias.astype(np.int64)
    for ky, kx in product(range(R), range(S)):
        total = total + (_seen_by_tap(x, ky, kx, R, S, stride) * kernel[ky, kx]).astype(np.int64)
    return int32(total)


def dense(x: Array, kernel: Array, bias: Array, *, zero_point: int) -> Array:
    """Sums of codes x [N, C], less their zero point, times kernel i8[C, K]; plus bias i32[K].

    Examples
    --------
    >>> dense(np.array([[1, 2]], np.int8), np.eye(2, dtype=np.int8), np.array([0, 10], np.int32), zero_point=1)
    array([[ 0, 11]])
    """
    return convolution(x[:, None, None, :], kernel[None, None], bias, zero_point=zero_point)[:, 0, 0, :]


def _surround(x: Array, zero_point: int, pads: Pads) -> Array:
    """The picture less its zero point, in float64, with zeros around it."""
    around = ((0, 0), (pads.top, pads.bottom), (pads.left, pads.right), (0, 0))
    return np.pad(x.astype(np.float64) - zero_point, around)


def _seen_by_tap(x: Array, ky: int, kx: int, R: int, S: int, stride: int) -> Array:
    """For each output pixel the input pixel under tap (ky, kx): [N, H, W, C] → [N, H', W', C]."""
    H, W = x.shape[1:3]
    return x[:, ky : H - R + ky + 1 : stride, kx : W - S + kx + 1 : stride]
