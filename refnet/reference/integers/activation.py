"""Activations as tables: there are 256 codes, so a function of one number is a table of 256."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference import activation
from refnet.reference.integers.fixed_point import half_away
from refnet.reference.integers.quantisation import Quantisation

#: What a sigmoid comes out as in every engine: 0 to 255/256.
SIGMOID: Final = Quantisation(np.float32(1 / 256), -128)


def table(function: Callable[[Array], Array], of: Quantisation, to: Quantisation) -> Array:
    """The code of a function's value for each code, from the least on: computed in float64, a tie away from 0.

    Examples
    --------
    >>> entries = table(lambda x: x * x, Quantisation(np.float32(1), 0), Quantisation(np.float32(64), -128))
    >>> entries[[0, 128, 255]]
    array([ 127, -128,  124], dtype=int8)
    """
    low, high = of.limits
    x = (np.arange(low, high + 1) - of.zero_point) * np.float64(of.scale)
    return to.clamp(half_away(function(x) / np.float64(to.scale)) + to.zero_point)


def swish_table(of: Quantisation, to: Quantisation) -> Array:
    """x / (1 + exp(-x)) of each code: one rounding, where a logistic table and a product have two.

    Examples
    --------
    >>> swish_table(Quantisation(np.float32(0.05), 0), Quantisation(np.float32(0.05), -100))[[0, 128, 255]]
    array([-100, -100,   27], dtype=int8)
    """
    return table(activation.swish, of, to)


def look_up(q: Array, entries: Array) -> Array:
    """The entry of each code, int8.

    Examples
    --------
    >>> look_up(np.array([-128, 127], np.int8), np.arange(256) // 2)
    array([  0, 127])
    """
    result: Array = entries[q.astype(np.int64) + 128]
    return result
