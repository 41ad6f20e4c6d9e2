"""Pieces: long tensors gone through piece by piece, so that what is made of them for a moment stays small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from refnet.arrays import Array

PIECE = 1 << 16  # elements: a few arrays of them stay in the cache


def pieces(*tensors: Array) -> Iterator[tuple[Any, ...]]:
    """Go through tensors of one size together, flat: where a piece starts, and that piece of each."""
    flat = [tensor.reshape(-1) for tensor in tensors]
    for start in range(0, flat[0].size, PIECE):
        yield start, *(tensor[start : start + PIECE] for tensor in flat)


def dot(a: Array, b: Array) -> float:
    """Sum of products, in this thread alone: BLAS would wake others for each piece.

    Examples
    --------
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    return float(np.einsum("i,i", a, b))
