"""Pictures: those of a batch that hold another's result, and sums that go on from one run to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from refnet.comparison.diagnosis.computation import Computation, finish
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

SAME = 1e-5  # of the largest number: numbers nearer than that are the same but for roundings
MOST_RUNS = 4


def pictures(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Another picture's result in a picture's place, or the same sums once more on top."""
    c = s.right
    if len(c.inputs[0]) > 1:
        yield from _taken(c, trial)
    if c.kernel is not None and c.norms:
        for runs in range(2, MOST_RUNS + 1):
            times = "twice" if runs == 2 else f"{runs} times"
            words = f"every sum counts {times}: an accumulator that is not set back to 0 before it is used again"
            yield Mistake("sums-repeated", words, replace(c, kernel=c.kernel * np.float32(runs)))


def _taken(c: Computation, trial: Trial) -> Iterator[Mistake]:
    """Pictures that hold what belongs to others, as the numbers say."""
    with np.errstate(all="ignore"):
        right, seen = finish(trial.sample, trial.total, np.float64), trial.seen
    if right.shape != seen.shape:
        return
    near = SAME * float(np.abs(right).max(initial=0.0))
    order = [
        next((m for m in _likely(n, len(right)) if np.abs(right[m] - seen[n]).max() <= near), n)
        for n in range(len(right))
    ]
    if order != list(range(len(order))):
        name, words = _said(order)
        yield Mistake(name, words, replace(c, reorder=lambda y: y[order]))


def _likely(picture: int, count: int) -> list[int]:
    """The picture itself first."""
    return [picture, *(other for other in range(count) if other != picture)]


def _said(order: Sequence[int]) -> tuple[str, str]:
    """Name and words of an order of pictures.

    Examples
    --------
    >>> _said([0, 0, 0])
    ('first-picture', 'all pictures of the batch hold picture 0')
    >>> _said([0, 1, 1])
    ('pictures-moved', 'picture 2 of the batch holds picture 1')
    """
    if len(set(order)) == 1:
        name = "pictures-moved" if order[0] else "first-picture"
        return name, f"all pictures of the batch hold picture {order[0]}"
    if list(order) == list(range(len(order)))[::-1]:
        return "pictures-swapped", "the pictures of the batch are in reverse order"
    moved = [(place, source) for place, source in enumerate(order) if place != source]
    if len(moved) == 1:
        return "pictures-moved", "picture {} of the batch holds picture {}".format(*moved[0])
    places, sources = (", ".join(map(str, numbers)) for numbers in zip(*moved, strict=True))
    return "pictures-moved", f"pictures {places} of the batch hold pictures {sources}"
