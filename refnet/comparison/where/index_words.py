"""Words for a set of places along one axis: a block, a tail, every 16th, certain rows of each strip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refnet.arrays import Array

FEW = 6  # places that are listed one by one
MOST = 0.75  # of an axis: the others may be right by chance


def words_of(places: Array, length: int, noun: str) -> str:
    """Describe places, ascending, of an axis of ``length``; empty if they are all of it, or most of it and no pattern.

    Examples
    --------
    >>> [words_of(np.array(p), 24, "channel") for p in ([3], range(16, 24), [0, 23], range(15, 24, 4), [2, 3, 6, 7])]
    ['channel 3 of 24', 'channels 16–23 of 24', 'channels 0 and 23 of 24', 'channels 15, 19, 23 of 24', \
'channels 2, 3, 6, 7 of 24']
    >>> words_of(np.arange(3, 56, 4), 56, "row")
    'rows 3, 7, 11, … 55 of 56: row 3 of each strip of 4'
    """
    in_one_piece = places[-1] - places[0] + 1 == len(places)
    if len(places) == length or (len(places) > MOST * length and not in_one_piece and not period_of(places, length)):
        return ""
    if len(places) == 1:
        return f"{noun} {places[0]} of {length}"
    return f"{noun}s {_listed(places)} of {length}{_strips(places, length, noun)}"


def _listed(places: Array) -> str:
    named = [_run(run) for run in _runs(places)]
    if len(named) > FEW:
        named = [*named[:3], f"… {named[-1]}"]
        return ", ".join(named)
    return " and ".join(named) if len(named) == 2 else ", ".join(named)


def _run(run: tuple[int, int]) -> str:
    first, last = run
    return f"{first}–{last}" if last > first else f"{first}"


def _runs(places: Array) -> list[tuple[int, int]]:
    """First and last of each run of neighbours, three at least; else each is its own."""
    found: list[tuple[int, int]] = []
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        first, last = int(run[0]), int(run[-1])
        found += [(first, last)] if len(run) > 2 else [(int(place), int(place)) for place in run]
    return found


def _strips(places: Array, length: int, noun: str) -> str:
    """Say if they are the same ones of each strip; the last strip may be cut off."""
    period = period_of(places, length)
    if period is None:
        return ""
    within = np.unique(places % period)
    plural = "s" if len(within) > 1 else ""
    return f": {noun}{plural} {_listed(within)} of each {'strip' if noun == 'row' else 'block'} of {period}"


def period_of(places: Sequence[int] | Array, length: int) -> int | None:
    """Return the smallest length of strips of which the places are always the same ones, at least three times.

    Examples
    --------
    >>> period_of(range(3, 56, 4), 56), period_of([0, 1, 8, 9, 16, 17], 24), period_of([0, 5, 7], 8)
    (4, 8, None)
    """
    there = np.zeros(length, bool)
    there[np.asarray(places)] = True
    for period in range(2, length // 3 + 1):
        if np.array_equal(there[:-period], there[period:]):
            return period
    return None
