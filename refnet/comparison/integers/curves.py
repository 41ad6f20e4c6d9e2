"""Curves: the functions that a table of 256 codes may hold, and ways to round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference import activation
from refnet.reference.integers.fixed_point import half_away

Rounding = Callable[[Array], Array]


def rounded_away(x: Array) -> Array:
    """To the nearest integer, a tie away from 0."""
    return half_away(x)


#: Ways from a real number to an integer, in words.
ROUNDINGS: Final[dict[str, tuple[Rounding, str]]] = {
    "half-away": (rounded_away, "to nearest with a tie away from 0"),
    "half-even": (lambda x: np.rint(x).astype(np.int64), "to nearest with a tie to even"),
    "half-up": (lambda x: np.floor(x + 0.5).astype(np.int64), "to nearest with a tie up"),
    "toward-zero": (lambda x: np.trunc(x).astype(np.int64), "toward 0, as a cast to an integer does"),
    "down": (lambda x: np.floor(x).astype(np.int64), "down"),
    "up": (lambda x: np.ceil(x).astype(np.int64), "up"),
}


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


CURVES: Final[dict[str, Callable[[Array], Array]]] = {
    "logistic": activation.sigmoid,
    "swish": activation.swish,
    "hard sigmoid": _hard_sigmoid,
    "hard swish": lambda x: x * _hard_sigmoid(x),
    "tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "no function at all": lambda x: x,
    "x sigmoid(1.702 x)": lambda x: x * activation.sigmoid(1.702 * x),
}
