"""Pooling: one number of each channel of a picture, in squeeze-excite and before the classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.reference.elementary import exp, log
from refnet.reference.numerics import GEM_FLOOR


def mean(x: Array) -> Array:
    """Global mean of x [N, H, W, C] → [N, C], per channel.

    Each row is summed from the left, the rows' sums from the top, both from +0; then one division by H * W.

    Examples
    --------
    >>> import numpy as np
    >>> mean(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[1.5]], dtype=float32)
    """
    H, W = x.shape[1:3]
    total: Any = x.dtype.type(0)
    for h in range(H):
        row: Any = x.dtype.type(0)
        for w in range(W):
            row = row + x[:, h, w]
        total = total + row
    result: Array = total / x.dtype.type(H * W)
    return result


def max(x: Array) -> Array:  # a step's operation is called like its function
    """Largest of x [N, H, W, C] → [N, C], per channel; NaN if one is NaN.

    Examples
    --------
    >>> max(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[3.]], dtype=float32)
    """
    pixels = x.reshape(len(x), -1, x.shape[-1])
    largest = pixels[:, 0]
    for i in range(1, pixels.shape[1]):
        larger = (pixels[:, i] > largest) | np.isnan(pixels[:, i])
        largest = np.where(larger, pixels[:, i], largest)
    return largest


def gem(x: Array, p: Array) -> Array:
    """Generalised mean of x [N, H, W, C] → [N, C], per channel; p is f32[1].

    z = p * log(the larger of x and 1e-6); y = ``mean`` of exp(z); exp(log(y) / p).
    Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018.

    Examples
    --------
    >>> gem(np.array([1, 2], np.float32).reshape(1, 1, 2, 1), np.array([1], np.float32))
    array([[1.5]], dtype=float32)
    """
    power, floor = p.astype(x.dtype)[0], x.dtype.type(GEM_FLOOR)
    raised = np.where(x < floor, floor, x)
    y = mean(exp(power * log(raised)))
    result: Array = exp(log(y) / power)
    return result
