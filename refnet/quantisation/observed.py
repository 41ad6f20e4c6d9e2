"""What calibration sees of a tensor: its least and largest number, and how often each kind of number comes.

The result is the same on every machine, in whatever order pictures come: numbers are counted by their first bits, and
counts are whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from refnet.arrays import Array

MANTISSA_BITS = 8  # that tell bins apart: each is 1/256 of a power of two wide
_DROPPED = 23 - MANTISSA_BITS
_EXPONENTS = 32  # numbers below 2**-32 count as 0, those from 2**32 on as the last ones below
_FIRST = (127 - _EXPONENTS) << MANTISSA_BITS
BINS = (2 * _EXPONENTS << MANTISSA_BITS) + 1  # of one sign, the first one that of 0


def _bins(x: Array) -> Array:
    """The bin of each number, that of 0 in the middle, the least numbers first."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).ravel()
    magnitude = ((bits & 0x7FFFFFFF) >> _DROPPED).astype(np.int64) - (_FIRST - 1)
    magnitude = np.clip(magnitude, 0, BINS - 1)
    return np.where(bits >> 31, -magnitude, magnitude) + (BINS - 1)


def _edges() -> Array:
    """Where the bins of positive numbers begin, and where the last one ends: float64[BINS]."""
    bits = (np.arange(BINS, dtype=np.uint32) + np.uint32(_FIRST)) << np.uint32(_DROPPED)
    return bits.view(np.float32).astype(np.float64)


@dataclass
class Observed:
    """A tensor's numbers over all pictures, seen one after the other.

    Examples
    --------
    >>> seen = Observed(counting=True)
    >>> seen.add(np.array([-1, 0, 0, 2], np.float32))
    >>> seen.low, seen.high
    (-1.0, 2.0)
    >>> [part.tolist() for part in seen.distribution()]
    [[-1.001953125, 0.0, 2.00390625], [1, 2, 1]]
    """

    counting: bool = False
    low: float = 0.0  # 0 has a code always
    high: float = 0.0
    finite: bool = True
    counts: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(2 * BINS - 1 if self.counting else 0, np.int64)

    def add(self, x: Array) -> None:
        """See more numbers."""
        low, high = float(x.min()), float(x.max())  # both are NaN where a number is
        self.finite = self.finite and math.isfinite(low) and math.isfinite(high)
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self.counting:
            self.counts += np.bincount(_bins(x), minlength=self.counts.size)

    def distribution(self) -> tuple[Array, Array]:
        """The middle of each bin that is not empty, in ascending order, and how many numbers it has."""
        edges = _edges()
        positive = (edges[:-1] + edges[1:]) / 2
        middles = np.concatenate([-positive[::-1], [0.0], positive])
        there = self.counts > 0
        return middles[there], self.counts[there]

    def end(self, beyond: int, *, low: bool = False) -> float:
        """The high end of the narrowest range that has at most so many numbers beyond it; or its ``low`` end."""
        counts = self.counts if low else self.counts[::-1]  # the outermost bin first
        farther_out = np.cumsum(counts) - counts
        innermost = int(np.flatnonzero(farther_out <= beyond)[-1])
        outer_edges = _edges()[:0:-1]
        end = float(outer_edges[innermost]) if innermost < len(outer_edges) else 0.0
        return max(self.low, -end) if low else min(self.high, end)
