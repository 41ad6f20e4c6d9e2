"""Where a tensor is wrong, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.comparison.judgement.pieces import pieces
from refnet.comparison.judgement.verdict import MAX_FACTOR, RMS_FACTOR, Judgement
from refnet.comparison.where.contents import find_contents
from refnet.comparison.where.patterns import find_pattern


@dataclass(frozen=True)
class Where:
    """Which elements of a tensor are wrong.

    Attributes
    ----------
    wrong, elements
        How many are farther from what they should be than roundings explain, of how many.
    first
        Index of the first of them, in refnet's axes: (n, h, w, c), or (n, c) of vectors.
    actual, expected
        What stands there, and what should.
    places
        In words: a block of rows, columns or channels, a tail, every 16th, …; empty if they are everywhere.
    contents
        What the wrong ones are, if they are one thing: ``0``, ``NaN``, ``what belongs to picture 0``; else empty.
    """

    wrong: int
    elements: int
    first: Shape
    actual: float
    expected: float
    places: str
    contents: str

    @property
    def sentence(self) -> str:
        """All of it in one sentence.

        Examples
        --------
        >>> Where(1, 8, (0, 5), 2.0, 1.0, "channel 5 of 8", "").sentence
        'wrong in a single element of 8: (0, 5) is 2 instead of 1; all else is right'
        >>> Where(2, 8, (0, 6), 0.0, 1.0, "channels 6, 7 of 8", "0").sentence
        'wrong in channels 6, 7 of 8, where 0 stands: 2 of 8 elements, first (0, 6): 0 instead of 1; all else is right'
        """
        index = f"({', '.join(map(str, self.first))})"
        values = f"{_value(self.actual)} instead of {_value(self.expected)}"
        if self.wrong == 1:
            rest = "; all else is right" if self.elements > 1 else ""
            return f"wrong in a single element of {self.elements:,}: {index} is {values}{rest}"
        places = f"in {self.places}" if self.places else "nearly everywhere"
        contents = f", where {self.contents} stands" if self.contents else ""
        if self.wrong == self.elements:
            return f"wrong everywhere{contents}: all {self.elements:,} elements, first {index}: {values}"
        count = f"{self.wrong:,} of {self.elements:,} elements"
        rest = "; all else is right" if self.places else ""  # nearly everywhere, others are right by chance
        return f"wrong {places}{contents}: {count}, first {index}: {values}{rest}"


def _value(number: float) -> str:
    return f"{number:.9g}" if math.isfinite(number) else "NaN" if math.isnan(number) else "infinite"


def find_where(
    actual: Array,
    expected: Array,
    axes: str,
    judgement: Judgement | None = None,
    *,
    part: Sequence[tuple[int, int]] = (),
    whole: Shape = (),
    order: str = "",
) -> Where | None:
    """Find the wrong elements of a tensor of ``axes``, beyond what its noise floor explains; None if there are none.

    The tensor is ``part`` of one of the shape ``whole``, if these are given; ``order`` is the port's, of memory.

    Examples
    --------
    >>> expected = np.ones((1, 4, 4, 8), np.float32)
    >>> actual = expected.copy()
    >>> actual[:, 3] = 0
    >>> find_where(actual, expected, "NHWC").sentence
    'wrong in row 3 of 4, where 0 stands: 32 of 128 elements, first (0, 3, 0, 0): 0 instead of 1; all else is right'
    """
    wrong, limit = _wrong(actual, expected, judgement)
    count = int(np.count_nonzero(wrong))
    if not count:
        return None
    part = part or [(0, length) for length in actual.shape]
    first = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    return Where(
        count,
        wrong.size,
        tuple(i + start for i, (start, _) in zip(first, part, strict=True)),
        float(actual[first]),
        float(expected[first]),
        find_pattern(wrong, axes, part, whole or actual.shape, order),
        find_contents(actual, expected, wrong, axes, limit),
    )


def _wrong(actual: Array, expected: Array, judgement: Judgement | None) -> tuple[Array, float]:
    """Mark what is no number, else what the floor does not explain; and the limit between right and wrong."""
    floor = judgement.floor if judgement else None
    limits = (MAX_FACTOR * floor.largest, RMS_FACTOR * floor.rms) if floor else (0.0,)
    wrong = np.empty(
        actual.shape, bool
    )  # in C's order, however the port's tensor lies: it is filled through a flat view
    np.logical_not(np.isfinite(actual), out=wrong)
    if wrong.any():
        return wrong, limits[0]
    for limit in limits:
        flat = wrong.reshape(-1)
        for start, mine, theirs in pieces(actual, expected):
            flat[start : start + len(mine)] = np.abs(mine.astype(np.float64) - theirs) > limit
        if wrong.any():
            break
    return wrong, limit
