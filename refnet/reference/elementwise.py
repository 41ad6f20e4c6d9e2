"""One product or one sum per element: bias after a dense layer, excite, and the residual connection."""

from __future__ import annotations

from refnet.arrays import Array


def bias(x: Array, b: Array) -> Array:
    """x + b, per channel: x is [..., K], b is f32[K].

    Examples
    --------
    >>> import numpy as np
    >>> bias(np.ones((1, 2), np.float32), np.array([1, 2], np.float32))
    array([[2., 3.]], dtype=float32)
    """
    result: Array = x + b.astype(x.dtype)
    return result


def excite(x: Array, gate: Array) -> Array:
    """x * gate, per picture and channel: x is [N, H, W, C], gate is [N, C].

    Examples
    --------
    >>> import numpy as np
    >>> excite(np.ones((1, 1, 1, 2), np.float32), np.array([[0.5, 2]], np.float32))
    array([[[[0.5, 2. ]]]], dtype=float32)
    """
    result: Array = x * gate[:, None, None, :]
    return result


def add(x: Array, y: Array) -> Array:
    """x + y, of one shape: the residual connection.

    Examples
    --------
    >>> import numpy as np
    >>> add(np.array([1, -0.0], np.float32), np.array([2, -0.0], np.float32))
    array([ 3., -0.], dtype=float32)
    """
    result: Array = x + y
    return result
