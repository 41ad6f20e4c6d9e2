"""exp and fma for the few numbers that tables and scales take, exactly rounded without a compiler: it takes seconds."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import numpy as np

from refnet.arrays import Array

_DIGITS = Context(prec=40)  # Decimal's exp is correctly rounded, on every machine
_FARTHEST = 1000  # beyond, float64 has 0 and infinity


def exp(x: Any) -> Array:
    """e**x, float64 to nearest, element by element.

    Examples
    --------
    >>> exp(np.array([0.0, 1, -2000, 2000]))
    array([1.        , 2.71828183, 0.        ,        inf])
    """
    x = np.asarray(x, np.float64)
    flat = (Decimal(float(each)) for each in np.clip(x, -_FARTHEST, _FARTHEST).ravel())
    return np.array([float(_DIGITS.exp(each)) for each in flat]).reshape(x.shape)


def fma(x: Any, y: Any, z: Any) -> Array:
    """x * y + z of float32, rounded once.

    The product is exact in float64. Where the sum is not, it is made odd: the nearest float32 of that is the one of the
    true sum (Boldo and Melquiond, 2008).

    Examples
    --------
    >>> float(fma(np.float32(0.1), np.float32(10), np.float32(-1))).hex()
    '0x1.0000000000000p-26'
    """
    product, z = np.float64(x) * np.float64(y), np.asarray(z, np.float64)
    total = np.asarray(product + z)
    part = total - product
    missing = (product - (total - part)) + (z - part)  # what the sum lacks, exact
    even = (total.view(np.int64) & 1) == 0
    towards = np.where(missing > 0, np.inf, -np.inf)
    odd = np.where((missing != 0) & even, np.nextafter(total, towards), total)
    return np.asarray(odd.astype(np.float32))
