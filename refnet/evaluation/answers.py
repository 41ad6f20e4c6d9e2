"""Answers: what somebody said of each picture of a data set, most probable class first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

NOBODY = -1  # no class


@dataclass(frozen=True, eq=False)
class Answers:
    """Everybody's answers as arrays, so that a million pictures need no more than 60 MB.

    Attributes
    ----------
    classes
        i32[N,K]: the K most probable classes of each picture, most probable first; -1 where there is no answer.
    values
        f64[N,K]: the numbers for them; NaN where they are not known.
    failed
        Place of each picture without an answer, and why.

    Examples
    --------
    >>> answers = Answers.of([[(7, 0.75), (2, 0.25)], "cat.jpg: not a picture"], 2)
    >>> answers.best.tolist(), answers.answered.tolist(), answers.failed
    ([7, -1], [True, False], {1: 'cat.jpg: not a picture'})
    """

    classes: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]
    failed: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, each: Sequence[Sequence[tuple[int, float]] | str], top: int) -> Answers:
        """Make them of a list for each picture: its classes with their numbers, or why there are none."""
        found = cls.empty(len(each), top)
        for place, one in enumerate(each):
            if isinstance(one, str):
                found.failed[place] = one
            else:
                found.put(place, one)
        return found

    @classmethod
    def empty(cls, pictures: int, top: int) -> Answers:
        """Make room for the answers to so many pictures."""
        return cls(np.full((pictures, top), NOBODY, np.int32), np.full((pictures, top), math.nan))

    def put(self, place: int, found: Sequence[tuple[int, float]]) -> None:
        """Put in what was found in one picture."""
        for rank, (index, value) in enumerate(found[: self.classes.shape[1]]):
            self.classes[place, rank], self.values[place, rank] = index, value

    @property
    def best(self) -> npt.NDArray[np.int32]:
        """i32[N]: the most probable class."""
        return self.classes[:, 0]

    @property
    def answered(self) -> npt.NDArray[np.bool_]:
        """bool[N]: whether there is an answer."""
        found: npt.NDArray[np.bool_] = self.best != NOBODY
        return found

    @property
    def depth(self) -> int:
        """How many classes are known of every picture that has an answer."""
        known = (self.classes[self.answered] != NOBODY).sum(axis=1)
        return int(known.min()) if known.size else 0
