"""Activations: the network's own, and those that ports have in their place. Fast; no bits are promised."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refnet.arrays import Array

Activation = Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)).

    Examples
    --------
    >>> sigmoid(np.zeros(1)).tolist()
    [0.5]
    """
    result: Array = 1 / (1 + np.exp(-x))
    return result


def _clip(x: Array, low: float, high: float) -> Array:
    clipped: Array = np.clip(x, low, high)
    return clipped


def _hard_sigmoid(x: Array) -> Array:
    y: Array = _clip(x + 3, 0, 6) / 6
    return y


def _hard_sigmoid_of_keras(x: Array) -> Array:
    """The definition of Keras before version 3, and of ONNX."""
    return _clip(0.2 * x + 0.5, 0, 1)


def _softsign_sigmoid(x: Array) -> Array:
    y: Array = 0.5 + 0.5 * x / (1 + np.abs(x))
    return y


def _rational_sigmoid(x: Array) -> Array:
    """By the Padé approximant of tanh: tanh(y) = y (27 + y²) / (27 + 9 y²) for |y| < 3."""
    y = _clip(x / 2, -3, 3)
    s: Array = 0.5 + 0.5 * y * (27 + y * y) / (27 + 9 * y * y)
    return s


def _plan_sigmoid(x: Array) -> Array:
    """Piecewise linear. Source: Amin, Curtis, Hayes-Gill, 1997, "Piecewise linear approximation …" (PLAN)."""
    a = np.abs(x)
    y = np.select(
        [a < 1, a < 2.375, a < 5], [0.25 * a + 0.5, 0.125 * a + 0.625, 0.03125 * a + 0.84375], default=np.ones_like(a)
    )
    return np.where(x < 0, 1 - y, y)


def _gelu_by_tanh(x: Array) -> Array:
    result: Array = 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))
    return result


SIGMOIDS: dict[str, Activation] = {
    "sigmoid": sigmoid,
    "hard sigmoid": _hard_sigmoid,
    "hard sigmoid of Keras": _hard_sigmoid_of_keras,
    "sigmoid by x / (1 + |x|)": _softsign_sigmoid,
    "sigmoid by a rational tanh": _rational_sigmoid,
    "sigmoid in straight pieces": _plan_sigmoid,
}


def _times(gate: Activation) -> Activation:
    return lambda x: x * gate(x)


ACTIVATIONS: dict[str, Activation] = {
    "relu": lambda x: np.maximum(x, 0),
    "none": lambda x: x,
    "relu6": lambda x: _clip(x, 0, 6),
    "swish": _times(sigmoid),
    "hard swish": _times(_hard_sigmoid),
    **SIGMOIDS,
    "hard swish of Keras": _times(_hard_sigmoid_of_keras),
    "swish by x / (1 + |x|)": _times(_softsign_sigmoid),
    "swish by a rational tanh": _times(_rational_sigmoid),
    "swish in straight pieces": _times(_plan_sigmoid),
    "swish with sigmoid(1.702 x)": lambda x: x * sigmoid(1.702 * x),
    "swish with sigmoid(-x)": lambda x: x * sigmoid(-x),
    "swish, twice": lambda x: ACTIVATIONS["swish"](ACTIVATIONS["swish"](x)),
    "sigmoid, twice": lambda x: sigmoid(sigmoid(x)),
    "gelu": _gelu_by_tanh,
    "tanh": np.tanh,
    "leaky relu of 0.01": lambda x: np.where(x < 0, x * x.dtype.type(0.01), x),
    "leaky relu of 0.1": lambda x: np.where(x < 0, x * x.dtype.type(0.1), x),
    "leaky relu of 0.2": lambda x: np.where(x < 0, x * x.dtype.type(0.2), x),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
}
#: What some of them are.
FORMULAS = {
    "hard sigmoid": "min(max(x + 3, 0), 6) / 6",
    "hard swish": "x min(max(x + 3, 0), 6) / 6",
    "hard sigmoid of Keras": "min(max(0.2 x + 0.5, 0), 1)",
    "hard swish of Keras": "x min(max(0.2 x + 0.5, 0), 1)",
}
