"""Distance: how far a port's tensor is from the golden's, in numbers that people compare by.

All sums are in float64, a piece of the tensors at a time. Elements that are no number on either side are counted and
left out of everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.comparison.judgement.pieces import dot, pieces
from refnet.golden.dtypes import WHOLE

BUCKETS = 66  # of a histogram
_MOST = np.uint64((1 << 63) - 1)
_MOST_KEPT = (1 << 32) - 1  # of a distance, for the median


@dataclass(frozen=True)
class Distance:
    """How far a port's tensor is from the golden's.

    Attributes
    ----------
    elements, equal
        How many there are, and how many are the same number; 0 and -0 are.
    max_abs
        Largest size of actual - golden.
    max_rel
        Largest size of (actual - golden) / golden, with at least the smallest normal number below, so that 0 / 0 is 0.
    rms, rel_rms
        Root mean square of actual - golden; the same divided by that of golden.
    ulps
        Histogram of the distance in units of the last place, the number of steps from one to the other along the
        format's numbers: how many elements are 0, 1, 2, 3 to 4, 5 to 8, … of them apart.
    ulp_max, ulp_median
        Largest and (lower) median distance, the latter at most 2**32 - 1.
    cosine
        Of the angle between both, 1 for equal directions; two zero tensors have one direction.
    snr
        10 log10 of sum(golden²) / sum((actual - golden)²), in dB; infinite where both are equal.
    worst, first
        Index of the largest absolute difference and of the first difference; None where there is none.
    nan, infinite
        How many NaN and infinities ``actual`` has where ``golden`` has a number.
    golden_not_finite
        How many elements of ``golden`` are no number.
    """

    elements: int
    equal: int
    max_abs: float
    max_rel: float
    rms: float
    rel_rms: float
    ulps: tuple[int, ...]
    ulp_max: int
    ulp_median: int
    cosine: float
    snr: float
    worst: Shape | None
    first: Shape | None
    nan: int
    infinite: int
    golden_not_finite: int

    @property
    def share_equal(self) -> float:
        """Part of the elements that are the same number."""
        return self.equal / self.elements if self.elements else 1.0


def measure_distance(actual: Array, golden: Array, dtype: str | None = None) -> Distance:
    """Measure a port's tensor against the golden's, both of floats or of whole numbers, and of one shape.

    Units of the last place are those of ``dtype``, a format that holds both exactly; by default that of ``golden``.

    Examples
    --------
    >>> golden = np.array([[1.0, 2.0, -4.0]], np.float32)
    >>> found = measure_distance(np.nextafter(golden, np.float32(9)), golden)
    >>> found.ulps, found.max_abs == 2.0**-22, found.worst, found.first
    ((0, 3), True, (0, 1), (0, 0))
    """
    dtype = dtype or golden.dtype.name
    sums = _Sums(1.0 if dtype in WHOLE else float(np.finfo("float32" if dtype == "bfloat16" else dtype).tiny))
    kept = np.empty(golden.size, np.uint32)
    count = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for start, mine, theirs in pieces(actual, golden):
            finite = np.isfinite(mine) & np.isfinite(theirs)
            sums.count(mine, theirs)
            kept_of = slice(None) if finite.all() else finite
            found = ulp_distance(mine[kept_of], theirs[kept_of], dtype)
            kept[count : count + len(found)] = np.minimum(found, _MOST_KEPT)
            count += len(found)
            sums.ulps += _buckets(found)
            sums.ulp_max = max(sums.ulp_max, int(np.max(found, initial=0)))
            sums.add(start, mine, theirs, finite)
    return sums.result(kept[:count], golden.shape)


def ulp_distance(a: Array, b: Array, dtype: str) -> Array:
    """Count the steps from each number of ``a`` to that of ``b`` along the numbers of a format: i64, at most 2**63 - 1.

    Examples
    --------
    >>> ulp_distance(np.array([1.0, 0.0]), np.array([1.0 + 2.0**-7, -0.0]), "bfloat16").tolist()
    [1, 0]
    """
    if dtype in WHOLE:
        return np.abs(a.astype(np.int64) - b.astype(np.int64))
    there, back = _ordinal(a, dtype), _ordinal(b, dtype)
    # The difference of two signed numbers may need all 64 bits.
    distance = np.maximum(there, back).view(np.uint64) - np.minimum(there, back).view(np.uint64)
    return np.minimum(distance, _MOST).view(np.int64)


def _ordinal(x: Array, dtype: str) -> Array:
    """Count numbers along all of a format: i64, both zeros at 0, negative ones below."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(x, np.float32).view(np.int32) >> np.int32(16)
        lowest = -(1 << 15)
    else:
        x = np.ascontiguousarray(x, dtype)
        bits = x.view(f"i{x.itemsize}")
        lowest = -(1 << 8 * x.itemsize - 1)
    places = bits.astype(np.int64)
    return np.where(places < 0, np.int64(lowest) - places, places)


def _buckets(distances: Array) -> Array:
    """Count distances of 0, 1, 2, 3 to 4, 5 to 8, and so on."""
    above = np.frexp(np.maximum(distances - 1, 0).astype(np.float64))[1]  # its length in bits
    return np.bincount(np.where(distances > 0, above + 1, 0), minlength=BUCKETS)


def _trimmed(buckets: Array) -> tuple[int, ...]:
    return tuple(int(count) for count in np.trim_zeros(buckets, "b"))


def bucket_label(index: int) -> str:
    """Say which distances a place of the histogram counts.

    Examples
    --------
    >>> [bucket_label(index) for index in range(5)]
    ['0', '1', '2', '3–4', '5–8']
    """
    return str(index) if index < 3 else f"{(1 << index - 2) + 1}–{1 << index - 1}"


class _Sums:
    """What is gathered piece by piece."""

    def __init__(self, tiny: float) -> None:
        self.tiny = float(tiny)
        self.equal = self.nan = self.infinite = self.golden_not_finite = 0
        self.max_rel = self.error = self.mine = self.theirs = self.product = 0.0
        self.worst: tuple[float, int] = (0.0, -1)
        self.first = -1
        self.ulps = np.zeros(BUCKETS, np.int64)
        self.ulp_max = 0

    def count(self, mine: Array, theirs: Array) -> None:
        known = np.isfinite(theirs)
        self.golden_not_finite += int(known.size - np.count_nonzero(known))
        self.nan += int(np.count_nonzero(np.isnan(mine) & known))
        self.infinite += int(np.count_nonzero(np.isinf(mine) & known))

    def add(self, start: int, mine: Array, theirs: Array, finite: Array) -> None:
        differs = (mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))
        self.equal += int(differs.size - np.count_nonzero(differs))
        if self.first < 0 and differs.any():
            self.first = start + int(np.argmax(differs))
        a = np.where(finite, mine, 0).astype(np.float64)
        g = np.where(finite, theirs, 0).astype(np.float64)
        self.mine += dot(a, a)
        self.theirs += dot(g, g)
        self.product += dot(a, g)
        error = np.abs(np.subtract(a, g, out=a))
        self.error += dot(error, error)
        at = int(np.argmax(error))
        if error[at] > self.worst[0]:
            self.worst = float(error[at]), start + at
        self.max_rel = max(self.max_rel, float(np.max(error / np.maximum(np.abs(g), self.tiny))))

    def result(self, distances: Array, shape: Shape) -> Distance:
        """Sum up; ``distances`` are put in another order."""

        def index(flat: int) -> Shape | None:
            return None if flat < 0 else tuple(int(i) for i in np.unravel_index(flat, shape))

        count, elements = len(distances), math.prod(shape)
        lengths = math.sqrt(self.mine) * math.sqrt(self.theirs)
        cosine = self.product / lengths if lengths else float(self.mine == self.theirs)
        if count:
            distances.partition((count - 1) // 2)
        median = int(distances[(count - 1) // 2]) if count else 0
        signal = 10 * math.log10(self.theirs / self.error) if self.theirs and self.error else -math.inf
        return Distance(
            elements=elements,
            equal=self.equal,
            max_abs=self.worst[0],
            max_rel=self.max_rel,
            rms=math.sqrt(self.error / count) if count else 0.0,
            rel_rms=math.sqrt(self.error / self.theirs) if self.theirs else (math.inf if self.error else 0.0),
            ulps=_trimmed(self.ulps),
            ulp_max=self.ulp_max,
            ulp_median=median,
            cosine=min(1.0, max(-1.0, cosine)),
            snr=signal if self.error else math.inf,
            worst=index(self.worst[1]),
            first=index(self.first),
            nan=self.nan,
            infinite=self.infinite,
            golden_not_finite=self.golden_not_finite,
        )
