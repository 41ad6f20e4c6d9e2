"""Activations as tables: there are 256 codes, so a function of one number is a table of 256.

Entries are those nearest to the true value: 40 digits leave no doubt which that is.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import lru_cache
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.quantisation import Quantisation

#: What a sigmoid comes out as in every engine: 0 to 255/256.
SIGMOID: Final = Quantisation(np.float32(1 / 256), -128)

_TABLES_KEPT: Final = 1024  # of a large network, made when it is read and when it runs
# Decimal's exp is correctly rounded on every machine; half up is there what is half away from 0 elsewhere.
_DIGITS: Final = Context(prec=40, rounding=ROUND_HALF_UP)


def table(function: Callable[[Decimal], Decimal], of: Quantisation, to: Quantisation) -> Array:
    """The code of a function's value for each code, from the least on, a tie away from 0.

    Examples
    --------
    >>> entries = table(lambda x: x * x, Quantisation(np.float32(1), 0), Quantisation(np.float32(64), -128))
    >>> entries[[0, 128, 255]]
    array([ 127, -128,  124], dtype=int8)
    """
    low, high = of.limits
    scale, step = Decimal(float(of.scale)), Decimal(float(to.scale))
    with localcontext(_DIGITS):
        values = [function((q - of.zero_point) * scale) / step for q in range(low, high + 1)]
        whole = [int(min(max(value, Decimal(-512)), Decimal(512)).to_integral_value()) for value in values]
    entries = to.clamp(np.array(whole) + to.zero_point)
    entries.flags.writeable = False  # it is kept
    return entries


def _one_plus_exp_of_minus(x: Decimal) -> Decimal:
    return 1 + (-min(max(x, Decimal(-1000)), Decimal(1000))).exp()  # beyond, all are alike


@lru_cache(_TABLES_KEPT)
def swish_table(of: Quantisation, to: Quantisation) -> Array:
    """x / (1 + exp(-x)) of each code: one rounding, where a logistic table and a product have two.

    Examples
    --------
    >>> swish_table(Quantisation(np.float32(0.05), 0), Quantisation(np.float32(0.05), -100))[[0, 128, 255]]
    array([-100, -100,   27], dtype=int8)
    """
    return table(lambda x: x / _one_plus_exp_of_minus(x), of, to)


def look_up(q: Array, entries: Array) -> Array:
    """The entry of each code, int8.

    Examples
    --------
    >>> look_up(np.array([-128, 127], np.int8), np.arange(256) // 2)
    array([  0, 127])
    """
    result: Array = entries[q.astype(np.int64) + 128]
    return result
