"""fma, exp and log: the functions that NumPy does not have to the bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from refnet.compiler_lock import COMPILER_LOCK


@cache
def _ufunc(name: str) -> Callable[..., Any]:
    """Compile a scalar function into a ufunc for both formats, when it is first called; Numba is slow to import."""
    from refnet.reference import scalar

    with COMPILER_LOCK:
        return scalar.ufunc(name)


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z with a single rounding, element by element.

    Examples
    --------
    >>> import numpy as np
    >>> float(fma(np.float32(0.1), np.float32(10), np.float32(-1))) == 0.1 * 10 - 1
    False
    >>> float(fma(np.float32(0.1), np.float32(10), np.float32(-1))).hex()
    '0x1.0000000000000p-26'
    """
    return _ufunc("fma")(x, y, z)


def exp(x: Any) -> Any:
    """e**x, element by element, float32 or float64, at most 1 ulp from the truth (see tools/sweep_exp.py).

    n = round(x / ln 2) by adding and subtracting 1.5 * 2**mantissa; r = x - n ln 2 in two fma; p(r) by Horner's rule in
    fma; exp = p * 2**n. The constants are in ``refnet.reference.numerics``. NaN gives NaN; below the range 0, above
    infinity.

    Examples
    --------
    >>> import numpy as np
    >>> exp(np.array([0, 1, -1, -200], np.float32))
    array([1.        , 2.7182817 , 0.36787945, 0.        ], dtype=float32)
    """
    return _ufunc("exp")(x)


def log(x: Any) -> Any:
    """Natural logarithm, element by element, float32 or float64, of what is at least the smallest normal number.

    x = 2**n * m with m from above sqrt(1/2) to sqrt(2); f = m - 1; s = f / (f + 2); z = s * s; p(z) = 1/3 + z/5 + … by
    Horner's rule in fma; w = s + s; log = fma(n, ln2_high, fma(n, ln2_low, fma(w, z * p, w))). The constants are in
    ``refnet.reference.numerics``. Smaller numbers count as the smallest normal one; NaN and infinity stay themselves.

    Examples
    --------
    >>> import numpy as np
    >>> log(np.array([1, 2, 0.5, np.inf], np.float32))
    array([ 0.       ,  0.6931472, -0.6931472,        inf], dtype=float32)
    """
    return _ufunc("log")(x)
