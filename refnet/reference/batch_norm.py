"""Batch norm: what follows the sums of every convolution."""

from __future__ import annotations

from refnet.arrays import Array
from refnet.reference.elementary import fma
from refnet.reference.numerics import fold_batch_norm


def batch_norm(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float) -> Array:
    """fma(x, scale, shift) with scale and shift of ``refnet.reference.numerics.fold_batch_norm``, per channel.

    x is [..., K]; gamma, beta, mean, variance are f32[K]. Never folded into the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1, np.float32)
    >>> batch_norm(np.full((1, 1), 5, np.float32), one, one, one, 3 * one, 1.0)
    array([[3.]], dtype=float32)
    """
    scale, shift = fold_batch_norm(gamma, beta, mean, variance, eps, x.dtype)
    result: Array = fma(x, scale, shift)
    return result
