"""Pooling: the mean over a picture, in squeeze-excite and before the classifier."""

from __future__ import annotations

from typing import Any

from refnet.arrays import Array


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
