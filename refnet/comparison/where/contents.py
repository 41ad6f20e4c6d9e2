"""Contents: what stands in the place of right numbers: a constant, no number, or what belongs to a neighbour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refnet.arrays import Array
from refnet.comparison.where.patterns import NOUNS

MOST = 64  # places along an axis that are compared with others
NEIGHBOURS = (-1, 1, -2, 2)


def find_contents(actual: Array, expected: Array, wrong: Array, axes: str, limit: float) -> str:
    """Say what the wrong elements are, if they are one thing; else empty.

    Examples
    --------
    >>> expected = np.arange(1.0, 9.0).reshape(2, 4)
    >>> actual = expected * [[1], [0]]
    >>> find_contents(actual, expected, actual != expected, "NC", 0.0)
    '0'
    >>> actual = expected[[0, 0]]
    >>> find_contents(actual, expected, actual != expected, "NC", 0.0)
    'what belongs to picture 0'
    """
    values = actual[wrong]
    if np.isnan(values).all():
        return "NaN"
    if len(values) > 1 and (values == values[0]).all():
        return f"{values[0]:.9g}".replace("inf", "infinity")
    if len(values) > 1 and np.array_equal(values, -expected[wrong]):
        return "the number with the other sign"
    return next(_of_others(actual, expected, wrong, axes, limit), "")


def _of_others(actual: Array, expected: Array, wrong: Array, axes: str, limit: float) -> Iterator[str]:
    """Look along each axis for places that hold what belongs to another one."""
    for axis, name in enumerate(axes):
        others = tuple(other for other in range(wrong.ndim) if other != axis)
        places = np.flatnonzero(wrong.any(others))
        if not 0 < len(places) <= min(MOST, wrong.shape[axis]):
            continue
        theirs, ours = np.moveaxis(actual, axis, 0), np.moveaxis(expected, axis, 0)
        for one in _sources(places, len(ours)):
            if all(_same(theirs[place], ours[source], limit) for place, source in one):
                yield _said(one, NOUNS[name])


def _sources(places: Array, length: int) -> Iterator[list[tuple[int, int]]]:
    """Pairs of a place and where its numbers may be from: a neighbour of each, or one place for all."""
    for by in NEIGHBOURS:
        pairs = [(int(place), int(place) + by) for place in places]
        if all(0 <= source < length for _, source in pairs):
            yield pairs
    for source in (0, length - 1):
        if source not in places:
            yield [(int(place), source) for place in places]


def _same(theirs: Array, ours: Array, limit: float) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((np.abs(theirs.astype(np.float64) - ours) <= limit).all()) and bool(ours.any())


def _said(pairs: list[tuple[int, int]], noun: str) -> str:
    sources = sorted({source for _, source in pairs})
    if len(sources) == 1:
        return f"what belongs to {noun} {sources[0]}"
    by = pairs[0][1] - pairs[0][0]
    count = "" if abs(by) == 1 else f" {abs(by)} places"
    return f"what belongs to the {noun}{count} {'before' if by < 0 else 'after'}"
