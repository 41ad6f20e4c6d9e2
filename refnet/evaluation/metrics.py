"""What is counted: how often the answer was right, with its interval; by class; what was taken for what."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from refnet.evaluation.answers import Answers

Z95 = 1.959963984540054  # a normal variable stays within so many standard deviations 95 times in 100
DEPTH = 5  # classes among which the right one must be, for top-5


class Share(NamedTuple):
    """So many right of so many.

    Examples
    --------
    >>> share = Share(148, 200)
    >>> share.share, [round(bound, 4) for bound in share.interval]
    (0.74, [0.6751, 0.7959])
    >>> Share(0, 0).interval
    (0.0, 1.0)
    """

    right: int
    of: int

    @property
    def share(self) -> float:
        """What share that is; NaN of nothing."""
        return self.right / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval: with what shares of all pictures like these the sample agrees, at 95 %."""
        return wilson(self.right, self.of)

    def holds(self, share: float) -> bool:
        """Whether the interval has a share in it."""
        low, high = self.interval
        return low <= share <= high


def wilson(right: int, of: int, z: float = Z95) -> tuple[float, float]:
    """Compute Wilson's score interval, which keeps its promise for few pictures and near 0 and 1 too.

    Examples
    --------
    >>> wilson(5, 5)[1], round(wilson(5, 5)[0], 4)
    (1.0, 0.5655)
    """
    if not of:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return 0.0 if right == 0 else max(0.0, middle - half), 1.0 if right == of else min(1.0, middle + half)


def right_at(truth: npt.NDArray[np.int32], answers: Answers, depth: int = 1) -> npt.NDArray[np.bool_]:
    """bool[N]: whether the right class is among the ``depth`` most probable ones."""
    found: npt.NDArray[np.bool_] = (answers.classes[:, :depth] == truth[:, None]).any(axis=1)
    return found


def top(truth: npt.NDArray[np.int32], answers: Answers, depth: int = 1) -> Share:
    """Count the pictures whose class is among the ``depth`` most probable ones; pictures without an answer not at all.

    Examples
    --------
    >>> answers = Answers.of([[(7, 0.75), (2, 0.25)], [(2, 0.5), (7, 0.5)], "damaged"], 2)
    >>> truth = np.array([7, 7, 7], np.int32)
    >>> top(truth, answers), top(truth, answers, 2)
    (Share(right=1, of=2), Share(right=2, of=2))
    """
    return Share(int(right_at(truth, answers, depth).sum()), int(answers.answered.sum()))


class ClassScore(NamedTuple):
    """One class.

    Attributes
    ----------
    index
        The class.
    top1, top5
        Of its pictures; ``top5`` is None where fewer classes are known.
    answers
        How often it was the answer, rightly or wrongly.
    taken_for, times
        The class that most of its wrong answers were, and how often; -1 and 0 where there are none.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    top1: Share
    top5: Share | None
    answers: int
    taken_for: int
    times: int

    @property
    def precision(self) -> Share:
        """How often it was right when it was the answer."""
        return Share(self.top1.right, self.answers)


def by_class(truth: npt.NDArray[np.int32], answers: Answers, classes: int) -> list[ClassScore]:
    """Score every class of which there is an answered picture; first those that are bad beyond doubt.

    They stand by the upper end of the interval: none right of fifty comes before none right of one.
    """
    known = answers.answered
    deep = answers.depth >= DEPTH
    best, real = answers.best[known], truth[known]
    hits, deep_hits = (right_at(truth, answers, depth)[known] for depth in (1, DEPTH))
    counts, right, deep_right, given = (
        np.bincount(which, minlength=classes).tolist() for which in (real, real[hits], real[deep_hits], best)
    )
    most: dict[int, tuple[int, int]] = {}
    for (one, other), times in sorted(_mistaken(real, best).items(), key=lambda item: (-item[1], item[0])):
        most.setdefault(one, (other, times))
    scores = [
        ClassScore(
            index,
            Share(right[index], counts[index]),
            Share(deep_right[index], counts[index]) if deep else None,
            given[index],
            *most.get(index, (-1, 0)),
        )
        for index in range(classes)
        if counts[index]
    ]
    return sorted(scores, key=lambda score: (score.top1.interval[1], score.top1.share, score.index))


class Confusion(NamedTuple):
    """Two classes that are taken for each other: how often the first for the second, and how often back.

    ``costs`` is what share of all pictures these mistakes are.
    """

    truth: int
    answer: int
    times: int
    back: int
    costs: float

    @property
    def both(self) -> int:
        """How often, either way."""
        return self.times + self.back


def confusions(truth: npt.NDArray[np.int32], answers: Answers) -> list[Confusion]:
    """Count what was taken for what, pairs that cost most first.

    Examples
    --------
    >>> truth = np.array([1, 1, 2, 3], np.int32)
    >>> confusions(truth, Answers.of([[(2, 0.5)], [(1, 0.5)], [(1, 0.5)], [(3, 0.5)]], 1))
    [Confusion(truth=1, answer=2, times=1, back=1, costs=0.5)]
    """
    known = answers.answered
    counts = _mistaken(truth[known], answers.best[known])
    pictures = int(known.sum())
    pairs = []
    for (one, other), times in counts.items():
        back = counts[other, one]
        if times > back or (times == back and one < other):
            pairs.append(Confusion(one, other, times, back, (times + back) / pictures))
    return sorted(pairs, key=lambda pair: (-pair.both, pair.truth, pair.answer))


def _mistaken(real: npt.NDArray[np.int32], best: npt.NDArray[np.int32]) -> Counter[tuple[int, int]]:
    wrong = real != best
    return Counter(zip(real[wrong].tolist(), best[wrong].tolist(), strict=True))


def most_confident_mistakes(truth: npt.NDArray[np.int32], answers: Answers, most: int) -> list[int]:
    """Places of the wrong answers with the largest numbers, largest first.

    Examples
    --------
    >>> truth = np.array([1, 1, 2], np.int32)
    >>> most_confident_mistakes(truth, Answers.of([[(2, 0.5)], [(1, 0.5)], [(1, 0.75)]], 1), 5)
    [2, 0]
    """
    wrong = np.flatnonzero(answers.answered & (answers.best != truth))
    value = np.nan_to_num(answers.values[wrong, 0], nan=-math.inf, neginf=-math.inf, posinf=math.inf)
    found: list[int] = wrong[np.argsort(-value, kind="stable")][:most].tolist()
    return found
