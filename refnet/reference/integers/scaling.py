"""The real number that a sum is multiplied by, from the scales of what went in and what comes out.

Engines divide in different formats, and a last place of the quotient changes some results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np

from refnet.arrays import Array

Format = Literal["float64", "float32"]


def in_float64(x: Any, y: Any, out: Any) -> Array:
    """x * y / out, all in float64.

    Examples
    --------
    >>> float(in_float64(np.float32(0.1), np.float32(0.3), np.float32(0.7))).hex()
    '0x1.5f15f3053978ep-5'
    """
    return np.asarray(np.float64(x) * np.float64(y) / np.float64(out))


def in_float32(x: Any, y: Any, out: Any) -> Array:
    """x * y / out, each rounded to float32, then as float64.

    Examples
    --------
    >>> float(in_float32(np.float32(0.1), np.float32(0.3), np.float32(0.7))).hex()
    '0x1.5f15f20000000p-5'
    """
    return np.asarray(np.float32(x) * np.float32(y) / np.float32(out), np.float64)


FORMATS: Final[dict[Format, Callable[[Any, Any, Any], Array]]] = {
    "float64": in_float64,
    "float32": in_float32,
}
