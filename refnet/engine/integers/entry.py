"""A picture becomes codes: as ``reference.integers.quantisation.quantise``, in a fifth of the time."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.quantisation import Quantisation, Rounding

# The largest float32 below 1/2: added away from 0, it makes what is cut off behind the point a rounding, a tie away.
_NEARLY_HALF = np.nextafter(np.float32(0.5), np.float32(0))
_FAR = np.float32(1024)  # beyond any code; all that is farther is alike


def codes_of(x: Array, to: Quantisation, rounding: Rounding) -> Array:
    """Codes of finite float32 numbers; codes stay as they are.

    Examples
    --------
    >>> codes_of(np.array([1, -1, 5, 1000], np.float32), Quantisation(np.float32(2), 10), "half-away")
    array([ 11,   9,  13, 127], dtype=int8)
    """
    if x.dtype.kind in "iu":
        return x
    with np.errstate(over="ignore"):
        v = x * (np.float32(1) / to.scale) if rounding == "half-even" else x / to.scale
    np.clip(v, -_FAR, _FAR, out=v)
    if rounding == "half-away":
        v += np.copysign(_NEARLY_HALF, v)
    else:
        np.rint(v, out=v)
    whole = v.astype(np.int16)  # cuts off what is behind the point
    whole += np.int16(to.zero_point)
    return np.clip(whole, *to.limits, out=whole).astype(to.dtype)
