"""Convolutions and dense layers: sums of products in a stated order.

A tap is one (ky, kx, ci) of a kernel. Taps are taken in ascending order, in blocks of 32: within a block
acc = +0, then acc = fma(x, w, acc) tap by tap; the blocks' sums are added in order, y = acc0, y = y + acc1, ….
The picture is surrounded by zeros (``pads``), and taps that fall on them take part like all others.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.reference.elementary import fma
from refnet.reference.numerics import TAPS_PER_BLOCK


def _surround(x: Array, pads: Pads) -> Array:
    return np.pad(x, ((0, 0), (pads.top, pads.bottom), (pads.left, pads.right), (0, 0)))


def _seen_by_tap(x: Array, ky: int, kx: int, R: int, S: int, stride: int) -> Array:
    """For each output pixel the input pixel under tap (ky, kx): [N, H, W, C] → [N, H', W', C]."""
    H, W = x.shape[1:3]
    return x[:, ky : H - R + ky + 1 : stride, kx : W - S + kx + 1 : stride]


def convolution(x: Array, kernel: Array, *, stride: int = 1, pads: Pads = NO_PADS) -> Array:
    """Convolve x [N, H, W, C] with kernel f32[R, S, C, K] → [N, H', W', K].

    Examples
    --------
    >>> x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    >>> convolution(x, np.ones((2, 2, 1, 1), np.float32))
    array([[[[6.]]]], dtype=float32)
    """
    R, S, C, _ = kernel.shape
    kernel = kernel.astype(x.dtype)
    x = _surround(x, pads)
    y: Array | None = None
    taps = list(product(range(R), range(S), range(C)))
    for first in range(0, len(taps), TAPS_PER_BLOCK):
        acc: Any = x.dtype.type(0)
        for ky, kx, ci in taps[first : first + TAPS_PER_BLOCK]:
            acc = fma(_seen_by_tap(x, ky, kx, R, S, stride)[..., ci, None], kernel[ky, kx, ci], acc)
        y = acc if y is None else y + acc
    assert y is not None
    return y


def depthwise(x: Array, kernel: Array, *, stride: int = 1, pads: Pads = NO_PADS) -> Array:
    """Convolve each channel of x [N, H, W, C] with its own kernel f32[R, S, C] → [N, H', W', C], in one chain.

    Examples
    --------
    >>> x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    >>> depthwise(x, np.ones((3, 3, 1), np.float32), pads=Pads(1, 1, 1, 1))[0, :, :, 0]
    array([[6., 6.],
           [6., 6.]], dtype=float32)
    """
    R, S, _ = kernel.shape
    kernel = kernel.astype(x.dtype)
    x = _surround(x, pads)
    acc: Any = x.dtype.type(0)
    for ky, kx in product(range(R), range(S)):
        acc = fma(_seen_by_tap(x, ky, kx, R, S, stride), kernel[ky, kx], acc)
    result: Array = acc
    return result


def dense(x: Array, kernel: Array) -> Array:
    """Multiply x [N, C] by kernel f32[C, K] → [N, K]: a convolution of one pixel.

    Examples
    --------
    >>> dense(np.ones((1, 2), np.float32), np.array([[1, 2], [3, 4]], np.float32))
    array([[4., 6.]], dtype=float32)
    """
    return convolution(x[:, None, None, :], kernel[None, None])[:, 0, 0, :]
