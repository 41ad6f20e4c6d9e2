"""Place: the few rows, columns or channels that an error lies in."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array

MOST = 0.99  # of the square error
FEW = 0.25  # of the indices of an axis
NAMED = 8  # indices that are written out
_AXES = {4: ("pictures", "rows", "columns", "channels"), 2: ("pictures", "channels")}


def place(error: Array) -> str:
    """Say in words where nearly all of an error lies, along the axis on which it is the fewest; "" if nowhere.

    Examples
    --------
    >>> error = np.zeros((1, 10, 20, 4))
    >>> error[:, :, 19] = 1
    >>> place(error)
    '99 % lies in 1 of 20 columns: 19'
    """
    best, words = FEW, ""
    square = np.square(error, dtype=np.float64)
    for axis, name in enumerate(_AXES.get(error.ndim, ())):
        by_index = square.sum(tuple(other for other in range(error.ndim) if other != axis))
        order = np.argsort(-by_index, kind="stable")
        count = int(np.searchsorted(np.cumsum(by_index[order]), MOST * by_index.sum())) + 1
        if count < best * len(order):
            best = count / len(order)
            indices = ", ".join(str(index) for index in sorted(order[:count].tolist())[:NAMED])
            more = ", …" if count > NAMED else ""
            words = f"{MOST * 100:.0f} % lies in {count} of {len(order)} {name}: {indices}{more}"
    return words
