"""Frames: a picture that fills a part of the input, with one colour around it (letterboxed, padded to a square)."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.normalisations import Scaling

LEAST = 8  # rows and columns that are left inside
NEAR = 0.01  # levels

Inner = tuple[slice, slice]


def inner_of(wanted: Array) -> Inner | None:
    """Rows and columns of an input, f64[h, w, 3], inside bars of one colour; None if there are none.

    Examples
    --------
    >>> x = np.zeros((20, 30, 3))
    >>> x[4:16] = np.arange(30 * 3).reshape(30, 3)
    >>> inner_of(x)
    (slice(4, 16, None), slice(0, 30, None))
    """
    for corner in (wanted[0, 0], wanted[-1, -1]):
        other = (wanted != corner).any(-1)
        rows, columns = (np.flatnonzero(other.any(axis)) for axis in (1, 0))
        if min(len(rows), len(columns)) >= LEAST and (len(rows), len(columns)) != other.shape:
            return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return None


def framed(wanted: Array, inner: Inner, scaling: Scaling) -> str:
    """Say where the picture lies, and what stands around it, in levels, if these are whole, and as numbers."""
    colour = wanted[0, 0] if inner[0].start or inner[1].start else wanted[-1, -1]
    levels = (colour - scaling.offset) / scaling.factor
    stands = f"{_listed(colour)} stands"
    if np.abs(levels - np.rint(levels)).max() < NEAR and ((levels > -NEAR) & (levels < 255 + NEAR)).all():
        stands = f"the level {_listed(np.rint(levels))} stands"
    places = (
        f"{noun} {part.start} to {part.stop} of {side}"
        for noun, part, side in zip(("rows", "columns"), inner, wanted.shape, strict=False)
        if part.stop - part.start < side
    )
    return f"the picture fills {' and '.join(places)} alone; around it {stands} (letterboxed, padded)"


def _listed(colour: Array) -> str:
    numbers = [f"{value:.4g}" for value in colour]
    return numbers[0] if len(set(numbers)) == 1 else f"({', '.join(numbers)})"
