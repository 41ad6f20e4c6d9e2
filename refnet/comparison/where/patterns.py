"""Patterns: a mask of wrong elements as a box of places, as rows that cross columns, or as a stretch of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.where.index_words import words_of

NOUNS = {"N": "picture", "H": "row", "W": "column", "C": "channel"}
FULL = 0.75  # of a row or column must be wrong, in one channel or another, to count as a whole one
DENSER = 1.1  # times the share of wrong elements that a less plain pattern must have
SCATTERED = 0.05  # less than this share of a pattern is no pattern


class Pattern(NamedTuple):
    """Words for a region that holds all wrong elements, and the share of it that is wrong."""

    words: str  # empty if it is everything
    share: float


def find_pattern(wrong: Array, axes: str, part: Sequence[tuple[int, int]], lengths: Sequence[int], order: str) -> str:
    """Describe a mask of the given axes, ``part`` of a tensor of ``lengths``; ``order`` is that of memory.

    The plainest pattern of which nearly as large a share is wrong as of the best one.

    Examples
    --------
    >>> wrong = np.zeros((1, 8, 8, 24), bool)
    >>> wrong[..., 16:] = True
    >>> find_pattern(wrong, "NHWC", [(0, n) for n in wrong.shape], wrong.shape, "NHWC")
    'channels 16–23 of 24'
    """
    box = _box(wrong, axes, part, lengths)
    found = [box, *filter(None, (_cross(wrong, axes, part, lengths), _stretch(wrong, axes, order)))]
    enough = max(pattern.share for pattern in found) / DENSER
    if enough * DENSER < SCATTERED:
        return f"elements scattered over {box.words}" if box.words else "elements scattered over all of it"
    return next(pattern.words for pattern in found if pattern.share >= enough)


def _sets(wrong: Array) -> list[Array]:
    """Along each axis, the places that hold anything wrong."""
    every = range(wrong.ndim)
    return [np.flatnonzero(wrong.any(tuple(other for other in every if other != axis))) for axis in every]


def _box(wrong: Array, axes: str, part: Sequence[tuple[int, int]], lengths: Sequence[int]) -> Pattern:
    sets = _sets(wrong)
    said = [
        words_of(places + start, length, NOUNS[axis])
        for axis, places, (start, _), length in zip(axes, sets, part, lengths, strict=True)
    ]
    inside = math.prod(map(len, sets))
    return Pattern(", ".join(filter(None, reversed(said))), np.count_nonzero(wrong) / inside)


def _cross(wrong: Array, axes: str, part: Sequence[tuple[int, int]], lengths: Sequence[int]) -> Pattern | None:
    """Whole rows and whole columns, such as the borders of a picture or of tiles."""
    if axes != "NHWC":
        return None
    pictures, _, _, channels = _sets(wrong)
    plane = wrong.any((0, 3))
    rows, columns = np.flatnonzero(plane.mean(1) >= FULL), np.flatnonzero(plane.mean(0) >= FULL)
    region = np.zeros_like(plane)
    region[rows], region[:, columns] = True, True
    if not len(rows) or not len(columns) or (plane & ~region).any():
        return None
    share = np.count_nonzero(wrong) / (np.count_nonzero(region) * len(pictures) * len(channels))
    starts = [start for start, _ in part]
    words = " and ".join(
        filter(
            None, (words_of(rows + starts[1], lengths[1], "row"), words_of(columns + starts[2], lengths[2], "column"))
        )
    )
    others = [
        words_of(channels + starts[3], lengths[3], "channel"),
        words_of(pictures + starts[0], lengths[0], "picture"),
    ]
    return Pattern(", ".join(filter(None, [words, *others])), share)


def _stretch(wrong: Array, axes: str, order: str) -> Pattern | None:
    """One stretch in the order of memory, such as the tail that a loop over vectors left out."""
    if sorted(order) != sorted(axes):
        return None
    flat = wrong.transpose([axes.index(axis) for axis in order]).reshape(-1)
    places = np.flatnonzero(flat)
    first, last = int(places[0]), int(places[-1])
    length = last - first + 1
    if length == flat.size:
        return None
    if last == flat.size - 1:
        words = f"the last {length:,} elements in memory ({order})"
    elif first == 0:
        words = f"the first {length:,} elements in memory ({order})"
    else:
        words = f"elements {first:,}–{last:,} in memory ({order})"
    return Pattern(words, len(places) / length)
