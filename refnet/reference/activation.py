"""Activations: sigmoid, swish, ReLU6, ReLU, tanh. ``dtype`` is float32 or float64 throughout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refnet.arrays import Array
from refnet.reference.elementary import exp
from refnet.reference.numerics import EXP


def _one_plus_exp_of_minus(x: Array) -> Array:
    bound = x.dtype.type(EXP[x.dtype.name].sigmoid_bound)
    z = -x
    z = np.where(z < -bound, -bound, z)
    z = np.where(z > bound, bound, z)
    result: Array = x.dtype.type(1) + exp(z)
    return result


def sigmoid(x: Array) -> Array:
    """1 / d with d = 1 + exp(clamp(-x)): one IEEE division.

    Examples
    --------
    >>> sigmoid(np.array([0, 100], np.float32))
    array([0.5, 1. ], dtype=float32)
    """
    result: Array = x.dtype.type(1) / _one_plus_exp_of_minus(x)
    return result


def swish(x: Array) -> Array:
    """x / d with d = 1 + exp(clamp(-x)): one rounding less than x * sigmoid(x).

    Examples
    --------
    >>> swish(np.array([0, 1, -1], np.float32))
    array([ 0.        ,  0.7310586 , -0.26894143], dtype=float32)
    """
    result: Array = x / _one_plus_exp_of_minus(x)
    return result


def relu6(x: Array) -> Array:
    """0 where x < 0, 6 where x > 6, else x: a zero keeps its sign, NaN stays NaN.

    Examples
    --------
    >>> relu6(np.array([-1, 3, 7], np.float32))
    array([0., 3., 6.], dtype=float32)
    """
    zero, six = x.dtype.type(0), x.dtype.type(6)
    x = np.where(x < zero, zero, x)
    return np.where(x > six, six, x)


def relu(x: Array) -> Array:
    """0 where x < 0, else x: a zero keeps its sign, NaN stays NaN.

    Examples
    --------
    >>> relu(np.array([-1, 3, 7], np.float32))
    array([0., 3., 7.], dtype=float32)
    """
    return np.where(x < x.dtype.type(0), x.dtype.type(0), x)


def tanh(x: Array) -> Array:
    """2 / d - 1 with d = 1 + exp(clamp(-2 x)): right to a few units of the last place of 1, also near 0.

    Examples
    --------
    >>> tanh(np.array([0, 100, -100], np.float32))
    array([ 0.,  1., -1.], dtype=float32)
    """
    result: Array = x.dtype.type(2) / _one_plus_exp_of_minus(x + x) - x.dtype.type(1)
    return result


#: Activations by the names that a plan gives them.
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": sigmoid,
    "swish": swish,
    "relu6": relu6,
    "relu": relu,
    "tanh": tanh,
}
