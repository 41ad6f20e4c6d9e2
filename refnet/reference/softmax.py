"""From logits to an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.arrays import Array
from refnet.reference.elementary import exp, log


def softmax(x: Array) -> Array:
    """Probabilities of x [N, K]: e = exp(x - max); the sum of e from +0 in order; e / sum.

    Examples
    --------
    >>> softmax(np.zeros((1, 4), np.float32))
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    e = exp(x - np.max(x, axis=-1, keepdims=True))
    total: Any = x.dtype.type(0)
    for k in range(x.shape[-1]):
        total = total + e[..., k, None]
    result: Array = e / total
    return result


def log_softmax(x: Array) -> Array:
    """Logarithms of probabilities of x [N, K]: (x - max) - log(the sum of exp(x - max), from +0 in order).

    Examples
    --------
    >>> log_softmax(np.zeros((1, 4), np.float32))
    array([[-1.3862944, -1.3862944, -1.3862944, -1.3862944]], dtype=float32)
    """
    shifted = x - np.max(x, axis=-1, keepdims=True)
    e = exp(shifted)
    total: Any = x.dtype.type(0)
    for k in range(x.shape[-1]):
        total = total + e[..., k, None]
    result: Array = shifted - log(total)
    return result


def top_k(x: Array, k: int) -> npt.NDArray[np.int64]:
    """Indices of the k largest of x [N, K], largest first; a tie goes to the lower index.

    Examples
    --------
    >>> top_k(np.array([[1, 3, 3, 2]], np.float32), 2)
    array([[1, 2]])
    """
    return np.argsort(-x, axis=-1, kind="stable")[..., :k]
