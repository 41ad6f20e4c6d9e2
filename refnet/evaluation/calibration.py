"""Calibration: whether a network that says 80 % is right 80 times in 100."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BINS = 15


class Bin(NamedTuple):
    """The answers whose probability is above ``low`` and at most ``high``.

    ``confidence`` is the mean of what they said, ``accuracy`` the share that was right; both NaN where there are none.
    """

    low: float
    high: float
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    confidence: float
    accuracy: float

    @property
    def gap(self) -> float:
        """How much too sure they were; negative if not sure enough."""
        return self.confidence - self.accuracy


def reliability(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Sort answers into bins of one width by how sure they were; a probability of 0 is in the first.

    Examples
    --------
    >>> first, second = reliability(np.array([0.25, 0.5, 0.75, 1.0]), np.array([False, True, True, False]), bins=2)
    >>> first
    Bin(low=0.0, high=0.5, count=2, confidence=0.375, accuracy=0.5)
    >>> second
    Bin(low=0.5, high=1.0, count=2, confidence=0.875, accuracy=0.5)
    """
    edges = np.arange(1, bins) / bins
    places = np.searchsorted(edges, confidence, side="left")  # an edge belongs to the bin below it
    found = []
    for place in range(bins):
        said = confidence[places == place].tolist()
        count = len(said)
        mean = math.fsum(said) / count if count else math.nan
        share = int(right[places == place].sum()) / count if count else math.nan
        found.append(Bin(place / bins, (place + 1) / bins, count, mean, share))
    return tuple(found)


def expected_error(bins: tuple[Bin, ...]) -> float:
    """ECE, the expected calibration error: how far bins are from what they say, on the mean over all answers.

    Examples
    --------
    >>> expected_error(reliability(np.array([0.25, 0.5, 0.75, 1.0]), np.array([False, True, True, False]), bins=2))
    0.25
    """
    total = sum(each.count for each in bins)
    return math.fsum(each.count / total * abs(each.gap) for each in bins if each.count) if total else math.nan
