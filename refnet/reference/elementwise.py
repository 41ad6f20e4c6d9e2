"""At most one operation per element: bias, excite, the residual connection, division, two vectors as one."""

from __future__ import annotations

import numpy as np

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


def divide(x: Array, divisor: float) -> Array:
    """x / divisor, the divisor rounded to the dtype of x first.

    Examples
    --------
    >>> divide(np.array([1, 3], np.float32), 2.0)
    array([0.5, 1.5], dtype=float32)
    """
    result: Array = x / x.dtype.type(divisor)
    return result


def concatenate(x: Array, y: Array) -> Array:
    """x [N, C] and y [N, C], one behind the other → [N, 2 C].

    Examples
    --------
    >>> concatenate(np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32))
    array([[1., 1., 0., 0.]], dtype=float32)
    """
    return np.concatenate([x, y], axis=-1)


def identity(x: Array) -> Array:
    """x itself: for a step that is an activation and nothing else.

    Examples
    --------
    >>> identity(np.array([-0.0], np.float32))
    array([-0.], dtype=float32)
    """
    return x
